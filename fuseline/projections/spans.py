"""Reading spans of an agent's log: many small ones in a few round trips, long ones to a bound."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.log import Entry, parse_entries
from fuseline.events.streams import read_stream, read_streams

_PAGE = 5000
_COMMANDS_AT_ONCE = 100

IdSpan = tuple[str, str]
"""First and last stream id, both included unless "(" stands before one."""


async def read_spans(
    backend: Backend, agent: AgentKeys, spans: Sequence[IdSpan], most: int | None = None
) -> tuple[list[list[Entry]], bool]:
    """The entries of each span, and whether all were read before there were `most` of them."""
    found: list[list[Entry]] = [[] for _ in spans]
    left = [(place, *span) for place, span in enumerate(spans)]
    total = 0
    while left:
        part, left = left[:_COMMANDS_AT_ONCE], left[_COMMANDS_AT_ONCE:]
        page = _PAGE if most is None else max(1, min(_PAGE, most - total))
        ranges = [(start, end, page) for _, start, end in part]
        more: list[tuple[int, str, str]] = []
        replies = await read_streams(backend, agent, "events", ranges)
        for (place, _, end), raw in zip(part, replies, strict=True):
            found[place] += parse_entries(raw)
            total += len(raw)
            if len(raw) == page:
                more.append((place, f"({raw[-1][0].decode()}", end))
        left = more + left
        if most is not None and total >= most:
            return found, not left
    return found, True


async def read_back(
    backend: Backend, agent: AgentKeys, span: IdSpan, most: int
) -> tuple[list[Entry], bool]:
    """The newest `most` entries of a span, oldest first, and whether those are all."""
    found: list[Any] = []
    start, end = span
    while len(found) < most:
        page = min(_PAGE, most - len(found))
        raw = await read_stream(backend, agent, "events", start, end, page, newest_first=True)
        found += raw
        if len(raw) < page:
            return parse_entries(found[::-1]), True
        end = f"({raw[-1][0].decode()}"
    return parse_entries(found[::-1]), False


async def last_id(backend: Backend, key: str) -> tuple[int, int]:
    """The id of a stream's last entry as numbers; (0, 0) without one."""
    last = await backend.wire.call("XREVRANGE", key, "+", "-", "COUNT", 1)
    return parse_id(last[0][0]) if last else (0, 0)
