"""The manager: its life, flush, and the clocks of workers."""

import asyncio
import time

import pytest

from fuseline import (
    CircuitBreakerConfig,
    CircuitBreakerManager,
    CircuitState,
    ConfigError,
)
from fuseline.core.circuit import Transition
from fuseline.core.errors import NamespaceMismatchError
from fuseline.events.backend import Backend
from tests.bridge.support import Callee, connected, fail_times
from tests.logbook import failing, open_backend, outcomes_of, transitions_of
from tests.members import members
from tests.servers import RealServer
from tests.waiting import eventually


async def test_flush_returns_when_every_outcome_is_in_the_log(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get("a", failing(None))
    for n in range(1, 51):
        await asyncio.gather(*(breaker.call(callee.ok) for _ in range(n % 10)))
        await breaker.call(callee.ok)
        await manager.flush()
        assert len(await outcomes_of(backend, "a")) == callee.calls


async def test_many_may_flush_together(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    async def work(n: int) -> None:
        breaker = manager.get(f"agent-{n % 7}", failing(None))
        for _ in range(20):
            await breaker.call(callee.ok)
            await manager.flush()

    await asyncio.gather(*(work(n) for n in range(20)))
    logs = [await outcomes_of(backend, f"agent-{n}") for n in range(7)]
    assert sum(map(len, logs)) == 400


async def test_flush_with_nothing_to_flush_returns_at_once(manager: CircuitBreakerManager) -> None:
    began = time.monotonic()
    for _ in range(100):
        await manager.flush()
    assert time.monotonic() - began < 0.1


async def test_closing_brings_the_last_outcomes_into_the_log(
    redis_url: str, namespace: str, backend: Backend, callee: Callee
) -> None:
    async with connected(redis_url, namespace) as manager:
        breaker = manager.get("a", failing(None))
        for _ in range(500):
            await breaker.call(callee.ok)
    assert len(await outcomes_of(backend, "a")) == 500


async def test_a_manager_may_be_closed_from_another_task(
    redis_url: str, namespace: str, backend: Backend, callee: Callee
) -> None:
    manager = CircuitBreakerManager.connect(redis_url, namespace=namespace, shards=4, environ={})
    await asyncio.create_task(manager.__aenter__())
    await manager.get("a", failing(3)).call(callee.ok)
    await asyncio.create_task(manager.__aexit__(None, None, None))
    assert len(await outcomes_of(backend, "a")) == 1
    await manager.__aexit__(None, None, None)  # closing again does nothing


async def test_a_manager_whose_owner_is_cancelled_closes(
    redis_url: str, namespace: str, backend: Backend, callee: Callee
) -> None:
    entered = asyncio.Event()

    async def own() -> None:
        async with connected(redis_url, namespace) as manager:
            await manager.get("a", failing(3)).call(callee.ok)
            entered.set()
            await asyncio.sleep(60)

    task = asyncio.create_task(own())
    await entered.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(await outcomes_of(backend, "a")) == 1
    assert {t.get_name() for t in asyncio.all_tasks()} & {"fuseline"} == set()


async def test_a_manager_that_is_not_connected_says_so(redis_url: str) -> None:
    manager = CircuitBreakerManager.connect(redis_url, environ={})
    with pytest.raises(RuntimeError, match="async with"):
        manager.get("a")


async def test_a_manager_cannot_be_entered_twice(manager: CircuitBreakerManager) -> None:
    with pytest.raises(RuntimeError, match="already"):
        await manager.__aenter__()


async def test_connecting_to_a_namespace_of_other_shards_fails_and_leaves_nothing_running(
    manager: CircuitBreakerManager, redis_url: str, namespace: str
) -> None:
    before = len(asyncio.all_tasks())
    with pytest.raises(NamespaceMismatchError):
        async with connected(redis_url, namespace, shards=5):
            pass
    await eventually(lambda: len(asyncio.all_tasks()) <= before)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"namespace": "a:b"}, "namespace"),
        ({"shards": 0}, "shards"),
        ({"worker": "two\nlines"}, "worker"),
        ({"budget_seconds": 0}, "budget_seconds"),
        ({"environ": {"CIRCUIT_BREAKER_FAILURE_THRESHOLD": "many"}}, "FAILURE_THRESHOLD"),
        ({"environ": {"CIRCUIT_BREAKER_FAILURE_TRESHOLD": "5"}}, "TRESHOLD"),
        ({"url": "ftp://host"}, "REDIS_URL"),
    ],
)
def test_bad_options_are_refused_before_anything_is_connected(
    options: dict[str, object], field: str
) -> None:
    with pytest.raises(ConfigError, match=field):
        CircuitBreakerManager.connect(**({"environ": {}} | options))  # type: ignore[arg-type]


async def test_snapshot_shows_the_figures_of_the_window_as_they_are_now(
    manager: CircuitBreakerManager, callee: Callee
) -> None:
    config = CircuitBreakerConfig(failure_threshold=None, window_size_seconds=0.3)
    breaker = manager.get("a", config)
    await breaker.call(callee.ok)
    await fail_times(breaker, callee, 1)

    async def figures(calls: int, failures: int) -> bool:
        circuit = await breaker.snapshot()
        return (circuit.calls, circuit.failures) == (calls, failures)

    await eventually(lambda: figures(2, 1), 2, 0.001)
    await eventually(lambda: figures(0, 0), 2)


async def test_two_managers_of_one_name_in_the_log_are_two_producers(
    redis_url: str, namespace: str, backend: Backend, callee: Callee
) -> None:
    async with (
        connected(redis_url, namespace, worker="same") as one,
        connected(redis_url, namespace, worker="same") as two,
    ):
        await one.get("a", failing(3)).call(callee.ok)
        await two.get("a", failing(3)).call(callee.ok)
        await asyncio.gather(one.flush(), two.flush())
        assert len({o.worker for o in await outcomes_of(backend, "a")}) == 2


async def test_a_producer_number_that_another_has_is_changed(
    redis_url: str, namespace: str, backend: Backend, callee: Callee,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    numbers = iter([7, 7, 8, 9, 10])
    monkeypatch.setattr("fuseline.bridge.recorder.new_producer_id", lambda: next(numbers))
    async with (
        connected(redis_url, namespace, worker="one") as one,
        connected(redis_url, namespace, worker="two") as two,
    ):
        for manager in (one, two, one, two):
            await manager.get("a", failing(3)).call(callee.ok)
            await manager.flush()
        assert [o.seq for o in await outcomes_of(backend, "a")] == [1, 1, 2, 2]
        assert len({(o.worker, o.seq) for o in await outcomes_of(backend, "a")}) == 4


@pytest.mark.parametrize("offset", [-300.0, 300.0])
async def test_the_wall_clock_of_a_worker_changes_no_transition(
    fresh_server: RealServer, offset: float
) -> None:
    plans = ["ok"] * 5 + ["x"] * 3
    config = {
        "failure_threshold": 3,
        "failure_rate_threshold": None,
        "timeout_seconds": 0.3,
        "half_open_max_calls": 1,
    }
    seen: dict[float, list[Transition]] = {}
    for clock in (0.0, offset):
        ns = f"ns{int(clock + 1000)}"
        async with members(1, clock) as (worker,), open_backend(fresh_server.url, ns) as backend:
            await worker.ask("connect", url=fresh_server.url, namespace=ns)
            await worker.ask("get", agent="a", config=config)
            assert await worker.ask("wall_clock") == pytest.approx(time.time() + clock, abs=5)

            async def state(expected: str, worker=worker) -> bool:
                return await worker.ask("state", agent="a") == expected

            ends = await worker.ask("sequence", agent="a", plans=plans)
            assert ends == ["ok"] * 5 + ["failed"] * 3
            assert await worker.ask("sequence", agent="a", plans=["ok"]) == ["rejected"]
            await eventually(lambda: state("half_open"))
            assert await worker.ask("sequence", agent="a", plans=["x", "ok"]) == [
                "failed",
                "rejected",
            ]
            await eventually(lambda: state("half_open"))
            assert await worker.ask("sequence", agent="a", plans=["ok", "ok"]) == ["ok", "ok"]
            await worker.ask("flush")

            async def closed(backend=backend) -> bool:
                return len(await transitions_of(backend, "a")) == 5

            await eventually(closed)
            seen[clock] = await transitions_of(backend, "a")
            outcomes = await outcomes_of(backend, "a")
            assert all(0 <= o.age_ms < 5000 for o in outcomes)
    shapes = [
        [
            (
                t.from_state,
                t.to_state,
                t.cause,
                t.epoch,
                t.figures,
                t.open_until_ms and t.open_until_ms - t.at_ms,
            )
            for t in transitions
        ]
        for transitions in seen.values()
    ]
    assert shapes[0] == shapes[1]
    assert shapes[0][-1][1] is CircuitState.CLOSED
    now_ms = time.time() * 1000
    assert all(abs(t.at_ms - now_ms) < 60_000 for t in seen[offset])
