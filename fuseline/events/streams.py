"""Reading a stream as if nothing had been trimmed: what left the server is read from elsewhere.

Where no such place is known (`Backend.older`), these are the plain commands.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.older import MAX_SEQ, Id, Stream, id_before
from fuseline.events.wire import Command, Wire, translate

Range = tuple[str, str, int]
"""First and last id as XRANGE takes them, and how many entries at most."""

_FIRST, _LAST = (0, 0), (MAX_SEQ, MAX_SEQ)


async def last_entries(wire: Wire, keys: Iterable[str]) -> list[Any]:
    """The newest entry of each stream, id and fields; None where there is none.

    Raises:
        WrongKeyTypeError: a key is no stream.
        BackendUnavailableError: the server does not answer, or refuses this user.
    """
    replies = await wire.call_many([("XREVRANGE", key, "+", "-", "COUNT", 1) for key in keys])
    for reply in replies:
        if isinstance(reply, Exception):
            raise translate(reply) from reply
    return [reply[0] if reply else None for reply in replies]


async def read_stream(
    backend: Backend,
    agent: AgentKeys,
    stream: Stream,
    start: str,
    end: str,
    count: int,
    *,
    newest_first: bool = False,
    wire: Wire | None = None,
) -> list[Any]:
    """XRANGE from `start` to `end`, or XREVRANGE, over what is kept and what is older.

    Raises:
        WrongKeyTypeError: the key is no stream.
        BackendUnavailableError: the server does not answer.
        FuselineError: what is older is damaged.
    """
    ranges = [(start, end, count)]
    (found,) = await read_streams(
        backend, agent, stream, ranges, newest_first=newest_first, wire=wire
    )
    return found


async def read_streams(
    backend: Backend,
    agent: AgentKeys,
    stream: Stream,
    ranges: Sequence[Range],
    *,
    newest_first: bool = False,
    wire: Wire | None = None,
) -> list[list[Any]]:
    """`read_stream` of several ranges in one round trip, as far as they are kept."""
    wire = wire or backend.wire
    key = agent.events if stream == "events" else agent.history
    commands: list[Command] = [
        ("XREVRANGE", key, end, start, "COUNT", count)
        if newest_first
        else ("XRANGE", key, start, end, "COUNT", count)
        for start, end, count in ranges
    ]
    older = backend.older
    if older is not None:
        # Behind the ranges, so that what a trim took from them counts as trimmed.
        commands += _boundary_commands(agent, stream)
    replies = await wire.call_many(commands)
    for reply in replies:
        if isinstance(reply, Exception):
            raise translate(reply) from reply
    if older is None:
        return replies
    boundary = _boundary(stream, replies[len(ranges) :])
    found = replies[: len(ranges)]
    for place, (start, end, count) in enumerate(ranges):
        low, high = _low(start), _high(end)
        if low > boundary or low > high:
            continue
        cold = min(high, boundary)
        hot = [entry for entry in found[place] if parse_id(entry[0]) > boundary]
        if newest_first:
            if len(hot) < count:
                left = count - len(hot)
                hot += await older.entries(agent, stream, low, cold, left, newest_first=True)
            found[place] = hot
            continue
        first = list(await older.entries(agent, stream, low, cold, count, newest_first=False))
        if len(first) < count and high > boundary:
            # Again, because a trim may have gone on meanwhile.
            after = f"({boundary[0]}-{boundary[1]}"
            first += await read_stream(
                backend, agent, stream, after, end, count - len(first), wire=wire
            )
        found[place] = first
    return found


async def older_begin(backend: Backend, agent: AgentKeys, stream: Stream = "events") -> Id | None:
    """The id after which what was trimmed can still be read; (0, 0): all there ever was.

    None: nothing was trimmed, or nothing of it can be read.

    Raises:
        WrongKeyTypeError: a key is not what it should be.
        BackendUnavailableError: the server does not answer.
    """
    if backend.older is None:
        return None
    replies = await backend.wire.call_many(_boundary_commands(agent, stream))
    for reply in replies:
        if isinstance(reply, Exception):
            raise translate(reply) from reply
    boundary = _boundary(stream, replies)
    if boundary == _FIRST:
        return None
    return await backend.older.begin(agent, stream, boundary)


def _boundary_commands(agent: AgentKeys, stream: Stream) -> list[Command]:
    if stream == "events":
        return [("HGET", agent.origin, "at")]
    return [("XRANGE", agent.history, "-", "+", "COUNT", 1), ("HGET", agent.origin, "history")]


def _boundary(stream: Stream, replies: Sequence[Any]) -> Id:
    """The last id that was trimmed, or one between it and the first that is kept."""
    if stream == "events":
        return parse_id(replies[0] or "0-0")
    first, cut_ms = replies
    if not cut_ms:
        return _FIRST
    trimmed = (int(cut_ms) - 1, MAX_SEQ)
    return min(trimmed, id_before(parse_id(first[0][0]))) if first else trimmed


def _low(text: str) -> Id:
    if text == "-":
        return _FIRST
    if text.startswith("("):
        ms, seq = _parsed(text[1:], MAX_SEQ)
        return (ms, seq + 1) if seq < MAX_SEQ else (ms + 1, 0)
    return _parsed(text, 0)


def _high(text: str) -> Id:
    if text == "+":
        return _LAST
    if text.startswith("("):
        return id_before(_parsed(text[1:], 0))
    return _parsed(text, MAX_SEQ)


def _parsed(text: str, seq: int) -> Id:
    return parse_id(text) if "-" in text else (int(text), seq)
