"""Diagnosis: what is wrong with a namespace and its server, and what to do about it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from time import monotonic

from fuseline.core.errors import BackendError
from fuseline.events import library
from fuseline.events.agents import list_agents
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.wire import translate
from fuseline.projections.agent_findings import key_types, lag, memory, set_aside
from fuseline.projections.findings import Finding, Level

_CLOCK_WARNING_SECONDS = 2.0


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
    for look in (key_types, lag, set_aside, memory):
        yield await look(backend, agents)


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
        most = limit if limit != "0" else "unlimited"
        well = f"maxmemory-policy {policy}, maxmemory {most}"
        findings.append(Finding("eviction", Level.OK, well))
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
