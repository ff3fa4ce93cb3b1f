"""Moments as text, the same wherever they go out."""

from __future__ import annotations

from datetime import UTC, datetime


def iso(ms: int) -> str | None:
    """A time as ISO 8601 in UTC; None for 0, which is no time."""
    if not ms:
        return None
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
