"""Times and lengths of time as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, time

from fuseline.core.errors import ConfigError

_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "min": 60_000, "h": 3_600_000, "d": 86_400_000}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)", re.IGNORECASE | re.ASCII)
_SECONDS = re.compile(r"\d{1,8}(\.\d+)?", re.ASCII)
_MAX_DURATION_MS = 366 * 86_400_000
_MAX_TIME_MS = 253_402_300_799_999  # the year 9999

DURATION_HELP = "a length of time above 0 like 30 (seconds), 10m, 1h30m or 2d, at most 366d"
TIME_HELP = (
    "a time like 2026-11-24T14:30, 14:30, 1795530600000 (ms), 10m (that long ago), '2h ago' or now"
)


def parse_duration(field: str, text: str) -> int:
    """A length of time in ms.

    Raises:
        ConfigError: under the name `field`.
    """
    duration = _duration(text)
    if duration is None or not 1 <= duration <= _MAX_DURATION_MS:
        raise ConfigError(field, text, DURATION_HELP)
    return duration


def parse_time(field: str, text: str, now_ms: int) -> int:
    """A time in ms since 1970; one without a time zone is in that of this machine.

    Args:
        field: name for errors.
        text: see `TIME_HELP`.
        now_ms: what "now" and "ago" mean: Redis's time.

    Raises:
        ConfigError: under the name `field`.
    """
    word = text.strip()
    if word.lower() == "now":
        return now_ms
    found: float | None
    if word.isdigit() and word.isascii():
        found = _epoch(word)
    elif (ago := _duration(re.sub(r"\s*ago$", "", word, flags=re.IGNORECASE))) is not None:
        found = now_ms - ago
    else:
        found = _calendar(word)
    if found is None or not 0 <= found <= _MAX_TIME_MS:
        raise ConfigError(field, text, TIME_HELP)
    return int(found)


def _duration(text: str) -> int | None:
    word = text.strip()
    if _SECONDS.fullmatch(word):
        return round(float(word) * 1000)
    parts = _PART.findall(word)
    if not parts or _PART.sub("", word).strip():
        return None
    return round(sum(float(number) * _UNITS[unit.lower()] for number, unit in parts))


def _epoch(digits: str) -> int | None:
    """ms, or seconds where ms would be a day in January 1970; a short number is a slip."""
    if len(digits) >= 12 or digits == "0":
        return int(digits)
    return int(digits) * 1000 if len(digits) >= 9 else None


def _calendar(word: str) -> float | None:
    try:
        moment = datetime.fromisoformat(word)
    except ValueError:
        try:
            moment = datetime.combine(datetime.now(UTC).astimezone().date(), _clock(word))
        except ValueError:
            return None
    try:
        return round(moment.timestamp() * 1000)
    except (ValueError, OverflowError):
        return None


def _clock(word: str) -> time:
    if ":" not in word:
        raise ValueError(word)
    return time.fromisoformat(word)


def local(ms: int) -> datetime:
    """A time in this machine's time zone."""
    return datetime.fromtimestamp(ms / 1000, UTC).astimezone()


def clock(ms: int, *, with_date: bool = False, millis: bool = False) -> str:
    """A time as shown: "14:30:05", "14:30:05.123", "2026-11-24 14:30:05"."""
    moment = local(ms)
    text = moment.strftime("%Y-%m-%d %H:%M:%S" if with_date else "%H:%M:%S")
    return f"{text}.{ms % 1000:03d}" if millis else text
