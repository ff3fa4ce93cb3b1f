"""What can be wrong with the servers that hold a namespace: one, or the masters of a cluster."""

from __future__ import annotations

import time
from collections.abc import Iterable
from time import monotonic
from typing import Any

from fuseline.events import library
from fuseline.events.backend import Backend
from fuseline.events.wire import Wire, translate
from fuseline.projections.findings import Finding, Level

_CLOCK_WARNING_SECONDS = 2.0
_SPREAD_WARNING_SECONDS = 0.1


async def functions(backend: Backend) -> list[Finding]:
    """Whether each server has the functions, and of which build."""
    return _merged([await _functions(wire) for wire in await backend.wire.each()])


async def _functions(wire: Wire) -> Finding:
    (build,) = await wire.call_many([("FCALL", library.function("build"), 0)])
    if isinstance(build, Exception):
        return Finding(
            "functions",
            Level.PROBLEM,
            f"a server lacks the functions: {translate(build)}",
            "run `fuseline status` once with a user that may load them",
        )
    text = f"library {library.LIBRARY_NAME}, build {build}"
    if build > library.BUILD:
        return Finding(
            "functions",
            Level.WARNING,
            f"{text}; this process knows build {library.BUILD}",
            "upgrade fuseline here: a newer release is at work on this server",
        )
    return Finding("functions", Level.OK, text)


async def persistence(backend: Backend) -> list[Finding]:
    """Whether a restart keeps the log, and whether keys may be evicted."""
    found: list[Finding] = []
    for wire in await backend.wire.each():
        found += await _persistence(wire)
    return _merged(found)


async def _persistence(wire: Wire) -> list[Finding]:
    settings = {}
    for name in ("appendonly", "appendfsync", "maxmemory", "maxmemory-policy"):
        (reply,) = await wire.call_many([("CONFIG", "GET", name)])
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
    policy, limit = settings["maxmemory-policy"], settings["maxmemory"]
    if limit not in ("", "0") and policy != "noeviction":
        eviction = Finding(
            "eviction",
            Level.PROBLEM,
            f"maxmemory {limit} with maxmemory-policy {policy}: keys of the log may vanish",
            "CONFIG SET maxmemory-policy noeviction",
        )
    else:
        most = limit if limit != "0" else "unlimited"
        text = f"maxmemory-policy {policy}, maxmemory {most}"
        eviction = Finding("eviction", Level.OK, text)
    return [_log_kept(settings["appendonly"], settings["appendfsync"]), eviction]


def _log_kept(appendonly: str, sync: str) -> Finding:
    if appendonly != "yes":
        return Finding(
            "persistence",
            Level.WARNING,
            "appendonly no: a restart of the server loses the log",
            "CONFIG SET appendonly yes, and put it into the server's configuration",
        )
    text = f"appendonly yes, appendfsync {sync}"
    if sync == "no":
        return Finding(
            "persistence",
            Level.WARNING,
            text,
            "CONFIG SET appendfsync everysec; now a crash may lose half a minute of events",
        )
    return Finding("persistence", Level.OK, text)


async def replication(backend: Backend) -> list[Finding]:
    """Whether somebody can take over, where somebody is meant to; nothing for a single server."""
    if backend.topology == "server":
        return []
    return _merged([await _replication(wire) for wire in await backend.wire.each()])


async def _replication(wire: Wire) -> Finding:
    (reply,) = await wire.call_many([("INFO", "replication")])
    if isinstance(reply, Exception):
        text = f"the replicas cannot be seen: {translate(reply)}"
        return Finding("replicas", Level.WARNING, text, "look with a user that may INFO")
    lines = (line.partition(":") for line in reply.decode().splitlines())
    info = {name: value for name, _, value in lines}
    count = int(info.get("connected_slaves", "0"))
    if not count:
        return Finding(
            "replicas",
            Level.WARNING,
            "a master has no replica: nobody can take over from it",
            "start a replica, or wait until it has synchronised",
        )
    return Finding("replicas", Level.OK, f"{count} of a master")


async def clock(backend: Backend) -> list[Finding]:
    """How far the servers' clocks are from this machine's, and from one another."""
    wires = await backend.wire.each()
    measured = [await _offset(wire) for wire in wires]
    trip, offset = min(measured, key=lambda pair: abs(pair[1]))
    offsets = [offset for _, offset in measured]
    text = f"round trip {trip * 1000:.2f} ms, this machine's clock is {offset:+.3f} s off"
    found = [Finding("clock", Level.OK, text)]
    if abs(offset) > _CLOCK_WARNING_SECONDS:
        fix = "circuits do not mind, but times you compare with other logs will not match: run NTP"
        found = [Finding("clock", Level.WARNING, text, fix)]
    if (spread := max(offsets) - min(offsets)) > _SPREAD_WARNING_SECONDS:
        text = f"the clocks of the cluster's masters are {spread:.3f} s apart"
        fix = "run NTP on them: open times and leases are told by the clock of an agent's master"
        found.append(Finding("clocks", Level.WARNING, text, fix))
    return found


async def _offset(wire: Wire) -> tuple[float, float]:
    """The shortest round trip to a server, and how far this machine's clock is from its, in s."""
    trips: list[float] = []
    offset = 0.0
    for _ in range(5):
        sent, wall = monotonic(), time.time()
        reply: Any = await wire.call("TIME")
        trip = monotonic() - sent
        if not trips or trip < min(trips):
            offset = wall + trip / 2 - int(reply[0]) - int(reply[1]) / 1e6
        trips.append(trip)
    return min(trips), offset


def _merged(found: Iterable[Finding]) -> list[Finding]:
    """What is the same on all servers is said once."""
    return list(dict.fromkeys(found))
