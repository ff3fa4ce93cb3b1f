"""Events that travel with the wake-up: folded without reading the log, or read when in doubt."""

from collections.abc import AsyncIterator

import pytest

from fuseline.core.circuit import Circuit
from fuseline.core.fold import fold, initial
from fuseline.events.backend import Backend
from fuseline.events.log import parse_wake
from fuseline.projections.shard import ShardProjection
from tests.logbook import append, append_many, failure, log_of, open_backend, outcome, same_shard
from tests.servers import RealServer


@pytest.fixture
async def backend(any_server: RealServer, namespace: str) -> AsyncIterator[Backend]:
    async with open_backend(any_server.url, namespace) as opened:
        yield opened


async def woken(backend: Backend, agent: str) -> list[list[bytes]]:
    shard = backend.keys.shards[backend.keys.shard_of(agent)]
    return [fields for _, fields in await backend.wire.call("XRANGE", shard.wake, "-", "+")]


def shard_with(backend: Backend, **circuits: Circuit) -> ShardProjection:
    shard = ShardProjection(backend.keys.shards[0], 1)
    for name, circuit in circuits.items():
        shard.put(name, circuit, stored=True)
    return shard


def hear(shard: ShardProjection, wakes: list[list[bytes]]) -> None:
    for fields in wakes:
        names, carried = parse_wake(fields)
        for name, (ended, events) in zip(names, carried, strict=True):
            shard.carry(name.decode(), ended, events)


async def test_what_wake_ups_carry_folds_to_what_the_log_folds_to(backend: Backend) -> None:
    for n in range(1, 8):
        await append(backend, "a", [failure(seq=n)], first=n)
    shard = shard_with(backend, a=initial())
    hear(shard, await woken(backend, "a"))
    assert not shard.pending
    ((name, entries),) = shard.take_carried()
    shard.fold(backend.keys.agent(name), entries)
    expected, _ = fold(initial(), await log_of(backend, "a"))
    assert shard.circuits["a"] == expected
    assert expected.consecutive_failures == 5  # and then it opened
    assert expected.epoch == 1


async def test_events_of_several_agents_travel_together(backend: Backend) -> None:
    a, b = same_shard(backend, 2)
    await append_many(backend, [(a, [outcome(seq=1), failure(seq=2)]), (b, [failure(seq=3)])])
    shard = shard_with(backend, **{a: initial(), b: initial()})
    hear(shard, await woken(backend, a))
    carried = dict(shard.take_carried())
    assert carried == {a: await log_of(backend, a), b: await log_of(backend, b)}


async def test_a_large_batch_has_to_be_read(backend: Backend) -> None:
    await append(backend, "a", [outcome(seq=n) for n in range(1, 200)])
    ((name, names),) = await woken(backend, "a")
    assert (name, names) == (b"a", b"a")


async def test_a_batch_sent_again_has_to_be_read_for_its_delay(backend: Backend) -> None:
    await append(backend, "a", [outcome(seq=1)], delay=500)
    ((name, names),) = await woken(backend, "a")
    assert (name, names) == (b"a", b"a")


async def test_a_wake_up_that_was_missed_makes_the_next_one_a_reason_to_read(
    backend: Backend,
) -> None:
    for n in range(1, 4):
        await append(backend, "a", [failure(seq=n)], first=n)
    first, _, third = await woken(backend, "a")
    shard = shard_with(backend, a=initial())
    hear(shard, [first, third])
    assert list(shard.pending) == ["a"]
    assert list(shard.take_carried()) == []


async def test_what_is_folded_already_is_neither_folded_again_nor_read(backend: Backend) -> None:
    for n in range(1, 4):
        await append(backend, "a", [failure(seq=n)], first=n)
    circuit, _ = fold(initial(), await log_of(backend, "a"))
    shard = shard_with(backend, a=circuit)
    hear(shard, await woken(backend, "a"))
    assert not shard.pending
    assert list(shard.take_carried()) == []


async def test_an_agent_whose_circuit_is_not_loaded_is_read(backend: Backend) -> None:
    await append(backend, "a", [failure(seq=1)])
    shard = shard_with(backend)
    hear(shard, await woken(backend, "a"))
    assert list(shard.pending) == ["a"]


async def test_a_forgotten_circuit_takes_what_was_carried_for_it_along(backend: Backend) -> None:
    await append(backend, "a", [failure(seq=1)])
    shard = shard_with(backend, a=initial())
    hear(shard, await woken(backend, "a"))
    shard.forget("a")
    assert list(shard.pending) == ["a"]
    assert list(shard.take_carried()) == []
