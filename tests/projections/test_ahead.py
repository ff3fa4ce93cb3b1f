"""What is told of a log beyond its projection is what a projector will say of it."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fuseline.core.circuit import CircuitState
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Result
from fuseline.events.backend import Backend
from fuseline.projections.ahead import MOST_EVENTS, Ahead, parse_ahead, tell_call
from tests.logbook import append, failing, failure, folded, open_backend, outcome, projection_of
from tests.projections.support import Producer, projecting, registered, until_folded, until_state
from tests.servers import RealServer

F, S = Result.FAILURE, Result.SUCCESS


@pytest.fixture
async def backend(any_server: RealServer, namespace: str) -> AsyncIterator[Backend]:
    async with open_backend(any_server.url, namespace) as opened:
        yield opened


async def tell(backend: Backend, agent: str) -> Any:
    keys = backend.keys.agent(agent)
    (reply,) = await backend.fcall_many([tell_call(backend.keys.shards[keys.shard], keys)])
    return reply


async def told(backend: Backend, agent: str) -> list[Ahead]:
    shard = backend.keys.shards[backend.keys.shard_of(agent)]
    return [
        parse_ahead(fields)
        for _, fields in await backend.wire.call("XRANGE", shard.ahead, "-", "+")
    ]


async def projected(backend: Backend, url: str, config: CircuitBreakerConfig) -> Producer:
    """An agent whose log is folded to its end, and nobody to fold more."""
    producer = await registered(backend, "a", config)
    async with projecting(url, backend.settings.namespace):
        await producer.send(S, S)
        await until_folded(backend, "a")
    return producer


async def test_it_comes_to_what_is_projected_afterwards(
    backend: Backend, any_server: RealServer
) -> None:
    producer = await projected(backend, any_server.url, failing(3))
    await producer.send(F, F, F)
    assert await tell(backend, "a") == 3
    (ahead,) = await told(backend, "a")
    circuit = ahead.folded()
    assert circuit is not None
    assert (circuit.state, circuit.position) == (CircuitState.OPEN, ahead.position)
    stored = await projection_of(backend, "a")
    assert stored is not None
    assert stored.state is CircuitState.CLOSED
    async with projecting(any_server.url, backend.settings.namespace):
        await until_state(backend, "a", "open")
    assert await projection_of(backend, "a") == circuit


async def test_what_changes_no_view_is_no_news(backend: Backend, any_server: RealServer) -> None:
    producer = await projected(backend, any_server.url, failing(3))
    await producer.send(F, S, F)
    assert await tell(backend, "a") == 3
    (ahead,) = await told(backend, "a")
    assert ahead.folded() is None


async def test_results_of_probes_are_told(backend: Backend, any_server: RealServer) -> None:
    config = failing(1, timeout_seconds=0.01, half_open_max_calls=1)
    producer = await projected(backend, any_server.url, config)
    async with projecting(any_server.url, backend.settings.namespace):
        await producer.send(F)
        await until_state(backend, "a", "half_open")
        await until_folded(backend, "a")
    await producer.send(S)  # of no round: nothing has to come of it
    assert await tell(backend, "a") == 1


async def test_nothing_is_told_where_nothing_can_come_of_it(
    backend: Backend, any_server: RealServer
) -> None:
    producer = await projected(backend, any_server.url, failing(3))
    assert await tell(backend, "a") == 0  # nothing is beyond the projection
    await producer.send(F, F)
    assert await tell(backend, "a") == 0  # too few
    await producer.send(*[S] * MOST_EVENTS)
    assert await tell(backend, "a") == 0  # too many
    assert await tell(backend, "nobody") == 0
    async with projecting(any_server.url, backend.settings.namespace):
        await producer.send(F, F, F)
        await until_state(backend, "a", "open")
        await until_folded(backend, "a")
    await producer.send(F)
    assert await tell(backend, "a") == 0  # an open circuit is opened by nothing
    assert await told(backend, "a") == []


async def test_outcomes_that_were_sent_again_are_not_told(
    backend: Backend, any_server: RealServer
) -> None:
    await projected(backend, any_server.url, failing(1))
    await append(backend, "a", [failure(seq=1)], producer=7, delay=30)
    assert await tell(backend, "a") == 0


async def test_an_agent_that_is_not_projected_yet_is_not_told(backend: Backend) -> None:
    await append(backend, "a", [outcome(seq=1), failure(seq=2)])
    assert not await folded(backend, "a")
    assert await tell(backend, "a") == 0


@pytest.mark.parametrize("damaged", ["circuit", "events", "ahead"])
async def test_a_key_of_another_program_is_an_error_and_not_touched(
    backend: Backend, any_server: RealServer, damaged: str
) -> None:
    producer = await projected(backend, any_server.url, failing(1))
    await producer.send(F)
    keys = backend.keys.agent("a")
    shard = backend.keys.shards[keys.shard]
    key = shard.ahead if damaged == "ahead" else getattr(keys, damaged)
    await backend.wire.call("SET", key, "mine")
    reply = await tell(backend, "a")
    assert isinstance(reply, Exception)
    assert "WRONGTYPE" in str(reply)
    assert await backend.wire.call("GET", key) == b"mine"
