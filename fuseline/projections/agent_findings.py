"""What can be wrong with the keys of agents: types, lag, unreadable events, memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from redis.exceptions import ResponseError

from fuseline.core.errors import BackendError
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.projections.codec import decode_circuit
from fuseline.projections.explain import seconds
from fuseline.projections.findings import Finding, Level, some

_LAG_WARNING_SECONDS = 1.0
_LAG_PROBLEM_SECONDS = 5.0
_SAMPLE = 50
_COUNTED_EVENTS = 10_000


async def key_types(backend: Backend, agents: list[AgentKeys]) -> Finding:
    """Whether every key of an agent is of its type."""
    wanted = {
        "events": "stream",
        "circuit": "hash",
        "history": "stream",
        "probes": "zset",
        "counts": "hash",
        "origin": "hash",
    }
    wrong = []
    for start in range(0, len(agents), 250):
        keys = [
            (getattr(agent, field), kind)
            for agent in agents[start : start + 250]
            for field, kind in wanted.items()
        ]
        replies = await backend.wire.call_many([("TYPE", key) for key, _ in keys])
        for (key, kind), reply in zip(keys, replies, strict=True):
            found = _text(reply)
            if found not in (kind, "none"):
                wrong.append(f"{key} is a {found}, not a {kind}")
    if wrong:
        return Finding(
            "keys",
            Level.PROBLEM,
            f"keys of another type: {some(wrong)}",
            "another program writes to this namespace: rename its keys, or choose another "
            "FUSELINE_NAMESPACE; then `fuseline rebuild`",
        )
    return Finding("keys", Level.OK, "all keys have their types")


async def lag(backend: Backend, agents: list[AgentKeys]) -> Finding:
    """How many events wait to be folded, and for how long."""
    behind: list[AgentKeys] = []
    ahead: list[str] = []
    shards: dict[int, list[AgentKeys]] = {}
    for agent in agents:
        shards.setdefault(agent.shard, []).append(agent)
    for page in (p for mine in shards.values() for p in _pages(mine)):
        keys = [key for agent in page for key in (agent.circuit, agent.events)]
        reply = await backend.fcall("sweep", keys, ())
        for index, verdict in zip(reply[::2], reply[1::2], strict=True):
            if verdict == b"AHEAD":
                ahead.append(page[index - 1].name)
            else:
                behind.append(page[index - 1])
    if ahead:
        return Finding(
            "lag",
            Level.PROBLEM,
            f"the log of {some(ahead)} has lost events that were folded",
            "`fuseline rebuild`; a projector does it by itself within 30 s",
        )
    events, oldest_ms = 0, 0
    for agent in behind[:_SAMPLE]:
        checkpoint = await backend.wire.call("HGET", agent.circuit, "checkpoint")
        waiting = await backend.wire.call(
            "XRANGE", agent.events, f"({(checkpoint or b'0-0').decode()}", "+",
            "COUNT", _COUNTED_EVENTS,
        )  # fmt: skip
        events += len(waiting)
        if waiting:
            first_ms = parse_id(waiting[0][0])[0]
            oldest_ms = min(oldest_ms or first_ms, first_ms)
    late = (await backend.learn_time() - oldest_ms) / 1000 if oldest_ms else 0.0
    if not events:
        return Finding("lag", Level.OK, "all events are folded")
    more = "at least " if len(behind) > _SAMPLE or events >= _COUNTED_EVENTS else ""
    text = f"{more}{events} events of {len(behind)} agents wait, the oldest for {seconds(late)}"
    if late < _LAG_WARNING_SECONDS:
        return Finding("lag", Level.OK, text)
    level = Level.WARNING if late < _LAG_PROBLEM_SECONDS else Level.PROBLEM
    return Finding("lag", level, text, "start another `fuseline projector`, or see its log")


async def set_aside(backend: Backend, agents: list[AgentKeys]) -> Finding:
    """Projections and events that cannot be read."""
    unreadable, events, with_events = [], 0, []
    for start in range(0, len(agents), 500):
        page = agents[start : start + 500]
        replies = await backend.wire.call_many([("HGET", agent.circuit, "blob") for agent in page])
        for agent, blob in zip(page, replies, strict=True):
            if blob is None or isinstance(blob, ResponseError):
                continue
            try:
                circuit = decode_circuit(blob)
            except BackendError:
                unreadable.append(agent.name)
                continue
            if circuit.set_aside:
                events += circuit.set_aside
                with_events.append(agent.name)
    if unreadable:
        text = f"the projection of {some(unreadable)} cannot be read"
        return Finding("projections", Level.PROBLEM, text, "`fuseline rebuild`")
    if events:
        return Finding(
            "set aside",
            Level.WARNING,
            f"{events} unreadable events of {some(with_events)}",
            "see `fuseline timeline AGENT --kinds set_aside`; something else writes to these "
            "streams",
        )
    return Finding("set aside", Level.OK, "no unreadable events")


async def memory(backend: Backend, agents: list[AgentKeys]) -> Finding:
    """What an agent takes on the server, from a sample."""
    sample = agents[:: max(1, len(agents) // _SAMPLE)][:_SAMPLE]
    totals = {"events": 0, "circuit": 0, "history": 0, "counts": 0}
    for agent in sample:
        replies = await backend.wire.call_many(
            [("MEMORY", "USAGE", getattr(agent, field)) for field in totals]
        )
        for field, reply in zip(totals, replies, strict=True):
            totals[field] += reply if isinstance(reply, int) else 0
    if not sample:
        return Finding("memory", Level.OK, "no agents yet")
    parts = (f"{field} {_size(total / len(sample))}" for field, total in totals.items())
    return Finding("memory", Level.OK, f"per agent: {', '.join(parts)}")


def _pages(agents: list[AgentKeys]) -> Iterator[list[AgentKeys]]:
    for start in range(0, len(agents), 500):
        yield agents[start : start + 500]


def _text(reply: Any) -> str:
    return reply.decode() if isinstance(reply, bytes) else str(reply)


def _size(size: float) -> str:
    return f"{size / 1024:.1f} KiB" if size < 1 << 20 else f"{size / (1 << 20):.1f} MiB"
