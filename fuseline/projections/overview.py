"""The state of all agents at once: projections, figures of now, and who projects them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from msgspec import Struct

from fuseline.core.circuit import Circuit, CircuitState
from fuseline.core.errors import AgentNotFoundError, BackendError
from fuseline.core.events import Mode
from fuseline.core.fold import initial
from fuseline.events.agents import decode_record, list_agents
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.wire import Wire, translate
from fuseline.projections.codec import decode_circuit
from fuseline.projections.leases import projected_shards

Order = tuple[int, float, str]
"""Trouble, failure rate downwards, name."""


class AgentStatus(Struct, frozen=True, kw_only=True):
    """One agent as its projection shows it.

    Attributes:
        agent: name of the agent.
        circuit: with the figures of the window now; None if it cannot be read.
        projected: whether the projector has folded anything of it yet.
        problem: why the circuit cannot be read; "" if it can.
    """

    agent: str
    circuit: Circuit | None = None
    projected: bool = True
    problem: str = ""

    @property
    def trouble(self) -> int:
        """0 for most trouble, 6 for none: what to look at first."""
        circuit = self.circuit
        if circuit is None:
            return 0
        if circuit.mode is Mode.FORCED_OPEN:
            return 1
        if circuit.state is CircuitState.OPEN:
            return 2
        if circuit.state is CircuitState.HALF_OPEN:
            return 3
        if circuit.mode is not Mode.AUTO:
            return 4
        return 5 if circuit.failures else 6


class Overview(Struct, frozen=True):
    """All agents at one moment.

    Attributes:
        now_ms: the moment, in ms of Redis's clock.
        agents: the ones in trouble first.
        unprojected: shards that nobody projects now; the states of their agents stand still.
    """

    now_ms: int
    agents: list[AgentStatus]
    unprojected: frozenset[int]


async def overview(
    backend: Backend, names: Sequence[str] | None = None, wire: Wire | None = None
) -> Overview:
    """The projections of all registered agents, or of some.

    Raises:
        AgentNotFoundError: one of `names` is not registered.
        BackendUnavailableError: the server does not answer.
    """
    now_ms = await backend.learn_time(wire)
    agents: list[AgentKeys] = []
    if names is None:
        async for page in list_agents(backend, wire=wire):
            agents += page
    else:
        agents = [backend.keys.agent(name) for name in names]
    statuses: list[AgentStatus] = []
    for start in range(0, len(agents), 500):
        statuses += await _read(backend, agents[start : start + 500], now_ms, wire)
    statuses.sort(key=order_of)
    projected = await projected_shards(backend, wire or backend.wire)
    unprojected = frozenset(range(len(backend.keys.shards))) - projected
    return Overview(now_ms, statuses, unprojected)


async def _read(
    backend: Backend, agents: Sequence[AgentKeys], now_ms: int, wire: Wire | None
) -> list[AgentStatus]:
    wire = wire or backend.wire
    blobs = await wire.call_many([("HGET", agent.circuit, "blob") for agent in agents])
    # Only of those that nothing is folded of; almost all have a projection.
    bare = [agent for agent, blob in zip(agents, blobs, strict=True) if not blob]
    shards = backend.keys.shards
    found = await wire.call_many(
        [("HGET", shards[agent.shard].agents, agent.name) for agent in bare]
    )
    records = {agent.name: record for agent, record in zip(bare, found, strict=True)}
    statuses = []
    for agent, blob in zip(agents, blobs, strict=True):
        record = records.get(agent.name)
        if isinstance(record, Exception):
            raise translate(record) from record
        if record is None and not blob:
            raise AgentNotFoundError(agent.name)
        statuses.append(_status(agent.name, blob, record, now_ms))
    return statuses


@lru_cache(maxsize=16_384)
def _decoded(blob: bytes) -> Circuit:
    """Not to be changed: of thousands of agents most stand as they did a moment ago."""
    return decode_circuit(blob)


def _status(
    name: str, blob: bytes | Exception | None, record: bytes | None, now_ms: int
) -> AgentStatus:
    if isinstance(blob, Exception):
        return AgentStatus(agent=name, problem=str(translate(blob)))
    try:
        if blob is not None:
            circuit = _decoded(blob)
            if circuit.buckets:
                circuit = circuit.at(now_ms)
            return AgentStatus(agent=name, circuit=circuit)
        assert record is not None
        known = decode_record(name, record)
    except BackendError as error:
        return AgentStatus(agent=name, problem=str(error))
    return AgentStatus(agent=name, circuit=initial(known.config, known.revision), projected=False)


def order_of(status: AgentStatus) -> Order:
    """By which agents in trouble come first; no two agents have the same."""
    circuit = status.circuit
    return status.trouble, -circuit.failure_rate if circuit else 0.0, status.agent
