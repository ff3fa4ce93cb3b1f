"""A finding of the diagnosis."""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct

_NAMED = 3


class Level(StrEnum):
    """How a finding stands."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        check: short name of what was looked at.
        level: how it stands.
        text: what was found, with the values.
        fix: what to do; "" if nothing need be done.
    """

    check: str
    level: Level
    text: str
    fix: str = ""


def some(names: list[str]) -> str:
    """The first few of some names."""
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")
