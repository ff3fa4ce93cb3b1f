"""The projector: what is appended is folded, whoever is lost on the way."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from fuseline.core.circuit import (
    NEVER_MS,
    Cause,
    Circuit,
    CircuitState,
    EventSetAside,
    ModeChanged,
    Rebuilt,
)
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Mode, Outcome, OverrideSet, ProbeStarted, Result
from fuseline.core.fold import fold, initial
from fuseline.events.agents import configure, override, register
from fuseline.events.backend import Backend
from fuseline.events.codec import encode_event
from fuseline.projections import projector as projector_module
from fuseline.projections.codec import encode_circuit
from tests.logbook import (
    append,
    assert_projection_is_the_fold,
    failing,
    failure,
    feed_of,
    folded,
    history_of,
    log_of,
    open_backend,
    outcome,
    projection_of,
    same_shard,
    transitions_of,
)
from tests.projections.support import (
    Producer,
    projecting,
    registered,
    until_folded,
    until_state,
)
from tests.servers import RealServer
from tests.waiting import eventually


@pytest.fixture
async def projector(redis_url: str, namespace: str) -> AsyncIterator[projector_module.Projector]:
    async with projecting(redis_url, namespace) as running:
        await eventually(lambda: len(running.shards) == 4)
        yield running


async def test_outcomes_become_a_projection_a_history_and_a_feed(
    backend: Backend, projector: projector_module.Projector
) -> None:
    producer = await registered(backend, "a", failing(3))
    await producer.succeed(10)
    await producer.fail(3)
    await until_folded(backend, "a")
    circuit = await assert_projection_is_the_fold(backend, "a")
    assert circuit.state is CircuitState.OPEN
    (opened,) = await transitions_of(backend, "a")
    log = await log_of(backend, "a")
    assert opened.cause is Cause.CONSECUTIVE_FAILURES
    assert opened.event_id == f"{log[-1][0]}-{log[-1][1]}"
    assert (opened.figures.calls, opened.figures.consecutive_failures) == (13, 3)
    assert opened.revision == 1
    assert (await feed_of(backend, "a"))[-1].state is CircuitState.OPEN
    shard = backend.keys.shards[backend.keys.shard_of("a")]
    assert await backend.wire.call("SMEMBERS", shard.dirty) == []


async def test_an_agent_that_nobody_registered_is_folded_too(
    backend: Backend, projector: projector_module.Projector
) -> None:
    await append(backend, "stranger", [outcome(seq=1)])
    await until_folded(backend, "stranger")
    assert (await assert_projection_is_the_fold(backend, "stranger")).calls == 1


# --- deadlines ---


async def test_open_becomes_half_open_at_its_own_time_without_any_call(
    backend: Backend, projector: projector_module.Projector
) -> None:
    producer = await registered(backend, "a", failing(2, timeout_seconds=0.3))
    await producer.fail(2)
    await until_state(backend, "a", "half_open")
    opened, half = await transitions_of(backend, "a")
    assert half.at_ms == opened.open_until_ms == opened.at_ms + 300
    assert half.cause is Cause.OPEN_TIME_OVER
    await assert_projection_is_the_fold(backend, "a")
    tick_ms = (await log_of(backend, "a"))[-1][0]
    assert 0 <= tick_ms - half.at_ms < 500


async def test_vanished_probes_give_their_places_back_at_the_ends_of_their_leases(
    backend: Backend, projector: projector_module.Projector
) -> None:
    config = failing(1, timeout_seconds=0.05, half_open_max_calls=1)
    producer = await registered(backend, "a", config)
    await producer.fail(1)
    await until_state(backend, "a", "half_open")
    deadlines = []
    for n in range(1, 4):  # after three of them the round ends
        reply = await eventually(lambda: acquire(backend, "a", 2, 80))
        deadlines.append((reply[2], reply[1].decode()))
        if n < 3:
            await eventually(lambda n=n: inconclusive(backend, "a", n))
    await eventually(lambda: reopened(backend))
    transitions = await transitions_of(backend, "a")
    assert transitions[2].cause is Cause.PROBES_INCONCLUSIVE
    assert (transitions[2].at_ms, transitions[2].event_id) == deadlines[-1]
    await eventually(lambda: folded(backend, "a"))
    await assert_projection_is_the_fold(backend, "a")


async def reopened(backend: Backend) -> bool:
    return len(await transitions_of(backend, "a")) >= 3


async def inconclusive(backend: Backend, agent: str, count: int) -> bool:
    circuit = await projection_of(backend, agent)
    return circuit is not None and circuit.probes_inconclusive == count and not circuit.probes


async def acquire(backend: Backend, agent: str, epoch: int, lease_ms: int) -> list | None:
    keys = backend.keys.agent(agent)
    shard = backend.keys.shards[keys.shard]
    reply = await backend.fcall(
        "acquire_probe",
        (keys.circuit, keys.probes, keys.events, shard.dirty, shard.wake),
        (agent, epoch, lease_ms, encode_event(ProbeStarted(epoch, lease_ms, 7))),
    )
    return reply if reply[0] == b"OK" else None


async def test_an_override_ends_at_its_own_time(
    backend: Backend, projector: projector_module.Projector
) -> None:
    await registered(backend, "a", failing(3))
    event = OverrideSet(Mode.FORCED_OPEN, "ada", "maintenance", 250)
    set_at = int((await override(backend, "a", event)).partition("-")[0])

    async def over() -> bool:
        return [c.mode for c in await history_of(backend, "a") if isinstance(c, ModeChanged)] == [
            Mode.FORCED_OPEN,
            Mode.AUTO,
        ]

    await eventually(over)
    changes = [c for c in await history_of(backend, "a") if isinstance(c, ModeChanged)]
    assert changes[0].until_ms == set_at + 250
    assert (changes[1].at_ms, changes[1].actor) == (set_at + 250, "")
    await assert_projection_is_the_fold(backend, "a")


async def test_deadlines_pass_while_no_projector_runs(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with projecting(redis_url, namespace):
        producer = await registered(backend, "a", failing(1, timeout_seconds=0.2))
        await producer.fail(1)
        await until_state(backend, "a", "open")
    circuit = await projection_of(backend, "a")
    assert circuit is not None
    await eventually(lambda: backend.clock.now_ms() > circuit.open_until_ms + 200)
    async with projecting(redis_url, namespace):
        await until_state(backend, "a", "half_open")
    assert (await transitions_of(backend, "a"))[-1].at_ms == circuit.open_until_ms


# --- lost hints ---


async def add_silently(backend: Backend, agent: str, *, dirty: bool) -> None:
    keys = backend.keys.agent(agent)
    await backend.wire.call("XADD", keys.events, "*", "e", encode_event(failure(seq=1)))
    if dirty:
        await backend.wire.call("SADD", backend.keys.shards[keys.shard].dirty, agent)


async def test_a_lost_wake_up_is_found_by_the_dirty_set(
    backend: Backend, projector: projector_module.Projector
) -> None:
    await registered(backend, "a", failing(3))
    await until_folded(backend, "a")
    await add_silently(backend, "a", dirty=True)
    await until_folded(backend, "a", timeout_seconds=3)


async def test_a_lost_wake_up_is_found_while_others_wake_all_the_time(
    backend: Backend, projector: projector_module.Projector
) -> None:
    a, b = same_shard(backend, 2)
    await registered(backend, a, failing(3))
    busy = await registered(backend, b, failing(3))
    await until_folded(backend, a, b)
    done = asyncio.Event()

    async def keep_busy() -> None:
        while not done.is_set():
            await busy.succeed(1)
            await asyncio.sleep(0.01)

    task = asyncio.create_task(keep_busy())
    try:
        await add_silently(backend, a, dirty=True)
        await until_folded(backend, a, timeout_seconds=3)
    finally:
        done.set()
        await task


async def test_what_even_the_dirty_set_has_lost_is_found_by_the_sweep(
    backend: Backend, redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector_module, "SWEEP_SECONDS", 0.3)
    async with projecting(redis_url, namespace):
        await registered(backend, "a", failing(3))
        await until_folded(backend, "a")
        await add_silently(backend, "a", dirty=False)
        await until_folded(backend, "a", timeout_seconds=3)
        await assert_projection_is_the_fold(backend, "a")


async def test_a_new_leader_finds_what_no_hint_names(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    await registered(backend, "a", failing(3))
    await add_silently(backend, "a", dirty=False)
    await backend.wire.call("DEL", backend.keys.shards[backend.keys.shard_of("a")].dirty)
    async with projecting(redis_url, namespace):
        await until_folded(backend, "a", timeout_seconds=3)


@pytest.mark.parametrize("name", [b"bad:name", b"", b"\xff\xfe", b"x" * 300])
async def test_hints_that_name_no_agent_are_passed_over(
    backend: Backend, projector: projector_module.Projector, name: bytes
) -> None:
    producer = await registered(backend, "a", failing(3))
    shard = backend.keys.shards[backend.keys.shard_of("a")]
    await backend.wire.call("SADD", shard.dirty, name)
    await backend.wire.call("XADD", shard.wake, "*", "a", b"*")
    await backend.wire.call("XADD", shard.wake, "*", "a", name)
    await producer.fail(3)
    await until_state(backend, "a", "open", timeout_seconds=3)


# --- poison ---


async def test_entries_that_are_no_events_are_set_aside_and_the_rest_goes_on(
    backend: Backend, projector: projector_module.Projector
) -> None:
    producer = await registered(backend, "a", failing(3))
    events = backend.keys.agent("a").events
    poison = []
    for fields in (
        ("e", b"\xff\xff"),
        ("foo", "bar"),
        ("e", b"\x93\x01\x00"),
        ("d", "5"),
        ("e", b"\x91" * 5000),
        ("e", b"\x95\x04\x01\xa0\xa0\xcf" + b"\xff" * 8),  # an override of half an eternity
        ("e", encode_event(failure()), "d", "9" * 40),
    ):
        await producer.succeed(1)
        poison.append((await backend.wire.call("XADD", events, "*", *fields)).decode())
    poison.pop()  # an outcome so old that it is history: no poison, and no harm
    await producer.fail(3)
    await until_folded(backend, "a")
    circuit = await assert_projection_is_the_fold(backend, "a")
    assert circuit.state is CircuitState.OPEN
    assert circuit.set_aside == len(poison)
    aside = [c for c in await history_of(backend, "a") if isinstance(c, EventSetAside)]
    assert [c.event_id for c in aside] == poison
    assert all(c.error for c in aside)


async def test_a_config_that_is_not_allowed_is_set_aside(
    backend: Backend, projector: projector_module.Projector
) -> None:
    producer = await registered(backend, "a", failing(3))
    events = backend.keys.agent("a").events
    await backend.wire.call("XADD", events, "*", "e", b"\x95\x03\x02\x91\x05\xa0\xa0")
    await producer.fail(3)
    await until_state(backend, "a", "open")
    circuit = await assert_projection_is_the_fold(backend, "a")
    assert (circuit.set_aside, circuit.revision) == (1, 1)


@pytest.mark.parametrize("damaged", ["events", "circuit", "history"])
async def test_an_agent_whose_keys_are_damaged_does_not_stop_the_others(
    backend: Backend, projector: projector_module.Projector, damaged: str
) -> None:
    a, b = same_shard(backend, 2)
    good = await registered(backend, a, failing(3), 1)
    await registered(backend, b, failing(3), 2)
    await until_folded(backend, a, b)
    key = getattr(backend.keys.agent(b), damaged)
    kept = await backend.wire.call("DUMP", key)
    await backend.wire.call("DEL", key)
    await backend.wire.call("SET", key, "mine")
    await append(backend, b, [failure(seq=n) for n in range(1, 4)], producer=2, name="p2")
    for _ in range(3):
        await good.succeed(1)
        await until_folded(backend, a)
    await good.fail(3)
    await until_state(backend, a, "open")
    await assert_projection_is_the_fold(backend, a)
    assert await backend.wire.call("GET", key) == b"mine"
    if damaged != "events":  # when the key is mended the agent goes on where it was
        await backend.wire.call("RESTORE", key, 0, kept, "REPLACE")
        await append(backend, b, [outcome(seq=4)], first=4, producer=2, name="p2")
        await until_folded(backend, b)
        await assert_projection_is_the_fold(backend, b)


async def test_a_deadline_of_an_agent_whose_log_is_damaged_does_not_stop_the_others(
    backend: Backend, projector: projector_module.Projector
) -> None:
    a, b = same_shard(backend, 2)
    good = await registered(backend, a, failing(1, timeout_seconds=0.5), 1)
    bad = await registered(backend, b, failing(1, timeout_seconds=0.2), 2)
    await bad.fail(1)
    await until_state(backend, b, "open")
    await backend.wire.call("SET", backend.keys.agent(b).events, "mine")
    await good.fail(1)
    await until_state(backend, a, "half_open", timeout_seconds=4)


@pytest.mark.parametrize("damaged", ["dirty", "wake", "agents", "feed"])
async def test_a_damaged_key_of_one_shard_does_not_stop_the_other_shards(
    backend: Backend, redis_url: str, namespace: str, damaged: str
) -> None:
    (a,), (b,) = same_shard(backend, 1, shard=0), same_shard(backend, 1, shard=1)
    await registered(backend, a, failing(2), 1)
    good = await registered(backend, b, failing(2), 2)
    key = getattr(backend.keys.shards[0], damaged)
    await backend.wire.call("DEL", key)
    await backend.wire.call("SET", key, "mine")
    async with projecting(redis_url, namespace):
        await good.fail(2)
        await until_state(backend, b, "open", timeout_seconds=5)


# --- a log that has lost events ---


async def test_a_log_that_lost_its_end_is_folded_again_and_the_history_says_so(
    backend: Backend, redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projector_module, "SWEEP_SECONDS", 0.3)
    async with projecting(redis_url, namespace):
        producer = await registered(backend, "a", failing(3))
        await producer.succeed(5)
        await producer.fail(3)
        await until_state(backend, "a", "open")
        was = await projection_of(backend, "a")
        assert was is not None
        await lose_end(backend, "a", 3)

        async def rebuilt() -> bool:
            return any(isinstance(c, Rebuilt) for c in await history_of(backend, "a"))

        await eventually(rebuilt)
    await assert_rebuilt(backend, was.checkpoint)
    assert (await feed_of(backend, "a"))[-1].state is CircuitState.CLOSED


async def assert_state_is_the_fold(backend: Backend, agent: str) -> Circuit:
    expected, _ = fold(initial(), await log_of(backend, agent))
    stored = await projection_of(backend, agent)
    assert stored is not None
    assert encode_circuit(stored) == encode_circuit(expected)
    return stored


async def lose_end(backend: Backend, agent: str, count: int) -> None:
    events = backend.keys.agent(agent).events
    tail = await backend.wire.call("XREVRANGE", events, "+", "-", "COUNT", count)
    assert await backend.wire.call("XDEL", events, *(entry[0] for entry in tail)) == count


async def assert_rebuilt(backend: Backend, was: str) -> None:
    await assert_state_is_the_fold(backend, "a")
    notes = [c for c in await history_of(backend, "a") if isinstance(c, Rebuilt)]
    assert [(note.previous_id, bool(note.reason)) for note in notes] == [(was, True)]


async def test_a_lost_end_is_noticed_though_new_events_have_come_since(
    backend: Backend, redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a failover to a replica that lagged: the lost outcomes are sent again."""
    monkeypatch.setattr(projector_module, "SWEEP_SECONDS", 0.3)
    async with projecting(redis_url, namespace):
        producer = await registered(backend, "a", failing(5))
        await producer.fail(3)
        await until_folded(backend, "a")
        was = await projection_of(backend, "a")
        assert was is not None
    await lose_end(backend, "a", 3)
    again = Producer(backend, "a", producer=2)
    await again.fail(3)  # counted twice they would open
    async with projecting(redis_url, namespace):
        await until_folded(backend, "a")

        async def rebuilt() -> bool:
            return any(isinstance(c, Rebuilt) for c in await history_of(backend, "a"))

        await eventually(rebuilt, 3)
        await until_folded(backend, "a")
    await assert_rebuilt(backend, was.checkpoint)
    circuit = await projection_of(backend, "a")
    assert circuit is not None
    assert (circuit.state, circuit.consecutive_failures) == (CircuitState.CLOSED, 3)


async def test_a_server_that_went_back_as_a_whole_is_taken_at_its_word(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    """As after a crash that lost the last second: log and projection fit each other."""
    keys = backend.keys.agent("a")
    kept = (keys.events, keys.circuit, keys.history, keys.counts, keys.probes)
    async with projecting(redis_url, namespace):
        producer = await registered(backend, "a", failing(3))
        await producer.succeed(4)
        await until_folded(backend, "a")
        dumps = await backend.wire.call_many([("DUMP", key) for key in kept])
        await producer.fail(3)
        await until_state(backend, "a", "open")
        await until_folded(backend, "a")
        restores = [
            ("DEL", key) if dump is None else ("RESTORE", key, 0, dump, "REPLACE")
            for key, dump in zip(kept, dumps, strict=True)
        ]
        # In one step, so that the projector does not write in between.
        await backend.wire.call_many([("MULTI",), *restores, ("EXEC",)])
        again = Producer(backend, "a", producer=2)
        await again.fail(2)
        await until_folded(backend, "a")
        circuit = await assert_projection_is_the_fold(backend, "a")
        assert (circuit.state, circuit.calls) == (CircuitState.CLOSED, 6)
        views = [circuit.state.value for circuit in await feed_of(backend, "a")]
        assert views[-2:] == ["open", "closed"]


async def test_flushall_in_mid_flight_starts_everything_anew(fresh_server: RealServer) -> None:
    async with (
        open_backend(fresh_server.url, "ns") as backend,
        projecting(fresh_server.url, "ns"),
    ):
        producer = await registered(backend, "a", failing(3))
        await producer.fail(3)
        await until_state(backend, "a", "open")
        await backend.wire.call("FLUSHALL")
        assert await projection_of(backend, "a") is None
        producer = await registered(backend, "a", failing(3))
        await producer.succeed(4)
        await until_folded(backend, "a", timeout_seconds=5)
        circuit = await assert_state_is_the_fold(backend, "a")
        assert (circuit.state, circuit.calls) == (CircuitState.CLOSED, 4)
        await producer.fail(3)
        await until_state(backend, "a", "open")
        await until_folded(backend, "a")
        await assert_state_is_the_fold(backend, "a")


async def test_a_server_that_comes_back_is_projected_again(fresh_server: RealServer) -> None:
    async with (
        open_backend(fresh_server.url, "ns") as backend,
        projecting(fresh_server.url, "ns"),
    ):
        producer = await registered(backend, "a", failing(3, timeout_seconds=0.5))
        await producer.fail(3)
        await until_state(backend, "a", "open")
        fresh_server.kill()
        fresh_server.start()
        async with open_backend(fresh_server.url, "ns") as again:
            await until_state(again, "a", "half_open", timeout_seconds=5)
            await assert_projection_is_the_fold(again, "a")


# --- random runs ---


@pytest.mark.parametrize("seed", range(3))
async def test_the_projection_is_the_fold_after_any_run(
    any_server: RealServer, namespace: str, seed: int
) -> None:
    rng = random.Random(seed)
    async with (
        open_backend(any_server.url, namespace) as backend,
        projecting(any_server.url, namespace, "one"),
    ):
        agents = [f"agent-{n}" for n in range(6)]
        for agent in agents:
            await register(backend, agent, random_config(rng), "tester")
        producers = [Producer(backend, agent, n) for n, agent in enumerate(agents * 2)]
        revisions = dict.fromkeys(agents, 1)
        for _ in range(250):
            producer = rng.choice(producers)
            await step(backend, producer, revisions, rng)
            if rng.random() < 0.05:
                await asyncio.sleep(rng.random() * 0.05)
        await eventually(lambda: settled(backend, agents))
        for agent in agents:
            await assert_projection_is_the_fold(backend, agent)
        assert sum([len(await transitions_of(backend, agent)) for agent in agents]) > 10


def random_config(rng: random.Random) -> CircuitBreakerConfig:
    return CircuitBreakerConfig(
        failure_threshold=rng.choice([None, 1, 3]),
        failure_rate_threshold=rng.choice([None, 0.3]),
        minimum_calls=rng.choice([2, 10]),
        window_size_seconds=rng.choice([0.5, 120]),
        timeout_seconds=rng.choice([0.02, 0.1]),
        timeout_multiplier=rng.choice([1, 2]),
        timeout_max_seconds=0.3,
        half_open_max_calls=rng.choice([1, 3]),
        probe_lease_seconds=0.1,
    )


async def step(
    backend: Backend, producer: Producer, revisions: dict[str, int], rng: random.Random
) -> None:
    agent = producer.agent
    circuit = await projection_of(backend, agent)
    epoch = circuit.epoch if circuit else 0
    kind = rng.random()
    if kind < 0.03:
        mode = rng.choice(list(Mode))
        event = OverrideSet(mode, "ada", "", rng.choice([0, 30]), reset=rng.random() < 0.5)
        await override(backend, agent, event)
    elif kind < 0.06:
        await configure(backend, agent, random_config(rng), revision=revisions[agent], actor="ada")
        revisions[agent] += 1
    elif circuit is not None and circuit.state is not CircuitState.CLOSED and kind < 0.6:
        target = epoch + (circuit.state is CircuitState.OPEN)
        reply = await acquire(backend, agent, target, 100)
        if reply is not None and rng.random() < 0.8:
            result = rng.choices(list(Result), [6, 2, 1, 2, 1, 1])[0]
            event = Outcome(target, result, 1, permit=reply[1].decode())
            producer.sent += 1
            await append(
                backend, agent, [event], first=producer.sent, producer=producer.producer,
                name=f"p{producer.producer}",
            )  # fmt: skip
    else:
        count = rng.randrange(1, 8)
        results = rng.choices(list(Result), [10, 8, 2, 1, 1, 1], k=count)
        await producer.send(*results, epoch=epoch if rng.random() < 0.9 else epoch - 1)


async def settled(backend: Backend, agents: list[str]) -> bool:
    """All is folded and nothing more will happen by time alone."""
    for agent in agents:
        circuit = await projection_of(backend, agent)
        if circuit is None or not await folded(backend, agent):
            return False
        if circuit.next_deadline_ms < NEVER_MS:
            return False
    return True
