"""Instants in queries."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated

from litestar.params import QueryParameter

from fuseline.core.errors import ConfigError

Instant = Annotated[
    str,
    QueryParameter(
        description="an ISO 8601 time with zone, ms since 1970, or an age like -5m, -2h or -7d",
        max_length=64,
    ),
]
ALLOWED = "an ISO 8601 time with zone, ms since 1970, or an age like -5m"

_AGE = re.compile(r"-([0-9]{1,9})(ms|s|m|h|d)")
_UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_MAX_MS = 253_402_300_799_999  # the end of the year 9999; calendars know no more


def parse_instant(field: str, text: str, now_ms: int) -> int:
    """An instant in ms since 1970.

    Args:
        field: name of the parameter, for the error.
        text: as it was given.
        now_ms: what ages count from.

    Raises:
        ConfigError: it is no instant.
    """
    word = text.strip()
    if found := _AGE.fullmatch(word):
        return max(0, now_ms - int(found[1]) * _UNITS_MS[found[2]])
    if word.isascii() and word.isdigit():
        ms = int(word)
    else:
        try:
            # "+" of a zone that was not encoded comes as a space.
            moment = datetime.fromisoformat(word.replace(" ", "+") if "T" in word else word)
        except ValueError:
            raise ConfigError(field, text, ALLOWED) from None
        if moment.tzinfo is None:
            raise ConfigError(field, text, ALLOWED)
        try:
            ms = round(moment.astimezone(UTC).timestamp() * 1000)
        except (OverflowError, OSError, ValueError):
            raise ConfigError(field, text, ALLOWED) from None
    if not 0 <= ms <= _MAX_MS:
        raise ConfigError(field, text, ALLOWED)
    return ms
