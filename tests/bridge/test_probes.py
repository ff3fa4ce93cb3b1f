"""Probes: exact, cut off at their lease, given back by those who leave."""

import asyncio

import pytest

from fuseline import CircuitBreaker, CircuitBreakerManager, CircuitState, Result
from fuseline.core.circuit import Cause
from fuseline.events.backend import Backend
from tests.bridge.support import Boom, Callee, attempt, connected, fail_times
from tests.logbook import failing, outcomes_of, projection_of, transitions_of
from tests.waiting import eventually


async def half_open(
    manager: CircuitBreakerManager, callee: Callee, **values: object
) -> CircuitBreaker:
    config = failing(1, **({"timeout_seconds": 0.05, "half_open_max_calls": 2} | values))
    breaker = manager.get("a", config)
    await fail_times(breaker, callee, 1)
    await eventually(lambda: breaker.local.view.state is CircuitState.HALF_OPEN)
    callee.calls = 0
    return breaker


async def holding(breaker: CircuitBreaker, count: int) -> tuple[asyncio.Event, list[asyncio.Task]]:
    """Probes that are out; the event lets them succeed."""
    release, started = asyncio.Event(), []

    async def hold() -> None:
        started.append(1)
        await release.wait()

    tasks = [asyncio.create_task(breaker.call(hold)) for _ in range(count)]
    await eventually(lambda: len(started) == count)
    return release, tasks


async def test_no_more_than_the_limit_of_one_process_s_burst_gets_through(
    manager: CircuitBreakerManager, callee: Callee
) -> None:
    breaker = await half_open(manager, callee, half_open_max_calls=3)
    release = asyncio.Event()

    async def hold() -> None:
        callee.calls += 1
        await release.wait()

    tasks = [asyncio.create_task(attempt(breaker, hold)) for _ in range(100)]
    await eventually(lambda: sum(task.done() for task in tasks) == 97)
    assert callee.calls == 3
    release.set()
    ends = await asyncio.gather(*tasks)
    assert (ends.count("ok"), ends.count("rejected")) == (3, 97)
    assert await attempt(breaker, callee.ok) == "ok"


async def test_a_refusal_while_all_places_are_out_names_half_open(
    manager: CircuitBreakerManager, callee: Callee
) -> None:
    breaker = await half_open(manager, callee, half_open_max_calls=1, probe_lease_seconds=30)
    release, tasks = await holding(breaker, 1)
    refusal = await breaker.call(callee.ok, fallback=lambda refusal: refusal)
    assert refusal.state is CircuitState.HALF_OPEN
    assert refusal.cause == "open_time_over"
    release.set()
    await asyncio.gather(*tasks)


async def test_a_cancelled_probe_gives_its_place_back_at_once(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = await half_open(manager, callee, half_open_max_calls=2)
    for _ in range(5):
        _, tasks = await holding(breaker, 2)
        assert await attempt(breaker, callee.ok) == "rejected"
        tasks[0].cancel()
        await asyncio.wait(tasks[:1])
        # The very next call takes the place: its own results are read first.
        assert await attempt(breaker, callee.ok) == "ok"
        tasks[1].cancel()
        await asyncio.wait(tasks[1:])
        assert await attempt(breaker, callee.ok) == "ok"
        assert await attempt(breaker, callee.ok) == "ok"
        assert breaker.state is CircuitState.CLOSED
        await fail_times(breaker, callee, 1)
        await eventually(lambda: breaker.local.view.state is CircuitState.HALF_OPEN)


async def test_callers_that_leave_while_they_ask_lose_no_place(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = await half_open(manager, callee, half_open_max_calls=50, probe_lease_seconds=3600)
    left = 0
    for n in range(60):
        task = asyncio.create_task(breaker.call(asyncio.sleep, 10))
        for _ in range(n % 12):
            await asyncio.sleep(0)
        if n % 3 == 0:
            await asyncio.sleep(0.0003)
        task.cancel()
        await asyncio.wait([task])
        left += task.cancelled()
    assert left == 60

    async def none_out() -> bool:
        circuit = await projection_of(backend, "a")
        places = await backend.wire.call("ZCARD", backend.keys.agent("a").probes)
        return circuit is not None and not circuit.probes and places == 0

    await eventually(none_out)
    circuit = await projection_of(backend, "a")
    assert circuit is not None
    assert circuit.state is CircuitState.HALF_OPEN


@pytest.mark.parametrize("way", ["call", "block", "stream"])
async def test_a_probe_that_outlives_its_lease_is_cut_off_and_counts_as_a_time_out(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee, way: str
) -> None:
    breaker = await half_open(manager, callee, probe_lease_seconds=0.15)

    async def endless():
        yield 1
        await asyncio.sleep(10)

    with pytest.raises(TimeoutError):  # noqa: PT012
        if way == "call":
            await breaker.call(asyncio.sleep, 10)
        elif way == "block":
            async with breaker:
                await asyncio.sleep(10)
        else:
            assert [item async for item in await breaker.call(endless)] == [1]
    # The result must reach the log before the lease ends there, or it would be history only.
    assert await attempt(breaker, callee.ok) == "rejected"
    await manager.flush()
    assert [o.result for o in await outcomes_of(backend, "a")][1:2] == [Result.TIMEOUT]
    await eventually(lambda: reopened(backend))
    assert (await transitions_of(backend, "a"))[2].cause is Cause.PROBE_FAILED


async def reopened(backend: Backend) -> bool:
    return len(await transitions_of(backend, "a")) >= 3


async def test_a_probe_that_is_cancelled_by_its_caller_near_its_lease_is_abandoned(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = await half_open(manager, callee, probe_lease_seconds=30)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await breaker.call(asyncio.sleep, 10)
    await manager.flush()
    assert [o.result for o in await outcomes_of(backend, "a")][1:] == [Result.ABANDONED]


async def test_a_result_of_an_earlier_round_does_nothing_in_a_later_one(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = await half_open(manager, callee, half_open_max_calls=2)
    release, (late,) = await holding(breaker, 1)
    await attempt(breaker, callee.fail)  # ends round one
    await eventually(lambda: breaker.local.view.epoch == 4)
    assert breaker.local.view.state is CircuitState.HALF_OPEN
    release.set()
    await late
    await manager.flush()
    assert await attempt(breaker, callee.ok) == "ok"
    assert breaker.state is CircuitState.HALF_OPEN  # one success of two: the late one is none
    assert breaker.local.view.epoch == 4
    assert await attempt(breaker, callee.ok) == "ok"
    assert await attempt(breaker, callee.ok) == "ok"
    assert breaker.state is CircuitState.CLOSED


async def test_a_late_failure_of_the_closed_time_does_not_reopen(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get("a", failing(1, timeout_seconds=0.05, half_open_max_calls=1))
    await breaker.call(callee.ok)
    release = asyncio.Event()

    async def fail_late() -> None:
        await release.wait()
        raise Boom

    late = [asyncio.create_task(attempt(breaker, fail_late)) for _ in range(5)]
    await eventually(lambda: len(late) == 5)
    await asyncio.sleep(0)
    await fail_times(breaker, callee, 1)
    await eventually(lambda: breaker.local.view.state is CircuitState.HALF_OPEN)
    assert await attempt(breaker, callee.ok) == "ok"
    assert await attempt(breaker, callee.ok) == "ok"
    release.set()
    assert await asyncio.gather(*late) == ["failed"] * 5
    assert await attempt(breaker, callee.ok) == "ok"
    await manager.flush()
    assert await attempt(breaker, callee.ok) == "ok"
    assert len(await transitions_of(backend, "a")) == 3


@pytest.mark.parametrize("way", ["forced", "result"])
async def test_ignored_probes_give_their_places_back(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee, way: str
) -> None:
    manager.get(
        "a",
        failing(1, timeout_seconds=0.05, half_open_max_calls=1),
        classifier=lambda r, e: Result.IGNORED if r == "shrug" else None,
    )
    breaker = await half_open(manager, callee)
    for _ in range(2):
        assert await attempt(breaker, callee.ok, "shrug") == "ok"
    assert await attempt(breaker, callee.ok) == "ok"
    assert await attempt(breaker, callee.ok) == "ok"
    assert breaker.state is CircuitState.CLOSED


async def test_a_round_of_nothing_but_shrugs_ends(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get(
        "a",
        failing(1, timeout_seconds=0.05, half_open_max_calls=1),
        classifier=lambda r, e: Result.IGNORED if r == "shrug" else None,
    )
    await fail_times(breaker, callee, 1)
    await eventually(lambda: breaker.local.view.state is CircuitState.HALF_OPEN)
    for _ in range(3):
        assert await attempt(breaker, callee.ok, "shrug") == "ok"
    await eventually(lambda: reopened(backend))
    assert (await transitions_of(backend, "a"))[2].cause is Cause.PROBES_INCONCLUSIVE


async def test_a_full_bulkhead_takes_no_probe(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = await half_open(manager, callee, half_open_max_calls=3, max_concurrent_calls=1)
    release, tasks = await holding(breaker, 1)
    for _ in range(10):
        assert await breaker.call(callee.ok, fallback=lambda r: type(r).__name__) == (
            "BulkheadFullError"
        )
    release.set()
    await asyncio.gather(*tasks)
    for _ in range(3):
        assert await attempt(breaker, callee.ok) == "ok"
    assert breaker.state is CircuitState.CLOSED


async def test_a_new_process_lets_no_burst_through_an_open_circuit(
    manager: CircuitBreakerManager, redis_url: str, namespace: str, callee: Callee
) -> None:
    first = manager.get("a", failing(1))
    await fail_times(first, callee, 1)
    await eventually(lambda: first.local.view.state is CircuitState.OPEN)
    callee.calls = 0
    for _ in range(20):
        async with connected(redis_url, namespace) as new:
            breaker = new.get("a")
            ends = await asyncio.gather(*(attempt(breaker, callee.ok) for _ in range(50)))
            assert ends == ["rejected"] * 50
    assert callee.calls == 0


async def test_a_first_burst_asks_the_server_once(
    manager: CircuitBreakerManager, callee: Callee
) -> None:
    breaker = manager.get("a", failing(3))
    before = manager.backend.wire.commands_sent
    ends = await asyncio.gather(*(attempt(breaker, callee.ok) for _ in range(50)))
    assert ends == ["ok"] * 50
    assert manager.backend.wire.commands_sent - before <= 4


async def test_the_last_caller_of_a_first_burst_may_leave(
    manager: CircuitBreakerManager, callee: Callee
) -> None:
    breaker = manager.get("a", failing(3))
    tasks = [asyncio.create_task(attempt(breaker, callee.ok)) for _ in range(10)]
    await asyncio.sleep(0)
    for task in tasks[:9]:
        task.cancel()
    assert await tasks[9] == "ok"


async def test_a_view_that_the_feed_brought_is_not_undone_by_a_slower_load(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee, redis_url: str,
    namespace: str, monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    async with connected(redis_url, namespace) as other:
        theirs = other.get("a", failing(1))
        await theirs.call(callee.ok)
        await eventually(lambda: projection_of(backend, "a"))
        loads = manager._loads
        read = loads.read
        loaded, go_on = asyncio.Event(), asyncio.Event()

        async def slow_read(breaker: CircuitBreaker):
            circuit = await read(breaker)
            loaded.set()
            await go_on.wait()
            return circuit

        monkeypatch.setattr(loads, "read", slow_read)
        breaker = manager.get("a")
        first = asyncio.create_task(attempt(breaker, callee.ok))
        await loaded.wait()
        feed_view = asyncio.create_task(fail_times(theirs, callee, 1))
        await feed_view

        async def in_the_feed() -> bool:
            circuit = await projection_of(backend, "a")
            return circuit is not None and circuit.state is CircuitState.OPEN

        await eventually(in_the_feed)
        await asyncio.sleep(0.05)  # the feed reader has it by now
        go_on.set()
        await first
        assert await attempt(breaker, callee.ok) == "rejected"
