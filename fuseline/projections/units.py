"""What the counts of an agent know, and where the log itself has to be read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.streams import older_begin
from fuseline.projections.origin import load_origin
from fuseline.projections.replay import log_info
from fuseline.projections.rollups import Unit, load_sums
from fuseline.projections.tally import HOURS, UNITS, Sum, Tally, decode_tally, parse_unit

Span = tuple[int, int]
"""From (included) and to (excluded), in ms."""


class Units:
    """Counts of an agent as they stood at one entry of its log, `position`.

    Rollups that a projector writes meanwhile are left aside, so whatever comes after `position` has
    to be read from the log, and nothing is counted twice.

    Attributes:
        position: id of the last entry counted, as numbers; (0, 0) if nothing is counted.
        begin_ms: only from here on an hour without counts is known to be empty.
        first_ms: time of the first entry that the log still has.
        known_ms: time of the first entry that the log or the counts know.
        trimmed: whether there once were entries before `first_ms`.
        cut_ms: counts of before were deleted, and so were the entries; 0: none were.
    """

    def __init__(
        self,
        backend: Backend,
        agent: AgentKeys,
        tally: Tally,
        first_ms: int,
        known_ms: int | None,
        cut_ms: int = 0,
        cuts: Sequence[int] | None = None,
    ) -> None:
        self._backend = backend
        self._agent = agent
        self.position = tally.position
        self.begin_ms = tally.begin_ms
        self.first_ms = first_ms
        self.known_ms = first_ms if known_ms is None else known_ms
        self.trimmed = known_ms is not None
        self.cut_ms = cut_ms
        self._cuts = cuts or [0] * len(UNITS)
        self._open = {
            (level, index): total
            for level, (index, total) in enumerate(tally.open_units())
            if index * UNITS[level][1] > tally.begin_ms
        }

    @classmethod
    async def load(cls, backend: Backend, agent: AgentKeys) -> Units:
        """Reads where the counts of an agent stand.

        Raises:
            WrongKeyTypeError: a key is not what it should be.
            BackendUnavailableError: the server does not answer.
        """
        raw = await backend.wire.call("HGET", agent.circuit, "tally")
        info = await log_info(backend, agent)
        tally = decode_tally(raw) or Tally()
        first_ms = parse_id(info.first_id)[0] if info.first_id else tally.last_ms + 1
        known_ms: int | None = None
        if info.missing:
            fields = await backend.wire.call("HKEYS", agent.counts)
            known = [span_of(unit)[0] for unit in map(parse_unit, fields) if unit]
            known_ms = min([*known, first_ms])
        elif info.trimmed:
            origin = await load_origin(backend, agent)
            older = await older_begin(backend, agent)
            if older is not None:
                first_ms = max(origin.begun_ms, older[0])
            known_ms = min(first_ms, max(origin.begun_ms, origin.cuts[HOURS]))
            if older is not None and first_ms <= max(origin.begun_ms, origin.cuts[HOURS]):
                # Whatever is not counted any more can be read.
                return cls(backend, agent, tally, first_ms, known_ms, cuts=origin.cuts)
            if origin.cuts[HOURS] > origin.begun_ms:
                return cls(backend, agent, tally, first_ms, known_ms, origin.cuts[HOURS])
        return cls(backend, agent, tally, first_ms, known_ms)

    async def sums(self, units: Iterable[Unit]) -> dict[Unit, Sum]:
        """The counts of those units of which they are known, up to `position`.

        Raises:
            BackendError: a rollup cannot be read.
        """
        asked = [unit for unit in units if self._is_closed(unit)]
        found = await load_sums(self._backend, self._agent, asked) if asked else {}
        return found | self._open

    def is_empty(self, unit: Unit) -> bool:
        """Whether a unit that `sums` does not know had no entries up to `position`."""
        level, index = unit
        start_ms = index * UNITS[level][1]
        if start_ms > self.position[0]:
            return True
        if start_ms + UNITS[level][1] <= self.known_ms:
            return True
        return level == HOURS and start_ms > self.begin_ms and start_ms >= self._cuts[HOURS]

    def is_sparse(self, unit: Unit) -> bool:
        """Whether a unit that `sums` does not know has only a few entries."""
        level, index = unit
        start_ms = index * UNITS[level][1]
        return start_ms > self.begin_ms and start_ms >= self._cuts[level]

    def _is_closed(self, unit: Unit) -> bool:
        level, index = unit
        return index < self.position[0] // UNITS[level][1]

    def last_id(self, before_ms: int) -> str:
        """The last id that is counted and lies before a time, for reading the log."""
        ms, seq = self.position
        return f"{ms}-{seq}" if before_ms > ms else str(before_ms - 1)


def cover(from_ms: int, to_ms: int) -> tuple[list[Unit], list[Span]]:
    """The fewest units that fill a span, and the edges they leave."""
    units: list[Unit] = []
    edges: list[Span] = []
    at = from_ms
    while at < to_ms:
        for level in range(HOURS, -1, -1):
            width = UNITS[level][1]
            if at % width == 0 and at + width <= to_ms:
                units.append((level, at // width))
                at += width
                break
        else:
            end = min(to_ms, at - at % UNITS[0][1] + UNITS[0][1])
            edges.append((at, end))
            at = end
    return units, edges


def hour_of(unit: Unit) -> Unit:
    """The hour a unit lies in."""
    level, index = unit
    return HOURS, index * UNITS[level][1] // UNITS[HOURS][1]


def span_of(unit: Unit) -> Span:
    """When a unit begins and ends."""
    level, index = unit
    width = UNITS[level][1]
    return index * width, (index + 1) * width


def joined(spans: Sequence[Span]) -> list[Span]:
    """Spans in order of time, those that touch made one."""
    result: list[Span] = []
    for start, end in sorted(spans):
        if result and result[-1][1] >= start:
            result[-1] = (result[-1][0], max(end, result[-1][1]))
        else:
            result.append((start, end))
    return result
