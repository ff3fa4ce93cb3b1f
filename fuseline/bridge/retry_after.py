"""`Retry-After`: how long an agent asks to be left alone. Pure."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

MAX_RETRY_AFTER_SECONDS = 7 * 86_400.0
"""Longest that counts; far beyond every cap of an open time."""


def retry_after_seconds(value: str | None, now_unix_seconds: float) -> float:
    """Seconds from now; 0.0 for none, for the past, and for what nobody can read.

    Args:
        value: of the header: seconds, or an HTTP date (RFC 9110, 10.2.3).
        now_unix_seconds: what a date is compared with. The answer's own `Date` is best, because
            the clocks of agent and worker may differ.
    """
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return min(float(text[:12]), MAX_RETRY_AFTER_SECONDS)
    seconds = date_seconds(text)
    if seconds is None:
        return 0.0
    return min(max(seconds - now_unix_seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def date_seconds(text: str | None) -> float | None:
    """An HTTP date in seconds since 1970, or None if it is none."""
    try:
        found = parsedate_to_datetime(text or "")
    except (ValueError, IndexError, OverflowError):
        return None
    # HTTP dates are in GMT; a form that leaves the zone out means the same.
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
