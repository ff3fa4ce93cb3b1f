"""The timeline of an agent: history and log merged in the order in which the fold saw them.

The history says what changed and why; the log holds every outcome and probe. Both are read a page
at a time, newest first, so the end of a long timeline costs no more than that of a short one.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from itertools import count
from typing import Any

from msgspec import Struct

from fuseline.core.circuit import (
    Change,
    ConfigApplied,
    EventSetAside,
    ModeChanged,
    Rebuilt,
    ShadowChanged,
    ShadowTransition,
    Transition,
)
from fuseline.core.errors import ConfigError
from fuseline.core.events import Outcome, ProbeStarted, Result
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.log import Entry, parse_entries
from fuseline.events.older import Stream
from fuseline.events.streams import read_stream
from fuseline.projections.codec import decode_change
from fuseline.schemas.timeline import Kind as Kind

_PAGE = 500
_FOLLOW_SECONDS = 0.2
_UNPROJECTED_SECONDS = 2.0


OUTCOMES = frozenset(Kind[result.name] for result in Result)
SHADOWS = frozenset({Kind.SHADOW, Kind.SHADOW_SET})
CHANGES = SHADOWS | {Kind.TRANSITION, Kind.OVERRIDE, Kind.CONFIG, Kind.SET_ASIDE, Kind.REBUILT}
ALL = frozenset(Kind)

_GROUPS = {
    "all": ALL,
    "changes": CHANGES,
    "shadows": SHADOWS,
    "outcomes": OUTCOMES,
    "failures": frozenset({Kind.FAILURE, Kind.TIMEOUT}),
}
_KIND_OF: dict[type, Kind] = {
    Transition: Kind.TRANSITION,
    ModeChanged: Kind.OVERRIDE,
    ConfigApplied: Kind.CONFIG,
    EventSetAside: Kind.SET_ASIDE,
    Rebuilt: Kind.REBUILT,
    ShadowTransition: Kind.SHADOW,
    ShadowChanged: Kind.SHADOW_SET,
    ProbeStarted: Kind.PROBE,
}

_KIND_OF_RESULT = [Kind[result.name] for result in Result]

Position = tuple[int, int, int]
"""ms, seq and rank: an event of the log has rank 0, what it changed rank 1."""


class Item(Struct, frozen=True):
    """One line of a timeline.

    Attributes:
        at_ms: when it took effect, in ms of Redis's clock. An outcome that was recorded late
            stands where the log has it; `content.age_ms` says how long before it ended.
        kind: what it is.
        id: of the entry in the history (changes) or in the log (outcomes, probes).
        content: the change or event itself.
        position: where it stands in the order of the fold.
    """

    at_ms: int
    kind: Kind
    id: str
    content: Change | Outcome | ProbeStarted
    position: Position


def parse_kinds(text: str) -> frozenset[Kind]:
    """Reads a comma-separated list of kinds and groups of kinds.

    Raises:
        ConfigError: under the name kinds.
    """
    kinds: set[Kind] = set()
    for word in filter(None, (part.strip().lower() for part in text.split(","))):
        group = _GROUPS.get(word) or _GROUPS.get(f"{word}s")
        name = word if word in ALL else word.removesuffix("s")
        if word in ALL or (group is None and name in ALL):
            kinds.add(Kind(name))
        elif group is not None:
            kinds |= group
        else:
            allowed = ", ".join([*_GROUPS, *Kind])
            raise ConfigError("kinds", word, f"a list of {allowed}")
    return frozenset(kinds) or ALL


async def newest_first(
    backend: Backend,
    name: str,
    *,
    since_ms: int = 0,
    until_ms: int | None = None,
    kinds: Collection[Kind] = ALL,
) -> AsyncGenerator[Item, None]:
    """The items from `since_ms` to `until_ms`, both included, the newest first.

    Raises:
        ConfigError: the agent's name is not allowed.
        WrongKeyTypeError: a key is not what it should be.
        BackendUnavailableError: the server does not answer.
    """
    agent = backend.keys.agent(name)
    changes = _changes(backend, agent, since_ms, until_ms, kinds)
    events = _events(backend, agent, since_ms, until_ms, kinds)
    change, event = await anext(changes, None), await anext(events, None)
    while change is not None or event is not None:
        if event is None or (change is not None and change.position > event.position):
            assert change is not None
            yield change
            change = await anext(changes, None)
        else:
            yield event
            event = await anext(events, None)


async def query(
    backend: Backend,
    name: str,
    *,
    since_ms: int = 0,
    until_ms: int | None = None,
    limit: int = 100,
    kinds: Collection[Kind] = ALL,
) -> list[Item]:
    """The newest `limit` items of a span of time, the oldest of them first.

    Raises:
        ConfigError, WrongKeyTypeError, BackendUnavailableError: see `newest_first`.
    """
    items: list[Item] = []
    if limit > 0:
        async for item in newest_first(
            backend, name, since_ms=since_ms, until_ms=until_ms, kinds=kinds
        ):
            items.append(item)
            if len(items) == limit:
                break
    return items[::-1]


async def _changes(
    backend: Backend,
    agent: AgentKeys,
    since_ms: int,
    until_ms: int | None,
    kinds: Collection[Kind],
) -> AsyncGenerator[Item, None]:
    """History entries, newest first. Each is written after it took effect, never before."""
    if not CHANGES.intersection(kinds):
        return
    async for raw in _pages(backend, agent, "history", str(since_ms), "+"):
        item = read_change(raw)
        if item is None or item.kind not in kinds:
            continue
        if item.at_ms >= since_ms and (until_ms is None or item.at_ms <= until_ms):
            yield item


async def _events(
    backend: Backend,
    agent: AgentKeys,
    since_ms: int,
    until_ms: int | None,
    kinds: Collection[Kind],
) -> AsyncGenerator[Item, None]:
    if CHANGES.issuperset(kinds):
        return
    end = "+" if until_ms is None else str(until_ms)
    async for raw in _pages(backend, agent, "events", str(since_ms), end):
        for item in read_events([raw], kinds):
            yield item


async def _pages(
    backend: Backend, agent: AgentKeys, stream: Stream, start: str, end: str
) -> AsyncGenerator[Any, None]:
    for size in count(1):
        page_size = min(_PAGE, 50 * size)
        page = await read_stream(backend, agent, stream, start, end, page_size, newest_first=True)
        for entry in page:
            yield entry
        if len(page) < page_size:
            return
        end = f"({page[-1][0].decode()}"


def read_change(raw: Any) -> Item | None:
    """Reads an entry of a history; None for a kind that this release does not know."""
    raw_id, fields = raw
    values = dict(zip(fields[::2], fields[1::2], strict=True))
    change = decode_change(values.get(b"h", b""))
    if change is None:
        return None
    ms, seq = parse_id(change.event_id or "0-0")
    at_ms = change.at_ms
    # What time alone decided comes before the events of the same ms.
    position = (at_ms, seq, 1) if ms == at_ms else (at_ms, -1, 1)
    return Item(at_ms, _KIND_OF[type(change)], raw_id.decode(), change, position)


def read_events(raw: list[Any], kinds: Collection[Kind] = ALL) -> list[Item]:
    """Reads entries of a log: outcomes and probes; the history tells what control events did."""
    items = (item_of(entry, kinds) for entry in parse_entries(raw))
    return [item for item in items if item is not None]


def item_of(entry: Entry, kinds: Collection[Kind] = ALL) -> Item | None:
    """An outcome or probe as an item; None if it is of no such kind, or the history tells of it."""
    ms, seq, event = entry
    if isinstance(event, Outcome):
        kind = _KIND_OF_RESULT[event.result]
    elif isinstance(event, ProbeStarted):
        kind = Kind.PROBE
    else:
        return None
    if kind not in kinds:
        return None
    return Item(ms, kind, f"{ms}-{seq}", event, (ms, seq, 0))
