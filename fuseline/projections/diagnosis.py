"""Diagnosis: what is wrong with a namespace and its server, and what to do about it."""

from __future__ import annotations

from collections.abc import AsyncIterator

from fuseline.core.errors import BackendError
from fuseline.events.agents import list_agents
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.removed import left_registry
from fuseline.events.wire import translate
from fuseline.projections.agent_findings import key_types, lag, memory, set_aside
from fuseline.projections.findings import Finding, Level
from fuseline.projections.kept_findings import archive, removed
from fuseline.projections.server_findings import clock, functions, persistence, replication


async def diagnose(backend: Backend) -> AsyncIterator[Finding]:
    """Looks at the server, the functions, the clocks, the projectors and every agent's keys.

    Raises:
        BackendUnavailableError: the server went away meanwhile.
    """
    yield Finding("server", Level.OK, backend.server)
    for finding in await functions(backend):
        yield finding
    for finding in await persistence(backend):
        yield finding
    for finding in await replication(backend):
        yield finding
    for finding in await clock(backend):
        yield finding
    for finding in await _leases(backend):
        yield finding
    agents: list[AgentKeys] = []
    try:
        async for page in list_agents(backend):
            agents += page
        left = await left_registry(backend)
    except BackendError as error:
        yield Finding("agents", Level.PROBLEM, str(error), "remove the foreign key")
        return
    name = backend.keys.namespace_name
    shards = len(backend.keys.shards)
    yield Finding(
        "agents", Level.OK, f"{len(agents)} registered in namespace {name!r}, {shards} shards"
    )
    for look in (key_types, lag, set_aside):
        yield await look(backend, agents + left)
    yield await memory(backend, agents)
    yield await removed(backend, left)
    for finding in await archive(backend, agents + left):
        yield finding


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
