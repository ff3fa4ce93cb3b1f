"""What is wrong with a document: all of it at once, each with its path, no secret among it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from fuseline.core.errors import ConfigError
from fuseline.core.references import MASK
from fuseline.registry.errors import DocumentError

T = TypeVar("T")

_MAX_SHOWN = 200
_MAX_PROBLEMS = 100
_HUGE = 10**30
# Options have names of their own, so any of them may hold a secret; and so may any header.
_SECRET = ("headers.", "headers[", "options.", "options[")


def member(path: str, name: object) -> str:
    """The path of a member; one whose name is not plain text is quoted, and cut if it is long."""
    plain = isinstance(name, str) and 0 < len(name) <= 100 and name.isprintable()
    if plain and "." not in str(name) and "[" not in str(name):
        return f"{path}.{name}" if path else str(name)
    quoted = ascii(name)
    return f"{path}[{quoted if len(quoted) <= 100 else quoted[:100] + '...'}]"


class Problems:
    """Collects refusals."""

    def __init__(self) -> None:
        self.errors: list[ConfigError] = []

    def add(self, field: str, value: Any, allowed: str) -> None:
        """Notes that a value is not allowed."""
        if len(self.errors) < _MAX_PROBLEMS:
            self.errors.append(ConfigError(field, clipped(field, value), allowed))

    def attempt(self, make: Callable[..., T], *args: Any, at: str | None = None) -> T | None:
        """What `make` gives; None, and its refusal is noted, if it raises one.

        Args:
            make: what may raise.
            args: for it.
            at: the path of the value; None: the one that the error names.
        """
        try:
            return make(*args)
        except ConfigError as error:
            self.add(at or error.field, error.value, error.allowed)
            return None

    def check(self) -> None:
        """Ends the collecting.

        Raises:
            DocumentError: something is not allowed.
        """
        if self.errors:
            raise DocumentError(self.errors)


def clipped(field: str, value: Any) -> Any:
    """A refused value as it may be shown: short, printable, and without what may be a secret."""
    if field.startswith(_SECRET):
        return MASK
    if isinstance(value, str):
        if field == "url":
            value = _shown_url(value)
        text = value.encode("utf-8", "backslashreplace").decode()
        return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
    if isinstance(value, int) and abs(value) > _HUGE:
        return f"a number of {value.bit_length()} bits"
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, Mapping):
        return f"an object of {len(value)} members"
    try:
        text = repr(value)
    except (ValueError, RecursionError):
        return f"a {type(value).__name__}"
    return value if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."


def _shown_url(url: str) -> str:
    if "@" in url:
        return MASK
    cut = min((at for mark in "?#" if (at := url.find(mark)) >= 0), default=None)
    return url if cut is None else f"{url[: cut + 1]}{MASK}"
