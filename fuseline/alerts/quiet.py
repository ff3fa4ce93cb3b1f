"""Quiet hours: until when a notice waits. Pure, but for the database of time zones."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from fuseline.schemas.alerts import Day, QuietHours

_DAYS = list(Day)
_MOST_DAYS = 8


def quiet_until(hours: Iterable[QuietHours], now_ms: int) -> int:
    """When the quiet hours are over that are now, in ms; 0: none are.

    Hours that follow one another without a gap count as one. They are read on the clocks of their
    time zone, so a night of a change to or from summer time is an hour shorter or longer.
    """
    listed = list(hours)
    at_ms = now_ms
    for _ in range(_MOST_DAYS * max(1, len(listed))):
        ends = [end for one in listed if (end := _ends(one, at_ms)) > at_ms]
        if not ends:
            break
        at_ms = max(ends)
    return at_ms if at_ms > now_ms else 0


def _ends(hours: QuietHours, at_ms: int) -> int:
    """The end of these hours if they are at a moment, else 0."""
    zone = _zone(hours.time_zone)
    now = datetime.fromtimestamp(at_ms / 1000, zone)
    for back in (0, 1):
        day = (now - timedelta(days=back)).date()
        if hours.days and _DAYS[day.weekday()] not in hours.days:
            continue
        start = datetime.combine(day, _time(hours.start), zone)
        end = datetime.combine(day, _time(hours.end), zone)
        if hours.end <= hours.start:
            end = datetime.combine(day + timedelta(days=1), _time(hours.end), zone)
        start_ms, end_ms = round(start.timestamp() * 1000), round(end.timestamp() * 1000)
        if start_ms <= at_ms < end_ms:
            return end_ms
    return 0


@lru_cache(100)
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def _time(text: str) -> time:
    return datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - a time of day, no moment
