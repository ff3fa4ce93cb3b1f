"""Reading the log: ranges and tails of an agent's event stream."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import anyio

from fuseline.core.events import AnyEvent, Outcome, UnreadableEvent
from fuseline.core.events import Entry as Entry
from fuseline.events.backend import Backend
from fuseline.events.codec import (
    DELAY_FIELD,
    EVENT_FIELD,
    decode_event,
    decode_events,
    decode_ids,
    parse_id,
)
from fuseline.events.keys import AgentKeys
from fuseline.events.streams import read_stream
from fuseline.events.wire import Wire

_PAGE = 5000
_MANY = 10  # from so many on, all at once costs less than one by one


def parse_entries(raw: list[Any]) -> list[Entry]:
    """Entries as XRANGE and XREAD give them; unreadable ones come as such, none is left out."""
    if len(raw) >= _MANY and (events := _events(raw)) is not None:
        numbers = decode_ids([raw_id for raw_id, _ in raw])
        return list(zip(numbers[::2], numbers[1::2], events, strict=True))
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


def _events(raw: list[Any]) -> list[AnyEvent] | None:
    """The events of many entries; None if any of them has to be looked at on its own."""
    delayed = False
    try:
        payloads = [payload for _, (field, payload) in raw if field == EVENT_FIELD]
    except ValueError:  # some have a field more
        delayed = True
        payloads = [fields[1] for _, fields in raw if fields[0] == EVENT_FIELD]
    if len(payloads) < len(raw):
        return None
    events = decode_events(payloads)
    if delayed:
        for event, (_, fields) in zip(events, raw, strict=True):
            if len(fields) > 2:
                _add_delay(event, fields)
    return events


def parse_wake(fields: list[bytes]) -> tuple[list[bytes], list[tuple[str, list[Entry]]]]:
    """A wake-up: the agents it names, and for each what it carries, if it carries anything.

    What is carried is the id that the agent's log ended at before, and the new entries.
    """
    names = fields[1].split(b"\n")
    begins = [place for place in range(2, len(fields), 2) if fields[place] == b"p"]
    carried = [
        (fields[begin + 1].decode(), parse_carried(fields[begin + 2 : end]))
        for begin, end in zip(begins, [*begins, len(fields)][1:], strict=True)
    ]
    return names, carried if len(carried) == len(names) else []


def parse_carried(fields: list[bytes]) -> list[Entry]:
    """Entries as fields of another one: `i` and the id, `e` and the event, and so on."""
    return [
        (*parse_id(fields[place + 1]), decode_event(fields[place + 3]))
        for place in range(0, len(fields), 4)
    ]


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
) -> AsyncGenerator[list[Entry], None]:
    """All entries with ids from `start` to `end` as they are now, a page at a time.

    The server looks for the next page while this one is decoded and used. Close it
    (`contextlib.aclosing`) where it may not be read to its end.
    """

    def ask(start: str) -> asyncio.Task[list[Any]]:
        page = read_stream(backend, agent, "events", start, end, _PAGE, wire=wire)
        return asyncio.create_task(page)

    asked = ask(start)
    try:
        while raw := await asked:
            is_last = len(raw) < _PAGE
            if not is_last:
                asked = ask(f"({raw[-1][0].decode()}")
                await asyncio.sleep(0)  # so that it is sent before anything is decoded
            yield parse_entries(raw)
            if is_last:
                return
    finally:
        if not asked.done():
            asked.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([asked])


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
