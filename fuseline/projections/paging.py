"""A timeline in pages, from any place in either direction."""

from __future__ import annotations

from collections.abc import Callable, Collection

from msgspec import Struct

from fuseline.core.errors import ConfigError
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.older import MAX_SEQ, Id, id_before
from fuseline.projections.buckets import MAX_MS
from fuseline.projections.cursors import Place, decode_place, encode_place
from fuseline.projections.history import ChangeScan, last_change, scan_changes
from fuseline.projections.scanning import Scan, scan
from fuseline.projections.spans import last_id
from fuseline.projections.timeline import ALL, CHANGES, Item, Kind

MAX_LIMIT = 1000


class Page(Struct, frozen=True, kw_only=True):
    """A piece of a timeline, and how to go on from it.

    Attributes:
        items: in order of time, the oldest first.
        older: cursor to ask for what comes `before`; None if that is nothing.
        newer: cursor to ask for what comes `after`; also for what does not exist yet.
        has_newer: whether there is something newer by now.
        partial: there may be more in this direction though the page is not full: finding it would
            have meant to read too much at once. Go on from the cursor.
        scanned_to_ms: up to where, in the direction asked for, everything was looked at.
    """

    items: list[Item]
    older: str | None
    newer: str
    has_newer: bool
    partial: bool
    scanned_to_ms: int


async def page(
    backend: Backend,
    name: str,
    *,
    since_ms: int = 0,
    until_ms: int | None = None,
    kinds: Collection[Kind] = ALL,
    limit: int = 100,
    before: str | None = None,
    after: str | None = None,
) -> Page:
    """Some items from `since_ms` to `until_ms`, both included; the newest unless a cursor is given.

    Pages that follow one another by their cursors hold every item once, whatever is logged in the
    meantime; range and kinds must stay the same.

    Args:
        backend: the namespace.
        name: of the agent.
        since_ms: nothing from before.
        until_ms: nothing from after; None: no end.
        kinds: which items.
        limit: at most so many.
        before: `older` of another page: the newest items before it.
        after: `newer` of another page, or `cursors.OLDEST`: the oldest items after it.

    Raises:
        ConfigError: a value that is not allowed; cursors under the name cursor.
        WrongKeyTypeError: a key is not what it should be.
        BackendError: the counts cannot be read.
    """
    _check(since_ms, until_ms, limit)
    agent = backend.keys.agent(name)
    if before is not None and after is not None:
        raise ConfigError("cursor", after, "either `before` or `after`")
    reader = _Reader(backend, agent, since_ms, until_ms, kinds, limit)
    if after is not None:
        return await reader.newer_than(decode_place(after))
    if before is not None:
        return await reader.older_than(decode_place(before), has_newer=True)
    change, event = (
        await last_change(backend, agent, until_ms),
        await last_id(backend, agent.events),
    )
    if until_ms is not None:
        event = min(event, (until_ms, MAX_SEQ))
    return await reader.older_than(Place(change, event), has_newer=False)


def _check(since_ms: int, until_ms: int | None, limit: int) -> None:
    for field, value, low, high in (
        ("since_ms", since_ms, 0, MAX_MS),
        ("until_ms", since_ms if until_ms is None else until_ms, since_ms, MAX_MS),
        ("limit", limit, 1, MAX_LIMIT),
    ):
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise ConfigError(field, value, f"a whole number from {low} to {high}")


class _Reader:
    """Reads one page."""

    def __init__(
        self,
        backend: Backend,
        agent: AgentKeys,
        since_ms: int,
        until_ms: int | None,
        kinds: Collection[Kind],
        limit: int,
    ) -> None:
        self._backend = backend
        self._agent = agent
        self._since_ms = since_ms
        self._until_ms = MAX_MS if until_ms is None else until_ms
        self._kinds = frozenset(kinds)
        self._limit = limit

    async def older_than(self, place: Place, *, has_newer: bool) -> Page:
        """The newest items before a place."""
        low = _end_of(self._since_ms - 1)
        high = min(place.event, (self._until_ms, MAX_SEQ))
        found = await self._scan(low, high, newest_first=True)
        changed = await self._scan_changes(low, place.change, found, newest_first=True)
        items, left = _merged(changed, found, self._limit, newest_first=True)
        more = bool(left) or not found.whole or changed.position is not None
        cut = _cut(left, Place(changed.reached, found.reached))
        return Page(
            items=items[::-1],
            older=encode_place(cut) if more else None,
            newer=encode_place(place),
            has_newer=has_newer,
            partial=more and len(items) < self._limit,
            scanned_to_ms=self._scanned(items, cut) if more else self._since_ms,
        )

    async def newer_than(self, place: Place) -> Page:
        """The oldest items after a place."""
        # In this order: the cause of every change stands in the log by then.
        last = await last_id(self._backend, self._agent.history)
        end = await last_id(self._backend, self._agent.events)
        since = _end_of(self._since_ms - 1)
        high = min(end, (self._until_ms, MAX_SEQ))
        found = await self._scan(max(place.event, since), high, newest_first=False)
        start = max(place.change, since)
        changed = await self._scan_changes(start, last, found, newest_first=False)
        items, left = _merged(changed, found, self._limit, newest_first=False)
        more = bool(left) or not found.whole or changed.position is not None
        reached = Place(max(place.change, changed.reached), max(place.event, found.reached))
        cut = _cut(left, reached, id_before)
        return Page(
            items=items,
            older=encode_place(place) if place > ((0, 0), (0, 0)) else None,
            newer=encode_place(cut),
            has_newer=more,
            partial=more and len(items) < self._limit,
            scanned_to_ms=self._scanned(items, cut) if more else max(high[0], self._since_ms),
        )

    async def _scan(self, low: Id, high: Id, *, newest_first: bool) -> Scan:
        # One more than the page holds, to know whether there is more.
        return await scan(
            self._backend,
            self._agent,
            low,
            high,
            self._kinds,
            self._limit + 1,
            newest_first=newest_first,
        )

    async def _scan_changes(
        self, low: Id, high: Id, found: Scan, *, newest_first: bool
    ) -> ChangeScan:
        """What the history has for the page, not beyond where the log was looked at."""
        if not self._kinds & CHANGES:
            return ChangeScan([], low if newest_first else high)
        end = (self._since_ms, -2, 0) if newest_first else (self._until_ms, MAX_SEQ, 1)
        return await scan_changes(
            self._backend,
            self._agent,
            low,
            high,
            self._is_wanted,
            self._limit + 1,
            # An event of the log comes before what it changed.
            end if found.whole else (*found.reached, 1),
            newest_first=newest_first,
        )

    def _scanned(self, items: list[Item], cut: Place) -> int:
        return items[-1].at_ms if len(items) == self._limit else cut.event[0]

    def _is_wanted(self, item: Item) -> bool:
        return item.kind in self._kinds and self._since_ms <= item.at_ms <= self._until_ms


def _cut(left: list[Item], reached: Place, move: Callable[[Id], Id] = lambda own: own) -> Place:
    """Where the next page begins: at the first item left over of each stream, or behind all."""
    first = [
        next((move(parse_id(item.id)) for item in left if (item.kind in CHANGES) is kind), at)
        for kind, at in ((True, reached.change), (False, reached.event))
    ]
    return Place(first[0], first[1])


def _merged(
    changed: ChangeScan, found: Scan, limit: int, *, newest_first: bool
) -> tuple[list[Item], list[Item]]:
    """Both in the order of the fold, each in its own order: the page, and what is left over."""
    sign = -1 if newest_first else 1
    items: list[Item] = []
    place = 0
    for at, event in enumerate(found.items):
        while place < len(changed.items) and _before(changed.items[place], event, sign):
            items.append(changed.items[place])
            place += 1
        if place == len(changed.items) and changed.position is not None:
            beyond = changed.position > event.position
            if beyond is newest_first:
                # The history was not looked at that far.
                return _split(items, found.items[at:], limit)
        items.append(event)
    return _split(items + changed.items[place:], [], limit)


def _split(items: list[Item], left: list[Item], limit: int) -> tuple[list[Item], list[Item]]:
    return items[:limit], items[limit:] + left


def _before(change: Item, event: Item, sign: int) -> bool:
    return change.position < event.position if sign > 0 else change.position > event.position


def _end_of(ms: int) -> Id:
    """The last id there can be at a time."""
    return (ms, MAX_SEQ) if ms >= 0 else (0, 0)
