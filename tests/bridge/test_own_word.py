"""Read your own failures and probes: no sleep between the cause and its effect."""

import asyncio
import random

import pytest

from fuseline import CircuitBreaker, CircuitBreakerManager, CircuitState
from fuseline.core.circuit import Cause
from fuseline.events.backend import Backend
from tests.bridge.support import Callee, attempt, connected, fail_times
from tests.logbook import append, failing, failure, history_of, outcome, transitions_of
from tests.members import members
from tests.projections.support import projecting
from tests.servers import RealServer
from tests.waiting import eventually


@pytest.mark.parametrize("seed", range(40))
async def test_the_call_after_the_threshold_is_always_rejected(
    manager: CircuitBreakerManager, callee: Callee, seed: int
) -> None:
    rng = random.Random(seed)
    threshold = rng.randrange(1, 8)
    breaker = manager.get(f"agent-{seed}", failing(threshold))
    for _ in range(rng.randrange(0, 5)):
        await fail_times(breaker, callee, rng.randrange(0, threshold))
        for _ in range(rng.randrange(1, 20)):
            assert await attempt(breaker, callee.ok) == "ok"
            if rng.random() < 0.2:
                await asyncio.sleep(rng.random() * 0.01)
    await fail_times(breaker, callee, threshold)
    for _ in range(20):
        assert await attempt(breaker, callee.ok) == "rejected"
        if rng.random() < 0.5:
            await asyncio.sleep(rng.random() * 0.01)
    async with asyncio.timeout(5):
        while (await breaker.snapshot()).state is not CircuitState.OPEN:
            assert await attempt(breaker, callee.ok) == "rejected"


@pytest.mark.parametrize("seed", range(10))
async def test_concurrent_failures_are_read_too(
    manager: CircuitBreakerManager, callee: Callee, seed: int
) -> None:
    breaker = manager.get(f"agent-{seed}", failing(5))
    await breaker.call(callee.ok)
    ends = await asyncio.gather(*(attempt(breaker, callee.fail) for _ in range(20)))
    # Calls that begin at once see what has ended before them.
    assert ends == ["failed"] * 5 + ["rejected"] * 15


@pytest.mark.parametrize("seed", range(5))
async def test_without_a_projector_of_its_own(
    redis_url: str, namespace: str, callee: Callee, seed: int
) -> None:
    async with (
        connected(redis_url, namespace, projector=False) as manager,
        projecting(redis_url, namespace),
    ):
        breaker = manager.get("a", failing(5))
        await fail_times(breaker, callee, 5)
        for _ in range(10):
            assert await attempt(breaker, callee.ok) == "rejected"
        await eventually(lambda: breaker.local.view.state is CircuitState.OPEN)
        assert await attempt(breaker, callee.ok) == "rejected"


async def test_without_any_projector(redis_url: str, namespace: str, callee: Callee) -> None:
    async with connected(redis_url, namespace, projector=False) as manager:
        breaker = manager.get("a", failing(5))
        await fail_times(breaker, callee, 5)
        for _ in range(100):
            assert await attempt(breaker, callee.ok) == "rejected"
            await asyncio.sleep(0.005)


async def test_with_a_projector_in_another_process(
    redis_url: str, namespace: str, callee: Callee
) -> None:
    async with members(1) as (projector,):
        await projector.ask("project", url=redis_url, namespace=namespace)
        async with connected(redis_url, namespace, projector=False) as manager:
            for n in range(20):
                breaker = manager.get(f"agent-{n}", failing(5))
                await fail_times(breaker, callee, 5)
                for _ in range(10):
                    assert await attempt(breaker, callee.ok) == "rejected"
            opened = [manager.get(f"agent-{n}").local for n in range(20)]
            await eventually(lambda: all(o.view.state is CircuitState.OPEN for o in opened))


async def test_the_log_s_word_wins_where_another_process_broke_the_streak(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get("a", failing(5))
    await fail_times(breaker, callee, 4)
    await manager.flush()
    await append(backend, "a", [outcome()], producer=99)  # another process has a success
    await fail_times(breaker, callee, 1)
    # By its own outcomes alone the fifth failure opens; the log holds a streak of one.
    assert await attempt(breaker, callee.ok) == "rejected"
    assert breaker.state is CircuitState.OPEN
    await eventually(lambda: breaker.state is CircuitState.CLOSED, 3)
    assert await attempt(breaker, callee.ok) == "ok"
    assert await transitions_of(backend, "a") == []


async def test_the_log_s_word_wins_where_others_fail_too(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get("a", failing(5))
    await fail_times(breaker, callee, 2)
    await manager.flush()
    await append(backend, "a", [failure()] * 3, producer=99)
    await eventually(lambda: breaker.state is CircuitState.OPEN)
    assert await attempt(breaker, callee.ok) == "rejected"


@pytest.mark.parametrize("probes", [1, 3])
async def test_the_call_after_the_last_successful_probe_is_always_admitted(
    manager: CircuitBreakerManager, callee: Callee, probes: int
) -> None:
    config = failing(1, timeout_seconds=0.05, half_open_max_calls=probes)
    breaker = manager.get("a", config)
    for _ in range(50):
        await fail_times(breaker, callee, 1)
        assert await attempt(breaker, callee.ok) == "rejected"
        await eventually(lambda: not breaker.local.suspect, interval_seconds=0.001)
        await eventually(lambda: breaker.state is CircuitState.HALF_OPEN, interval_seconds=0.001)
        for _ in range(probes + 1):
            assert await attempt(breaker, callee.ok) == "ok"
        assert breaker.state is CircuitState.CLOSED


async def test_past_the_budget_what_the_own_probes_have_decided_counts(
    fresh_server: RealServer, namespace: str, callee: Callee
) -> None:
    config = failing(1, timeout_seconds=0.05, half_open_max_calls=2)
    async with connected(fresh_server.url, namespace, budget_seconds=0.3) as manager:
        breaker = manager.get("a", config)
        await fail_times(breaker, callee, 1)
        await eventually(lambda: not breaker.local.suspect)
        await eventually(lambda: breaker.state is CircuitState.HALF_OPEN)
        assert await attempt(breaker, callee.ok) == "ok"
        assert await attempt(breaker, callee.ok) == "ok"
        fresh_server.pause()  # the second success is in memory only
        assert await attempt(breaker, callee.ok) == "ok"
        assert manager.available  # nobody has noticed, so this was no decision without the log
        assert breaker.local.view is not None
        assert breaker.local.view.state is not CircuitState.CLOSED
        fresh_server.resume()
        await eventually(lambda: breaker.state is CircuitState.CLOSED)
        await manager.flush()
        await eventually(lambda: _calls(breaker, 1))  # and it counts in the log's own round


async def _calls(breaker: CircuitBreaker, count: int) -> bool:
    return (await breaker.snapshot()).calls == count


async def test_the_call_after_a_failed_probe_is_always_rejected(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    config = failing(1, timeout_seconds=0.1, half_open_max_calls=3)
    breaker = manager.get("a", config)
    await fail_times(breaker, callee, 1)
    for n in range(100):
        await eventually(lambda: breaker.state is CircuitState.HALF_OPEN, interval_seconds=0.001)
        for _ in range(n % 3):
            assert await attempt(breaker, callee.ok) == "ok"
        assert await attempt(breaker, callee.fail) == "failed"
        assert await attempt(breaker, callee.ok) == "rejected"
    await eventually(lambda: manager.recorder.depth == 0)
    causes = [t.cause for t in await transitions_of(backend, "a")]
    assert causes.count(Cause.PROBE_FAILED) == 100


async def test_the_history_names_the_failure_and_the_worker(
    redis_url: str, namespace: str, backend: Backend, callee: Callee
) -> None:
    async with connected(redis_url, namespace, worker="worker-7") as manager:
        breaker = manager.get("a", failing(2))
        await fail_times(breaker, callee, 2)
        await eventually(lambda: transitions_of(backend, "a"))
        registered, opened = await history_of(backend, "a")
        assert registered.actor == "worker-7"
        assert opened.failure_kind == "Boom"
        assert opened.worker == manager.recorder.producer
