"""A namespace as tests look at it: the log, the projection, the history, and a second fold."""

import contextlib
from collections.abc import AsyncIterator, Sequence
from typing import Any

from fuseline.core.circuit import Change, Circuit, Transition
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Outcome, Result
from fuseline.core.fold import fold_in_place, initial
from fuseline.events.agents import list_agents
from fuseline.events.backend import Backend
from fuseline.events.codec import encode_event
from fuseline.events.log import Entry, read_all
from fuseline.events.settings import BackendSettings
from fuseline.projections.codec import decode_change, decode_circuit, encode_circuit
from fuseline.projections.store import load_circuits


@contextlib.asynccontextmanager
async def open_backend(
    url: str, namespace: str, shards: int = 4, timeout_seconds: float = 1.5
) -> AsyncIterator[Backend]:
    """A backend of its own, closed at the end."""
    settings = BackendSettings(
        url=url, namespace=namespace, shards=shards, timeout_seconds=timeout_seconds
    )
    backend = await Backend.open(settings)
    try:
        yield backend
    finally:
        await backend.close()


def failing(threshold: int | None = 3, **values: Any) -> CircuitBreakerConfig:
    """A config under which consecutive failures alone open."""
    values = {"failure_rate_threshold": None, "timeout_seconds": 60.0} | values
    return CircuitBreakerConfig(failure_threshold=threshold, **values)


async def log_of(backend: Backend, agent: str) -> list[Entry]:
    """The whole log of an agent."""
    pages = read_all(backend, backend.keys.agent(agent))
    return [entry async for page in pages for entry in page]


async def outcomes_of(backend: Backend, agent: str) -> list[Outcome]:
    """The outcomes in the log of an agent."""
    return [event for _, _, event in await log_of(backend, agent) if isinstance(event, Outcome)]


async def history_of(backend: Backend, agent: str) -> list[Change]:
    """The history of an agent."""
    entries = await backend.wire.call("XRANGE", backend.keys.agent(agent).history, "-", "+")
    changes = [decode_change(fields[1]) for _, fields in entries]
    assert None not in changes
    return [change for change in changes if change is not None]


async def transitions_of(backend: Backend, agent: str) -> list[Transition]:
    """The transitions in the history of an agent."""
    return [c for c in await history_of(backend, agent) if isinstance(c, Transition)]


async def feed_of(backend: Backend, agent: str) -> list[Circuit]:
    """The views of an agent that the feed announced."""
    keys = backend.keys
    feed = await backend.wire.call("XRANGE", keys.shards[keys.agent(agent).shard].feed, "-", "+")
    return [decode_circuit(f[3]) for _, f in feed if f[1] == agent.encode()]


async def projection_of(backend: Backend, agent: str) -> Circuit | None:
    """The projection of an agent as it stands."""
    (circuit,) = await load_circuits(backend, [backend.keys.agent(agent)])
    return circuit


async def folded(backend: Backend, agent: str) -> bool:
    """Whether the projection has reached the end of the log."""
    keys = backend.keys.agent(agent)
    checkpoint, tail = await backend.wire.call_many(
        [("HGET", keys.circuit, "checkpoint"), ("XREVRANGE", keys.events, "+", "-", "COUNT", 1)]
    )
    return bool(tail) and tail[0][0] == checkpoint


async def assert_projection_is_the_fold(backend: Backend, agent: str) -> Circuit:
    """The projection equals the fold of the log up to it, and the history that fold's changes.

    Deadlines go on ticking after the last call, so projection and history are read until no commit
    came between them.
    """
    while True:
        stored = await projection_of(backend, agent)
        history = await history_of(backend, agent)
        again = await projection_of(backend, agent)
        assert stored is not None
        assert again is not None
        if again.position == stored.position:
            break
    circuit = initial()
    log = [entry for entry in await log_of(backend, agent) if entry[:2] <= stored.position]
    changes = fold_in_place(circuit, log)
    assert encode_circuit(stored) == encode_circuit(circuit)
    assert history == changes
    return circuit


async def all_agents(backend: Backend) -> list[str]:
    """The names of all registered agents."""
    return [keys.name async for page in list_agents(backend) for keys in page]


async def append(
    backend: Backend,
    agent: str,
    outcomes: Sequence[Outcome],
    *,
    first: int = 1,
    producer: int = 1,
    incarnation: int = 1,
    name: str = "tester",
    delay: int | str = "",
) -> list[Any]:
    """Calls `append` for one agent; the reply as it comes."""
    return await append_many(
        backend,
        [(agent, outcomes)],
        first=first,
        producer=producer,
        incarnation=incarnation,
        name=name,
        delay=delay,
    )


async def append_many(
    backend: Backend,
    batches: Sequence[tuple[str, Sequence[Outcome]]],
    *,
    first: int = 1,
    producer: int = 1,
    incarnation: int = 1,
    name: str = "tester",
    delay: int | str = "",
    settled: Sequence[tuple[int, str, str]] = (),
) -> list[Any]:
    """Calls `append` for agents of one shard; the reply as it comes."""
    agents = [backend.keys.agent(agent) for agent, _ in batches]
    (shard,) = {agent.shard for agent in agents}
    keys = backend.keys.shards[shard]
    names = [keys.producers, keys.dirty, keys.wake]
    args: list[Any] = [producer, name, incarnation, first, delay, len(batches)]
    for agent, (_, outcomes) in zip(agents, batches, strict=True):
        names += (agent.events, agent.probes)
        args += (agent.name, len(outcomes), *map(encode_event, outcomes))
    for one in settled:
        args += one
    reply: list[Any] = await backend.fcall("append", names, args)
    return reply


def outcome(result: Result = Result.SUCCESS, epoch: int = 0, **values: Any) -> Outcome:
    """An outcome with the least one must say."""
    return Outcome(epoch, result, values.pop("duration_ms", 1), **values)


def failure(epoch: int = 0, **values: Any) -> Outcome:
    """A failed call."""
    return outcome(Result.FAILURE, epoch, failure_kind="Boom", **values)


def same_shard(backend: Backend, count: int, shard: int = 0) -> list[str]:
    """Names of agents that lie in one shard."""
    names = (f"agent-{n}" for n in range(10_000))
    fitting = (name for name in names if backend.keys.shard_of(name) == shard)
    return [next(fitting) for _ in range(count)]
