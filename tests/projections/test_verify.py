"""Verify finds what is not as the log says; rebuild mends it, whole or not at all."""

import asyncio

import anyio
import pytest

from fuseline.core.circuit import Rebuilt, Transition
from fuseline.core.errors import BackendError
from fuseline.events.backend import Backend
from fuseline.projections.codec import decode_circuit, encode_circuit
from fuseline.projections.rebuild import Rebuild, rebuild
from fuseline.projections.verify import Verification, verify
from tests.logbook import failing, history_of, projection_of
from tests.projections.support import (
    Producer,
    projecting,
    registered,
    until_folded,
    until_state,
)


@pytest.fixture
async def producer(backend: Backend, redis_url: str, namespace: str) -> Producer:
    """Agent `a` with two outcomes, folded; nobody projects any more."""
    async with projecting(redis_url, namespace):
        made = await registered(backend, "a", failing(3))
        await made.succeed(1)
        await made.fail(1)
        await until_folded(backend, "a")
    return made


async def check(backend: Backend, agent: str = "a") -> Verification:
    return await verify(backend, backend.keys.agent(agent))


async def mend(backend: Backend, *agents: str, incomplete: bool = False) -> list[Rebuild]:
    keys = [backend.keys.agent(agent) for agent in agents or ["a"]]
    shard = backend.keys.shards[keys[0].shard]
    return await rebuild(backend, shard, keys, owner="me", reason="a test", incomplete=incomplete)


async def test_an_untouched_projection_is_what_the_log_says(
    backend: Backend, producer: Producer
) -> None:
    found = await check(backend)
    assert found.ok
    assert (found.events, found.outcomes, found.differences) == (3, 2, [])


async def test_it_compares_at_the_checkpoint_however_late_the_projector_is(
    backend: Backend, producer: Producer
) -> None:
    await producer.fail(5)
    found = await check(backend)
    assert (found.ok, found.events) == (True, 3)


async def test_an_agent_without_a_projection_is_no_failure(backend: Backend) -> None:
    await registered(backend, "a", failing(3))
    found = await check(backend)
    assert (found.ok, found.checkpoint) == (True, "")


@pytest.mark.parametrize(
    "field", ["consecutive_failures", "epoch", "open_until_ms", "retry_until_ms", "set_aside"]
)
async def test_every_changed_field_is_named(
    backend: Backend, producer: Producer, field: str
) -> None:
    key = backend.keys.agent("a").circuit
    circuit = decode_circuit(await backend.wire.call("HGET", key, "blob"))
    setattr(circuit, field, getattr(circuit, field) + 1)
    await backend.wire.call("HSET", key, "blob", encode_circuit(circuit))
    found = await check(backend)
    assert not found.ok
    assert [difference.field for difference in found.differences] == [field]


async def test_the_fields_beside_the_circuit_are_compared_too(
    backend: Backend, producer: Producer
) -> None:
    await backend.wire.call("HSET", backend.keys.agent("a").circuit, "state", "open", "limit", 99)
    found = await check(backend)
    assert {d.field for d in found.differences} == {"hash:state", "hash:limit"}


async def test_lost_beginnings_lost_ends_and_foreign_keys_are_told(
    backend: Backend, producer: Producer
) -> None:
    key = backend.keys.agent("a").events
    await backend.wire.call("XTRIM", key, "MAXLEN", "=", 2)
    assert (await check(backend)).missing == 1
    last = (await backend.wire.call("XREVRANGE", key, "+", "-", "COUNT", 1))[0][0]
    await backend.wire.call("XDEL", key, last)
    assert "events that were folded are lost" in (await check(backend)).problem
    await backend.wire.call("SET", key, "foreign")
    assert "another type" in (await check(backend)).problem


async def test_an_outcome_that_stands_there_twice_is_told(
    backend: Backend, producer: Producer, redis_url: str, namespace: str
) -> None:
    key = backend.keys.agent("a").events
    last = (await backend.wire.call("XREVRANGE", key, "+", "-", "COUNT", 1))[0]
    again = (await backend.wire.call("XADD", key, "*", *last[1])).decode()
    async with projecting(redis_url, namespace):
        await until_folded(backend, "a")
    found = await check(backend)
    assert (found.duplicates, found.duplicate_ids) == (1, [again])
    assert not found.ok
    assert not found.differences


async def test_rebuild_mends_and_says_so_in_the_history(
    backend: Backend, producer: Producer
) -> None:
    await backend.wire.call("HSET", backend.keys.agent("a").circuit, "blob", "nonsense")
    (result,) = await mend(backend)
    assert (result.problem, result.changed, result.events) == ("", True, 3)
    assert (await check(backend)).ok
    note = (await history_of(backend, "a"))[-1]
    assert isinstance(note, Rebuilt)
    assert (note.reason, note.event_id) == ("a test", result.checkpoint)


async def test_rebuilding_what_is_right_changes_nothing(
    backend: Backend, producer: Producer
) -> None:
    before = await projection_of(backend, "a")
    (result,) = await mend(backend)
    assert not result.changed
    assert await projection_of(backend, "a") == before


async def test_transitions_are_not_told_twice(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with projecting(redis_url, namespace):
        made = await registered(backend, "a", failing(3))
        await made.fail(3)
        await until_state(backend, "a", "open")
        await mend(backend)
        await mend(backend)
    transitions = [c for c in await history_of(backend, "a") if isinstance(c, Transition)]
    assert len(transitions) == 1


async def test_a_running_projector_is_fenced_out_and_goes_on(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with projecting(redis_url, namespace) as projector:
        made = await registered(backend, "a", failing(None))
        for _ in range(20):
            await made.fail(10)
            (result,) = await mend(backend)
            assert result.problem == ""
        await made.fail(10)
        await until_folded(backend, "a")
        assert len(projector.shards) == 4
    circuit = await projection_of(backend, "a")
    assert circuit is not None
    assert circuit.consecutive_failures == 210
    assert (await check(backend)).ok


async def test_a_log_without_its_beginning_is_left_alone_unless_asked(
    backend: Backend, producer: Producer
) -> None:
    await backend.wire.call("XTRIM", backend.keys.agent("a").events, "MAXLEN", "=", 1)
    before = await projection_of(backend, "a")
    (refused,) = await mend(backend)
    assert refused.missing == 2
    assert "--incomplete" in refused.problem
    assert await projection_of(backend, "a") == before
    (done,) = await mend(backend, incomplete=True)
    assert done.problem == ""
    circuit = await projection_of(backend, "a")
    assert circuit is not None
    assert circuit.config.failure_threshold == 3


async def test_one_damaged_agent_does_not_stop_the_others(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    names = [f"n{n}" for n in range(40)]
    shard = backend.keys.shard_of("n0")
    mine = [name for name in names if backend.keys.shard_of(name) == shard]
    async with projecting(redis_url, namespace):
        for name in mine:
            await registered(backend, name, failing(3))
        await until_folded(backend, *mine)
    await backend.wire.call("DEL", backend.keys.agent(mine[0]).history)
    await backend.wire.call("SET", backend.keys.agent(mine[0]).history, "foreign")
    await backend.wire.call("DEL", backend.keys.agent(mine[1]).circuit)
    await backend.wire.call("SET", backend.keys.agent(mine[1]).circuit, "foreign")
    results = {result.agent: result for result in await mend(backend, *mine)}
    assert len(results) == len(mine)
    assert {name for name, result in results.items() if result.problem} == set(mine[:2])


async def test_an_interrupted_rebuild_leaves_whole_projections_and_no_lease(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with projecting(redis_url, namespace):
        made = await registered(backend, "a", failing(None))
        for _ in range(20):
            await made.fail(500)
        await until_folded(backend, "a")
    for delay_ms in range(0, 60, 3):
        with anyio.move_on_after(delay_ms / 1000):
            await mend(backend)
        assert (await check(backend)).ok
        lease = backend.keys.shards[backend.keys.shard_of("a")].lease
        assert await backend.wire.call("EXISTS", lease) == 0


async def test_two_rebuilds_at_once_end_well(backend: Backend, producer: Producer) -> None:
    results = await asyncio.gather(*(mend(backend) for _ in range(5)), return_exceptions=True)
    assert any(not isinstance(result, BaseException) for result in results)
    for result in results:
        if isinstance(result, BaseException):
            assert isinstance(result, BackendError)
            assert "meanwhile" in str(result)
    assert (await check(backend)).ok
