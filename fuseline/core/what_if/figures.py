"""The figures of a comparison: what is on record, and between which bounds the proposal lies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from msgspec import Struct

from fuseline.core.circuit import CircuitState
from fuseline.core.what_if.block import DAY_MS
from fuseline.core.what_if.filling import Stretch
from fuseline.core.what_if.spans import StateSpan


class Amount(Struct, frozen=True):
    """One figure.

    Attributes:
        recorded: as it was.
        low: the least under any assumption.
        high: the most under any assumption; as `low` where the record knows.
    """

    recorded: int = 0
    low: int = 0
    high: int = 0


class Figures(Struct, frozen=True, kw_only=True):
    """What a stretch of time came to.

    Attributes:
        openings: transitions to OPEN.
        open_ms: time in OPEN.
        failures: calls that were let through and failed.
        good_refused: calls on record that succeeded and would have been refused.
    """

    openings: Amount
    open_ms: Amount
    failures: Amount
    good_refused: Amount


class Tally(Struct, kw_only=True):
    """The figures of one circuit under one assumption, by day since 1970."""

    openings: dict[int, int]
    open_ms: dict[int, int]
    failures: dict[int, int]
    good_refused: dict[int, int]


def openings_by_day(moments: Iterable[int]) -> dict[int, int]:
    """Counts moments by day."""
    found: dict[int, int] = {}
    for ms in moments:
        found[ms // DAY_MS] = found.get(ms // DAY_MS, 0) + 1
    return found


def length_by_day(spans: Iterable[StateSpan]) -> dict[int, int]:
    """Adds up lengths by day."""
    found: dict[int, int] = {}
    for span in spans:
        at_ms = span.from_ms
        while at_ms < span.to_ms:
            day = at_ms // DAY_MS
            end_ms = min(span.to_ms, (day + 1) * DAY_MS)
            found[day] = found.get(day, 0) + end_ms - at_ms
            at_ms = end_ms
    return found


def figures_of(recorded: Tally, proposed: Sequence[Tally], days: Sequence[int]) -> Figures:
    """The figures of some days together."""
    return Figures(
        **{
            name: _amount(getattr(recorded, name), [getattr(one, name) for one in proposed], days)
            for name in Figures.__struct_fields__
        }
    )


def _amount(
    recorded: Mapping[int, int], proposed: Iterable[Mapping[int, int]], days: Sequence[int]
) -> Amount:
    found = [sum(one.get(day, 0) for day in days) for one in proposed]
    return Amount(sum(recorded.get(day, 0) for day in days), min(found), max(found))


def merged(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Stretches in order, those that touch made one."""
    found: list[Stretch] = []
    for start, end in sorted(stretches):
        if found and found[-1][1] >= start:
            found[-1] = (found[-1][0], max(end, found[-1][1]))
        elif start < end:
            found.append((start, end))
    return found


def differing(bands: Sequence[Sequence[StateSpan]]) -> list[Stretch]:
    """Where not all bands of one range are in the same state."""
    first = bands[0]
    found: list[Stretch] = []
    for other in bands[1:]:
        place = 0
        for span in first:
            while place < len(other) and other[place].to_ms <= span.from_ms:
                place += 1
            at = place
            while at < len(other) and other[at].from_ms < span.to_ms:
                if other[at].state is not span.state:
                    start = max(span.from_ms, other[at].from_ms)
                    found.append((start, min(span.to_ms, other[at].to_ms)))
                at += 1
    return merged(found)


def is_open(span: StateSpan) -> bool:
    """Whether a span counts as time open."""
    return span.state is CircuitState.OPEN
