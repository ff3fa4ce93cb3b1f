"""Following a timeline: items as they come, in order."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from time import monotonic
from typing import Any

import anyio
from msgspec import Struct

from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.wire import Wire
from fuseline.projections.timeline import ALL, Item, Kind, read_change, read_events

_PAGE = 500
_FOLLOW_SECONDS = 0.2
_UNPROJECTED_SECONDS = 2.0


class Mark(Struct, frozen=True):
    """A place in a timeline, to follow it from there."""

    event_id: str
    change_id: str


async def mark(backend: Backend, name: str, wire: Wire | None = None) -> Mark:
    """Up to where an agent's log is folded now, and where its history ends."""
    agent = backend.keys.agent(name)
    wire = wire or backend.wire
    # In this order: what changed up to the checkpoint stands in the history then.
    checkpoint = await wire.call("HGET", agent.circuit, "checkpoint")
    last = await wire.call("XREVRANGE", agent.history, "+", "-", "COUNT", 1)
    return Mark((checkpoint or b"0-0").decode(), last[0][0].decode() if last else "0-0")


async def follow(
    backend: Backend, name: str, after: Mark, kinds: Collection[Kind] = ALL
) -> AsyncGenerator[list[Item], None]:
    """Items as they come after a mark, in order; runs until it is closed.

    Events are held back until they are folded, so that a transition stands behind its cause; while
    nobody folds, they come as they are.

    Raises:
        BackendUnavailableError: the server does not answer.
    """
    agent = backend.keys.agent(name)
    wire = backend.make_wire()
    seen_event, seen_change = after.event_id, after.change_id
    moved_at, checkpoint = monotonic(), after.event_id
    try:
        while True:
            now = await mark(backend, name, wire)
            if now.event_id != checkpoint:
                moved_at, checkpoint = monotonic(), now.event_id
            changes = await wire.call(
                "XRANGE", agent.history, f"({seen_change}", "+", "COUNT", _PAGE
            )
            stalled = monotonic() - moved_at > _UNPROJECTED_SECONDS
            events: list[Any] = []
            if stalled or parse_id(checkpoint) > parse_id(seen_event):
                end = "+" if stalled else checkpoint
                events = await wire.call(
                    "XRANGE", agent.events, f"({seen_event}", end, "COUNT", _PAGE
                )
            items = read_events(events)
            for raw in changes:
                item = read_change(raw)
                if item is not None:
                    if not stalled and _comes_later(item, checkpoint):
                        break
                    items.append(item)
                seen_change = raw[0].decode()
            items.sort(key=lambda item: item.position)
            if events:
                seen_event = events[-1][0].decode()
            if wanted := [item for item in items if item.kind in kinds]:
                yield wanted
            if len(events) < _PAGE and len(changes) < _PAGE:
                await anyio.sleep(_FOLLOW_SECONDS)
    finally:
        with anyio.CancelScope(shield=True):
            await backend.drop_wire(wire)


def _comes_later(change: Item, checkpoint: str) -> bool:
    """Whether a change was committed after the checkpoint was read, so that its cause is not here.

    A note of a rebuild belongs to no event.
    """
    return change.kind is not Kind.REBUILT and change.position[:2] > parse_id(checkpoint)
