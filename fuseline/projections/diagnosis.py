"""Diagnosis: what is wrong with a namespace and its server, and what to do about it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from enum import StrEnum
from time import monotonic
from typing import Any

from msgspec import Struct
from redis.exceptions import ResponseError

from fuseline.core.errors import BackendError
from fuseline.events import library
from fuseline.events.agents import list_agents
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.wire import translate
from fuseline.projections.codec import decode_circuit
from fuseline.projections.explain import seconds

_LAG_WARNING_SECONDS = 1.0
_LAG_PROBLEM_SECONDS = 5.0
_CLOCK_WARNING_SECONDS = 2.0
_SAMPLE = 50
_COUNTED_EVENTS = 10_000
_NAMED = 3


class Level(StrEnum):
    """How a finding stands."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


class Finding(Struct, frozen=True):
    """One thing that was looked at.

    Attributes:
        check: short name of what was looked at.
        level: how it stands.
        text: what was found, with the values.
        fix: what to do; "" if nothing need be done.
    """

    check: str
    level: Level
    text: str
    fix: str = ""


async def diagnose(backend: Backend) -> AsyncIterator[Finding]:
    """Looks at the server, the functions, the clocks, the projectors and every agent's keys.

    Raises:
        BackendUnavailableError: the server went away meanwhile.
    """
    yield Finding("server", Level.OK, backend.server)
    yield await _functions(backend)
    for finding in await _persistence(backend):
        yield finding
    yield await _clock(backend)
    for finding in await _leases(backend):
        yield finding
    agents: list[AgentKeys] = []
    try:
        async for page in list_agents(backend):
            agents += page
    except BackendError as error:
        yield Finding("agents", Level.PROBLEM, str(error), "remove the foreign key")
        return
    name = backend.keys.namespace_name
    shards = len(backend.keys.shards)
    yield Finding(
        "agents", Level.OK, f"{len(agents)} registered in namespace {name!r}, {shards} shards"
    )
    yield await _key_types(backend, agents)
    yield await _lag(backend, agents)
    yield await _set_aside(backend, agents)
    yield await _memory(backend, agents)


async def _functions(backend: Backend) -> Finding:
    build = await backend.fcall("build", (), ())
    text = f"library {library.LIBRARY_NAME}, build {build}"
    if build > library.BUILD:
        return Finding(
            "functions",
            Level.WARNING,
            f"{text}; this process knows build {library.BUILD}",
            "upgrade fuseline here: a newer release is at work on this server",
        )
    return Finding("functions", Level.OK, text)


async def _persistence(backend: Backend) -> list[Finding]:
    settings = {}
    for name in ("appendonly", "appendfsync", "maxmemory", "maxmemory-policy"):
        (reply,) = await backend.wire.call_many([("CONFIG", "GET", name)])
        if isinstance(reply, Exception):
            return [
                Finding(
                    "persistence",
                    Level.WARNING,
                    f"the settings cannot be read: {reply}",
                    "check appendonly yes, appendfsync everysec, maxmemory-policy noeviction",
                )
            ]
        settings[name] = reply[1].decode() if reply else ""
    findings = []
    if settings["appendonly"] == "yes":
        sync = settings["appendfsync"]
        text = f"appendonly yes, appendfsync {sync}"
        if sync == "no":
            findings.append(
                Finding(
                    "persistence",
                    Level.WARNING,
                    text,
                    "CONFIG SET appendfsync everysec; now a crash may lose half a minute of events",
                )
            )
        else:
            findings.append(Finding("persistence", Level.OK, text))
    else:
        findings.append(
            Finding(
                "persistence",
                Level.WARNING,
                "appendonly no: a restart of the server loses the log",
                "CONFIG SET appendonly yes, and put it into the server's configuration",
            )
        )
    policy, limit = settings["maxmemory-policy"], settings["maxmemory"]
    if limit not in ("", "0") and policy != "noeviction":
        findings.append(
            Finding(
                "eviction",
                Level.PROBLEM,
                f"maxmemory {limit} with maxmemory-policy {policy}: keys of the log may vanish",
                "CONFIG SET maxmemory-policy noeviction",
            )
        )
    else:
        text = f"maxmemory-policy {policy}, maxmemory {limit if limit != '0' else 'unlimited'}"
        findings.append(Finding("eviction", Level.OK, text))
    return findings


async def _clock(backend: Backend) -> Finding:
    trips: list[float] = []
    server_ms = wall_ms = 0.0
    for _ in range(5):
        sent, wall = monotonic(), time.time()
        reply = await backend.wire.call("TIME")
        trip = monotonic() - sent
        if not trips or trip < min(trips):
            server_ms = int(reply[0]) * 1000 + int(reply[1]) / 1000
            wall_ms = (wall + trip / 2) * 1000
        trips.append(trip)
    offset = (wall_ms - server_ms) / 1000
    text = f"round trip {min(trips) * 1000:.2f} ms, this machine's clock is {offset:+.3f} s off"
    if abs(offset) > _CLOCK_WARNING_SECONDS:
        return Finding(
            "clock",
            Level.WARNING,
            text,
            "circuits do not mind, but times you compare with other logs will not match: run NTP",
        )
    return Finding("clock", Level.OK, text)


async def _leases(backend: Backend) -> list[Finding]:
    shards = backend.keys.shards
    replies = await backend.wire.call_many(
        [command for s in shards for command in (("GET", s.lease), ("PTTL", s.lease))]
    )
    owners: dict[str, list[int]] = {}
    free = []
    for shard, value in zip(shards, replies[::2], strict=True):
        if isinstance(value, Exception):
            error = str(translate(value))
            return [Finding("projector", Level.PROBLEM, error, "remove the foreign key")]
        if value is None:
            free.append(shard.shard)
        else:
            owner = value.decode(errors="replace").partition(" ")[2]
            owners.setdefault(owner, []).append(shard.shard)
    findings = [
        Finding("projector", Level.OK, f"{owner} holds {_ranges(held)}")
        for owner, held in sorted(owners.items())
    ]
    if free:
        findings.append(
            Finding(
                "projector",
                Level.PROBLEM,
                f"nobody projects {_ranges(free)}: states stand still, workers decide locally",
                "start `fuseline projector`, or a worker with projector=True",
            )
        )
    return findings


async def _key_types(backend: Backend, agents: list[AgentKeys]) -> Finding:
    wanted = {"events": "stream", "circuit": "hash", "history": "stream", "probes": "zset"}
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
            _some(wrong),
            "another program writes to this namespace: rename its keys, or choose another "
            "FUSELINE_NAMESPACE; then `fuseline rebuild`",
        )
    return Finding("keys", Level.OK, "all keys have their types")


async def _lag(backend: Backend, agents: list[AgentKeys]) -> Finding:
    behind: list[AgentKeys] = []
    ahead: list[str] = []
    for start in range(0, len(agents), 500):
        page = agents[start : start + 500]
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
            f"the log of {_some(ahead)} has lost events that were folded",
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
    more = " at least" if len(behind) > _SAMPLE or events >= _COUNTED_EVENTS else ""
    text = f"{more} {events} events of {len(behind)} agents wait, the oldest for {seconds(late)}"
    text = text.strip()
    if late < _LAG_WARNING_SECONDS:
        return Finding("lag", Level.OK, text)
    level = Level.WARNING if late < _LAG_PROBLEM_SECONDS else Level.PROBLEM
    return Finding("lag", level, text, "start another `fuseline projector`, or see its log")


async def _set_aside(backend: Backend, agents: list[AgentKeys]) -> Finding:
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
        text = f"the projection of {_some(unreadable)} cannot be read"
        return Finding("projections", Level.PROBLEM, text, "`fuseline rebuild`")
    if events:
        return Finding(
            "set aside",
            Level.WARNING,
            f"{events} unreadable events of {_some(with_events)}",
            "see `fuseline timeline AGENT --kinds set_aside`; something else writes to these "
            "streams",
        )
    return Finding("set aside", Level.OK, "no unreadable events")


async def _memory(backend: Backend, agents: list[AgentKeys]) -> Finding:
    sample = agents[:: max(1, len(agents) // _SAMPLE)][:_SAMPLE]
    totals = {"events": 0, "circuit": 0, "history": 0}
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


def _text(reply: Any) -> str:
    return reply.decode() if isinstance(reply, bytes) else str(reply)


def _size(size: float) -> str:
    return f"{size / 1024:.1f} KiB" if size < 1 << 20 else f"{size / (1 << 20):.1f} MiB"


def _some(names: list[str]) -> str:
    rest = len(names) - _NAMED
    return ", ".join(names[:_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _ranges(numbers: list[int]) -> str:
    """Numbers of shards, e.g. "shards 0-7, 9"."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and spans[-1][1] == number - 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    words = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)
    return f"shard{'s' if len(numbers) > 1 else ''} {words}"
