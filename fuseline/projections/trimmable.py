"""What may go of an agent's log and counts, and what it comes to. Does no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy

from fuseline.core.fold import fold_in_place
from fuseline.core.retention import DAY_MS, Retention
from fuseline.events.codec import parse_id
from fuseline.events.log import Entry
from fuseline.projections.origin import Origin
from fuseline.projections.replay import LogInfo
from fuseline.projections.rollups import unit_field
from fuseline.projections.shadow_codec import copied, fold_beside
from fuseline.projections.tally import UNITS

_UNITS_AT_ONCE = 1000
_UNITS_WORTH_A_CALL = 30
# Trimming begins only when this share of what is kept is too much, so that an agent with an
# outcome a minute is not trimmed every minute; of an age at most so many days.
_SLACK = 0.02
_SLACK_DAYS = 0.25


def cut_of(days: float, now_ms: int) -> int:
    """What is before this moment is too old, in ms; 0 if nothing ever is."""
    return now_ms - int(days * DAY_MS) if days else 0


def is_due(info: LogInfo, retention: Retention, now_ms: int) -> bool:
    """Whether enough of a log is too much for trimming it to be worth while."""
    most, days = retention.outcomes, retention.outcome_days
    if most and info.length > most * (1 + _SLACK):
        return True
    if not days or not info.first_id:
        return False
    slack = min(_SLACK * days, _SLACK_DAYS)
    return parse_id(info.first_id)[0] < now_ms - int((days + slack) * DAY_MS)


def bound_of(
    agent: str,
    checkpoint: bytes | None,
    archive: Sequence[bytes | None],
    readers: Sequence[bytes],
    now_ms: int,
) -> tuple[int, int]:
    """The last id that may go; the function on the server looks again.

    Args:
        agent: whose log it is.
        checkpoint: of its projection.
        archive: whether anybody archives, and up to where this log is.
        readers: of the shard, names and leases by turns.
        now_ms: leases that end before it hold nothing.
    """
    ms, seq = parse_id(checkpoint or "0-0")
    bound = (ms, seq - 1)
    if archive[0] is not None:
        bound = min(bound, parse_id((archive[1] or b"0-0").split(b" ")[0]))
    mine = (f"{agent}:".encode(), b":")
    for name, lease in zip(readers[::2], readers[1::2], strict=True):
        deadline, _, at = lease.partition(b" ")
        if name.startswith(mine) and int(deadline) > now_ms:
            bound = min(bound, parse_id(at))
    return bound


def going(entries: Sequence[Entry], surplus: int, cut_ms: int, bound: tuple[int, int]) -> int:
    """How many of the oldest entries go: surplus or too old ones, none past the bound."""
    count = 0
    while (
        count < len(entries)
        and (count < surplus or entries[count][0] < cut_ms)
        and entries[count][:2] <= bound
    ):
        count += 1
    return count


def folded_on(origin: Origin, entries: Sequence[Entry], begun_ms: int) -> Origin:
    """The origin after some entries are off."""
    circuit, tally = origin.circuit.copy(), origin.tally.copy()
    # A step may be refused, and then is done again from the same origin.
    shadow = fold_beside(origin.shadow and copied(origin.shadow), circuit, entries)
    fold_in_place(circuit, entries)
    tally.take(entries)
    trimmed = origin.trimmed + len(entries)
    return Origin(circuit.checkpoint, circuit, tally, trimmed, begun_ms, origin.cuts, shadow=shadow)


def count_steps(
    origin: Origin, retention: Retention, now_ms: int
) -> Iterator[tuple[list[str], Origin]]:
    """Counts of units that are over, a thousand at a time; none beyond the origin.

    With each the origin after they are deleted, which the next ones are deleted from.
    """
    if not origin.at or not origin.begun_ms:
        return
    for level, (_, width) in enumerate(UNITS):
        days = retention.counts_days
        if level == 0:
            days = retention.outcome_days or days
        cut_ms = min(cut_of(days, now_ms), origin.position[0])
        cut_ms -= cut_ms % width
        at = origin.cuts[level] or origin.begun_ms - origin.begun_ms % width
        if cut_ms - at < _UNITS_WORTH_A_CALL * width:
            continue
        while at < cut_ms:
            end = min(cut_ms, at + _UNITS_AT_ONCE * width)
            units = [unit_field((level, n)) for n in range(at // width, end // width)]
            successor = copy(origin)
            successor.cuts = [*origin.cuts[:level], end, *origin.cuts[level + 1 :]]
            yield units, successor
            origin, at = successor, end
