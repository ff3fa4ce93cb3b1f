"""Finding events of some kinds in a long log, in either direction, by what is counted of it.

Spans of time whose counts hold nothing that is wanted are passed over, so rare kinds are found
without reading what lies between. What is read is bounded; the answer says how far it came.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Sequence
from typing import Any

from msgspec import Struct

from fuseline.core.events import Result
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.older import MAX_SEQ, Id, id_before
from fuseline.events.streams import read_streams
from fuseline.projections.rollups import Unit
from fuseline.projections.sieve import Sieve
from fuseline.projections.tally import HOURS, LEAST, PROBES, UNITS, Sum
from fuseline.projections.timeline import CHANGES, Item, Kind, read_events
from fuseline.projections.units import Span, Units, span_of

Stretch = tuple[Id, Id, int]
"""A span of ids to read, after the first and up to the second, and about how many they are."""

MAX_SCANNED = 2500
"""Entries read for one page, but for what the last round trip brings."""

_PLAIN = 500  # entries read before the counts are asked where to look
_PAGE = 1000
_STRETCHES_AT_ONCE = 64
_ENTRIES_AT_ONCE = 1000
_HOURS_AT_ONCE = 1000
_MOST_HOURS = 8000
_WORTH_SPLITTING = 200  # entries; below it the log is read at once
_HOUR = UNITS[HOURS][1]


class Scan(Struct):
    """What reading a log from one end of a span came to.

    Attributes:
        items: what was found, in the order of reading.
        reached: of newest first everything after it was looked at, of oldest first up to it.
        whole: whether the other end was reached.
    """

    items: list[Item]
    reached: Id
    whole: bool


async def scan(
    backend: Backend,
    agent: AgentKeys,
    low: Id,
    high: Id,
    kinds: Collection[Kind],
    limit: int,
    *,
    newest_first: bool,
) -> Scan:
    """The first `limit` events of some kinds with ids after `low` and up to `high`.

    Raises:
        WrongKeyTypeError: a key is not what it should be.
        BackendError: the counts cannot be read.
    """
    wanted = frozenset(kinds) - CHANGES
    if not wanted or low >= high:
        return Scan([], low if newest_first else high, True)
    return await _Scanning(backend, agent, low, high, wanted, limit, newest_first).run()


class _Scanning:
    def __init__(
        self,
        backend: Backend,
        agent: AgentKeys,
        low: Id,
        high: Id,
        kinds: frozenset[Kind],
        limit: int,
        newest_first: bool,
    ) -> None:
        self._backend = backend
        self._agent = agent
        self._low, self._high = low, high
        self._kinds = kinds
        self._places = [int(r) for r in Result if Kind[r.name] in kinds]
        if Kind.PROBE in kinds:
            self._places.append(PROBES)
        self._every = len(kinds) == len(Result) + 1
        self._sieve = Sieve(kinds)
        self._limit = limit
        self._newest = newest_first
        self._items: list[Item] = []
        self._read = 0

    async def run(self) -> Scan:
        every = self._every
        page = min(self._limit, _PAGE) if every else _PLAIN
        while self._low < self._high and (every or self._read < _PLAIN):
            stretch = self._low, self._high, page
            (raw,) = await self._call([stretch], page)
            if self._take(raw, page, stretch):
                return self._stopped()
        if self._low < self._high:
            units = await Units.load(self._backend, self._agent)
            async for group in self._groups(units):
                if await self._read_group(group):
                    return self._stopped()
        if self._low < self._high:
            return self._stopped()
        return Scan(self._items, self._low if self._newest else self._high, True)

    def _stopped(self) -> Scan:
        return Scan(self._items, self._high if self._newest else self._low, False)

    async def _read_group(self, stretches: Sequence[Stretch]) -> bool:
        """Reads stretches one after another; whether that ends the scan."""
        left = [stretch for stretch in stretches if stretch[0] < stretch[1]]
        while left:
            for raw in await self._call(_some(left), _PAGE):
                low, high, entries = left[0]
                if self._take(raw, _PAGE, left[0]):
                    return True
                if len(raw) < _PAGE:
                    left.pop(0)
                else:  # a long one: what was read of those behind it comes again
                    low, high = (low, self._high) if self._newest else (self._low, high)
                    left[0] = low, high, entries - len(raw)
                    break
        return False

    def _take(self, raw: list[Any], page: int, stretch: Stretch) -> bool:
        """Takes what was read of a stretch; whether the page is full or enough was read."""
        self._read += len(raw)
        likely = raw if self._every else self._sieve.sift(raw)
        for item in read_events(likely, self._kinds):
            self._items.append(item)
            if len(self._items) == self._limit:
                self._move(item.position[:2], taken=True)
                return True
        if len(raw) < page:
            self._move(stretch[0] if self._newest else stretch[1])
        else:
            self._move(parse_id(raw[-1][0]), taken=True)
        return self._read >= MAX_SCANNED and self._low < self._high

    def _move(self, to: Id, *, taken: bool = False) -> None:
        """Everything up to an id is dealt with, itself too if it was `taken`."""
        if self._newest:
            self._high = id_before(to) if taken else to
        else:
            self._low = to

    async def _call(self, stretches: Sequence[Stretch], page: int) -> list[Any]:
        ranges = [
            (f"({low_ms}-{low_seq}", f"{high_ms}-{high_seq}", page)
            for (low_ms, low_seq), (high_ms, high_seq), _ in stretches
        ]
        return await read_streams(
            self._backend, self._agent, "events", ranges, newest_first=self._newest
        )

    async def _groups(self, units: Units) -> AsyncGenerator[list[Stretch], None]:
        """Where to look, in the order of reading."""
        counted = max(units.position, self._low)
        if self._newest and counted < self._high:
            yield [(counted, self._high, _PAGE)]
            self._high = min(self._high, counted)
        first = max(self._low[0], units.first_ms) // _HOUR  # nothing is left before
        last = min(self._high[0], units.position[0]) // _HOUR
        asked = 0
        while first <= last and asked < _MOST_HOURS:
            if self._newest:
                hours = range(last, max(first - 1, last - _HOURS_AT_ONCE), -1)
            else:
                hours = range(first, min(last + 1, first + _HOURS_AT_ONCE))
            spans, seen = await self._likely(units, hours)
            asked += len(hours)
            yield self._stretches(units, spans)
            # Between and behind these spans there is nothing.
            edge = seen * _HOUR
            if self._newest:
                self._high = min(self._high, (edge - 1, MAX_SEQ))
                last = seen - 1
            else:
                end = min(units.position, (edge + _HOUR - 1, MAX_SEQ))
                self._low = max(self._low, min(self._high, end))
                first = seen + 1
        if first > last:
            if self._newest:
                self._high = self._low
            else:
                self._low = max(self._low, min(self._high, units.position))
                yield [(self._low, self._high, _PAGE)]
                self._low = self._high

    async def _likely(
        self, units: Units, hours: Sequence[int]
    ) -> tuple[list[tuple[Span, int]], int]:
        """Spans that may hold what is wanted, with about how many entries each has.

        No more hours are looked at than are needed to fill the page; the last one is returned too.
        """
        known = await units.sums([(HOURS, hour) for hour in hours])
        nodes: list[Unit] = []
        need = self._limit - len(self._items)
        for hour in hours:
            total = known.get((HOURS, hour))
            if total is not None and self._count(total) == 0:
                continue
            if total is None and units.is_empty((HOURS, hour)):
                continue
            nodes.append((HOURS, hour))
            need -= self._count(total) if total is not None else 0
            if need <= 0 or (total is None and len(nodes) >= _STRETCHES_AT_ONCE):
                break
        for level in range(HOURS, 0, -1):
            nodes = [part for node in nodes for part in self._parts(node, level, known)]
            asked = [node for node in nodes if node[0] == level - 1]
            known |= await units.sums(asked)
            nodes = [
                node for node in nodes if node[0] >= level or self._may_hold(node, known, units)
            ]
        return [(span_of(node), _size(node, known)) for node in nodes], hour

    def _parts(self, node: Unit, level: int, known: dict[Unit, Sum]) -> list[Unit]:
        """The shorter units of one that is long and holds little of what is wanted, else itself."""
        total = known.get(node)
        if node[0] != level or total is None:
            return [node]
        entries = total.entries
        if entries < _WORTH_SPLITTING or self._count(total) * 8 >= entries:
            return [node]
        ratio = UNITS[level][1] // UNITS[level - 1][1]
        parts = range(node[1] * ratio, (node[1] + 1) * ratio)
        return [(level - 1, index) for index in (reversed(parts) if self._newest else parts)]

    def _may_hold(self, node: Unit, known: dict[Unit, Sum], units: Units) -> bool:
        total = known.get(node)
        return not units.is_empty(node) if total is None else self._count(total) > 0

    def _count(self, total: Sum) -> int:
        return sum(total.counts[place] for place in self._places)

    def _stretches(self, units: Units, spans: Sequence[tuple[Span, int]]) -> list[Stretch]:
        """Spans of time as ids, those that touch made one, and only what is counted."""
        found: list[Stretch] = []
        top = min(self._high, units.position)
        for (start, end), entries in spans:
            low, high = max(self._low, (start - 1, MAX_SEQ)), min(top, (end - 1, MAX_SEQ))
            if low >= high:
                continue
            if found and self._newest and found[-1][0] == high:
                found[-1] = (low, found[-1][1], found[-1][2] + entries)
            elif found and not self._newest and found[-1][1] == low:
                found[-1] = (found[-1][0], high, found[-1][2] + entries)
            else:
                found.append((low, high, entries))
        return found


def _some(stretches: Sequence[Stretch]) -> Sequence[Stretch]:
    """As many as are worth one round trip, at least one."""
    entries = 0
    for place, stretch in enumerate(stretches[:_STRETCHES_AT_ONCE]):
        entries += min(_PAGE, stretch[2])
        if entries >= _ENTRIES_AT_ONCE:
            return stretches[: place + 1]
    return stretches[:_STRETCHES_AT_ONCE]


def _size(node: Unit, known: dict[Unit, Sum]) -> int:
    if node in known:
        return known[node].entries
    return _PAGE if node[0] == HOURS else LEAST
