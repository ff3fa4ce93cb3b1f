"""Texts of people, and moments as text: the same wherever they come in or go out."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fuseline.core.errors import ConfigError

_MAX_TEXT = 500


def check_text(field: str, text: Any) -> str:
    """A reason or an actor: something, in one line.

    Raises:
        ConfigError: under the name `field`.
    """
    if isinstance(text, str):
        word = text.strip()
        if 1 <= len(word) <= _MAX_TEXT and word.isprintable():
            return word
    raise ConfigError(field, text, f"1 to {_MAX_TEXT} printable characters in one line")


def iso(ms: int) -> str | None:
    """A time as ISO 8601 in UTC; None for 0, which is no time."""
    if not ms:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
