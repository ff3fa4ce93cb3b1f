"""Texts of people, the same wherever they come in."""

from __future__ import annotations

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
