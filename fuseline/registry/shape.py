"""The shape of a document that comes in: its members, and that their values are plain JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from fuseline.registry.document import READ_ONLY, WRITABLE, Document
from fuseline.registry.problems import Problems, member

_MAX_DEPTH = 32
_WHOLE = 1 << 63  # beyond, numbers cannot be stored
_MAX_BITS = 1024  # beyond, numbers cannot even be written in a message


def members(
    document: Any, standing: Document | None, problems: Problems, *, name: str | None = None
) -> dict[str, Any]:
    """The members of a document that may be set, as far as they are plain JSON.

    Args:
        document: what came in.
        standing: the document as it is shown now, whose read-only members may come back; None:
            there is none yet.
        problems: takes what is wrong.
        name: the agent that the document is for; None: the document says so itself.
    """
    if not isinstance(document, Mapping):
        problems.add("", document, "an object with the members of an agent")
        return {}
    found: dict[str, Any] = {}
    for key, value in document.items():
        if key in READ_ONLY:
            _check_read_only(key, value, standing, problems)
        elif key not in WRITABLE:
            # The value is not repeated: under a name that is misspelt may be a secret.
            problems.add(member("", key), "***", f"one of the members {', '.join(WRITABLE)}")
        elif key == "name" and name is not None:
            if value != name:
                problems.add("name", value, f"{name!r}, which the document is for, or no name")
        elif _is_plain(value, key, problems):
            found[key] = value
    return found


def _check_read_only(key: str, value: Any, standing: Document | None, problems: Problems) -> None:
    if standing is None:
        problems.add(key, value, "nothing: it is not set but shown")
    elif value != standing[key] or isinstance(value, bool) != isinstance(standing[key], bool):
        now = standing[key]
        word = "what was shown" if isinstance(now, dict | list) else repr(now)
        problems.add(key, value, f"{word}, as it stands, or nothing: it is not set but shown")


def _is_plain(value: Any, path: str, problems: Problems, depth: int = 0) -> bool:
    """Whether a value is one that JSON has; what is not, is noted."""
    if value is None or isinstance(value, bool):
        return True
    if isinstance(value, str):
        if any(0xD800 <= ord(char) <= 0xDFFF for char in value):
            problems.add(path, value, "text without lone surrogates")
            return False
        return True
    if isinstance(value, int | float):
        return _is_number(value, path, problems)
    if depth >= _MAX_DEPTH:
        problems.add(path, "...", f"at most {_MAX_DEPTH} levels")
        return False
    if isinstance(value, Mapping):
        inner = [(member(path, name), one) for name, one in value.items()]
        strange = [name for name in value if not isinstance(name, str) or not _is_text(name)]
        for name in strange:
            problems.add(member(path, name), "***", "names that are text")
        return not strange and _all_plain(inner, problems, depth)
    if isinstance(value, list | tuple):
        inner = [(f"{path}[{place}]", one) for place, one in enumerate(value)]
        return _all_plain(inner, problems, depth)
    problems.add(path, type(value).__name__, "text, a number, true, false, null, a list, an object")
    return False


def _all_plain(values: Iterable[tuple[str, Any]], problems: Problems, depth: int) -> bool:
    verdicts = [_is_plain(value, path, problems, depth + 1) for path, value in values]
    return all(verdicts)


def _is_number(value: float, path: str, problems: Problems) -> bool:
    """The rules of a setting know its bounds; options have no rules, but must be storable."""
    if not path.startswith("options"):
        fits = isinstance(value, float) or value.bit_length() <= _MAX_BITS
    elif isinstance(value, float):
        fits = math.isfinite(value)
    else:
        fits = -_WHOLE <= value < 2 * _WHOLE
    if not fits:
        problems.add(path, value, "a number of at most 64 bits")
    return fits


def _is_text(name: str) -> bool:
    return not any(0xD800 <= ord(char) <= 0xDFFF for char in name)
