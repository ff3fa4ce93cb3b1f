"""Reading the log: ranges and tails of an agent's event stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

from fuseline.core.events import AnyEvent, Outcome, UnreadableEvent
from fuseline.events.backend import Backend
from fuseline.events.codec import DELAY_FIELD, EVENT_FIELD, decode_event, parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.older import read_stream
from fuseline.events.wire import Wire

Entry = tuple[int, int, AnyEvent]
"""ms and seq of the stream id, and the event."""

_PAGE = 5000


def parse_entries(raw: list[Any]) -> list[Entry]:
    """Entries as XRANGE and XREAD give them; unreadable ones come as such, none is left out."""
    entries: list[Entry] = []
    append = entries.append
    for raw_id, fields in raw:
        ms, _, seq = raw_id.partition(b"-")
        if fields[0] == EVENT_FIELD:
            event = decode_event(fields[1])
            if len(fields) > 2:
                _add_delay(event, fields)
        else:
            event = UnreadableEvent(b"", f"no field {EVENT_FIELD.decode()!r}")
        append((int(ms), int(seq), event))
    return entries


def parse_wake(fields: list[bytes]) -> tuple[list[bytes], list[tuple[str, list[Entry]]]]:
    """A wake-up: the agents it names, and for each what it carries, if it carries anything.

    What is carried is the id that the agent's log ended at before, and the new entries.
    """
    names = fields[1].split(b"\n")
    carried: list[tuple[str, list[Entry]]] = []
    for place in range(2, len(fields), 2):
        if fields[place] == b"p":
            carried.append((fields[place + 1].decode(), []))
        elif fields[place] == b"i":
            ms, seq = parse_id(fields[place + 1])
            carried[-1][1].append((ms, seq, decode_event(fields[place + 3])))
    return names, carried if len(carried) == len(names) else []


def _add_delay(event: AnyEvent, fields: list[bytes]) -> None:
    if isinstance(event, Outcome) and fields[2] == DELAY_FIELD and fields[3].isdigit():
        event.age_ms += int(fields[3])


async def read(
    backend: Backend,
    agent: AgentKeys,
    start: str = "-",
    end: str = "+",
    count: int = _PAGE,
    wire: Wire | None = None,
) -> list[Entry]:
    """Up to `count` entries with ids from `start` to `end`, both included; "(id" excludes."""
    return parse_entries(await read_stream(backend, agent, "events", start, end, count, wire=wire))


async def read_all(
    backend: Backend, agent: AgentKeys, start: str = "-", end: str = "+", wire: Wire | None = None
) -> AsyncIterator[list[Entry]]:
    """All entries with ids from `start` to `end` as they are now, a page at a time."""
    while page := await read(backend, agent, start, end, wire=wire):
        yield page
        if len(page) < _PAGE:
            return
        start = f"({page[-1][0]}-{page[-1][1]}"


async def tail(
    backend: Backend, agent: AgentKeys, after: str = "$", block_seconds: float = 5.0
) -> AsyncGenerator[list[Entry], None]:
    """Entries as they come, from the id `after` on; runs until it is closed."""
    wire = backend.make_wire(block_seconds)
    try:
        if after == "$":
            last = await wire.call("XREVRANGE", agent.events, "+", "-", "COUNT", 1)
            after = last[0][0].decode() if last else "0-0"
        while True:
            reply = await wire.call(
                "XREAD", "COUNT", _PAGE, "BLOCK", int(block_seconds * 1000),
                "STREAMS", agent.events, after,
            )  # fmt: skip
            if reply:
                page = parse_entries(reply[0][1])
                after = f"{page[-1][0]}-{page[-1][1]}"
                yield page
    finally:
        await backend.drop_wire(wire)
