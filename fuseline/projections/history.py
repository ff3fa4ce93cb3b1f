"""Reading an agent's history from a point in time, in either direction.

The history is in the order of the fold, and each entry is written after it took effect: at once
while a projector keeps up, much later when one was away.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from typing import Any

from msgspec import Struct

from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.older import Id, id_before
from fuseline.events.streams import read_stream
from fuseline.projections.timeline import Item, Kind, Position, read_change

_PAGE = 200
_LONGEST_PAGE = 1000
_MOST_READ = 5000


async def last_change(backend: Backend, agent: AgentKeys, until_ms: int | None) -> Id:
    """Id of the last entry that took effect by a time; (0, 0) without one.

    Raises:
        WrongKeyTypeError: the history is no stream.
    """
    end = "+" if until_ms is None else str(until_ms)
    last = await read_stream(backend, agent, "history", "-", end, 1, newest_first=True)
    found = parse_id(last[0][0]) if last else (0, 0)
    if until_ms is None:
        return found
    # What took effect in time but was written later comes next, in order.
    newest = await backend.wire.call("XREVRANGE", agent.history, "+", "-", "COUNT", 1)
    low, high = max(until_ms, found[0]), parse_id(newest[0][0])[0] + 1 if newest else 0
    while low < high:
        middle = (low + high) // 2
        raw = await read_stream(backend, agent, "history", str(middle), "+", 1)
        if raw and _took_effect(raw[0], until_ms):
            found = parse_id(raw[0][0])
            low = found[0] + 1
        else:
            high = middle
    while True:
        start = f"({found[0]}-{found[1]}"
        raw = await read_stream(backend, agent, "history", start, "+", _PAGE)
        later = [parse_id(entry[0]) for entry in raw if _took_effect(entry, until_ms)]
        if not later:
            return found
        found = later[-1]


def _took_effect(entry: Any, until_ms: int) -> bool:
    item = read_change(entry)
    return item is not None and item.at_ms <= until_ms


class ChangeScan(Struct):
    """What reading a history from one end of a span came to.

    Attributes:
        items: what was found, in the order of reading.
        reached: of newest first everything after it was looked at, of oldest first up to it.
        position: where that is in the order of the fold; None if nothing was left out.
    """

    items: list[Item]
    reached: Id
    position: Position | None = None


async def scan_changes(
    backend: Backend,
    agent: AgentKeys,
    low: Id,
    high: Id,
    accept: Callable[[Item], bool],
    limit: int,
    until: Position | None = None,
    *,
    newest_first: bool,
) -> ChangeScan:
    """The first `limit` accepted changes with ids after `low` and up to `high`.

    Args:
        backend: the namespace.
        agent: whose history.
        low: id before the first.
        high: id of the last.
        accept: whether an item is wanted.
        limit: at most so many.
        until: nothing that the order of the fold puts beyond it.
        newest_first: the direction.

    Raises:
        WrongKeyTypeError: the history is no stream.
    """
    items: list[Item] = []
    read = 0
    async for own, item in changes(backend, agent, low, high, newest_first=newest_first):
        if until is not None and _beyond(item, until, newest_first):
            return ChangeScan(items, own if newest_first else id_before(own))
        if accept(item):
            items.append(item)
        read += 1
        if len(items) == limit or read == _MOST_READ:
            return ChangeScan(items, id_before(own) if newest_first else own, item.position)
    return ChangeScan(items, low if newest_first else high)


def _beyond(item: Item, until: Position, newest_first: bool) -> bool:
    if item.kind is Kind.REBUILT:  # it has the time it was written at, which is out of order
        return False
    return item.position < until if newest_first else item.position > until


async def changes(
    backend: Backend, agent: AgentKeys, low: Id, high: Id, *, newest_first: bool, page: int = 50
) -> AsyncGenerator[tuple[Id, Item], None]:
    """Entries with ids after `low` and up to `high`, with their ids; unknown kinds are left out.

    Raises:
        WrongKeyTypeError: the history is no stream.
    """
    start, end = f"({low[0]}-{low[1]}", f"{high[0]}-{high[1]}"
    if low >= high:
        return
    while True:
        raw = await read_stream(
            backend, agent, "history", start, end, page, newest_first=newest_first
        )
        for entry in raw:
            item = read_change(entry)
            if item is not None:
                yield parse_id(entry[0]), item
        if len(raw) < page:
            return
        if newest_first:
            end = f"({raw[-1][0].decode()}"
        else:
            start = f"({raw[-1][0].decode()}"
        page = min(_LONGEST_PAGE, page * 2)
