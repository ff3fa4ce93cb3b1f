"""The server or every projector is away: calls go on, by the policy of the agent."""

import asyncio
import time

import pytest

from fuseline import (
    BackendUnavailableError,
    CircuitBreakerManager,
    CircuitState,
    WhenUnavailable,
)
from fuseline.core.events import Mode, OverrideSet, Result
from fuseline.events.agents import override
from fuseline.projections.diagnosis import diagnose
from fuseline.projections.findings import Level
from tests.bridge.support import Callee, attempt, connected, fail_times
from tests.logbook import (
    assert_projection_is_the_fold,
    failing,
    folded,
    open_backend,
    outcomes_of,
    projection_of,
    transitions_of,
)
from tests.projections.support import until_state
from tests.servers import RealServer
from tests.waiting import eventually

NS = "ns"


async def until_noticed(manager: CircuitBreakerManager) -> None:
    await eventually(lambda: not manager.available)


async def until_back(manager: CircuitBreakerManager) -> None:
    await eventually(lambda: manager.available)


async def test_local_goes_on_with_its_own_breaker(fresh_server: RealServer, callee: Callee) -> None:
    async with connected(fresh_server.url, NS) as manager:
        breaker = manager.get("a", failing(3, timeout_seconds=0.3, half_open_max_calls=1))
        await breaker.call(callee.ok)
        fresh_server.kill()
        await until_noticed(manager)
        assert await attempt(breaker, callee.ok) == "ok"
        await fail_times(breaker, callee, 3)
        for _ in range(20):
            assert await attempt(breaker, callee.ok) == "rejected"
        assert breaker.state is CircuitState.OPEN
        await eventually(lambda: breaker.state is CircuitState.HALF_OPEN)
        assert await attempt(breaker, callee.fail) == "failed"
        assert await attempt(breaker, callee.ok) == "rejected"
        await eventually(lambda: breaker.state is CircuitState.HALF_OPEN)
        assert await attempt(breaker, callee.ok) == "ok"
        assert breaker.state is CircuitState.CLOSED
        for _ in range(5):
            assert await attempt(breaker, callee.ok) == "ok"
        fresh_server.start()


async def test_reject_rejects(fresh_server: RealServer, callee: Callee) -> None:
    async with connected(fresh_server.url, NS) as manager:
        breaker = manager.get("a", failing(3, when_unavailable=WhenUnavailable.REJECT))
        await breaker.call(callee.ok)
        fresh_server.kill()
        await until_noticed(manager)
        callee.calls = 0
        for _ in range(20):
            assert await attempt(breaker, callee.ok) == "rejected"
        assert callee.calls == 0
        fresh_server.start()
        await until_back(manager)
        assert await attempt(breaker, callee.ok) == "ok"


@pytest.mark.parametrize("state", ["closed", "open"])
async def test_last_known_keeps_to_the_last_view(
    fresh_server: RealServer, callee: Callee, state: str
) -> None:
    async with connected(fresh_server.url, NS) as manager:
        config = failing(3, when_unavailable=WhenUnavailable.LAST_KNOWN, timeout_seconds=0.3)
        breaker = manager.get("a", config)
        await breaker.call(callee.ok)
        if state == "open":
            await fail_times(breaker, callee, 3)
            await eventually(lambda: breaker.local.view.state is CircuitState.OPEN)
        fresh_server.kill()
        await until_noticed(manager)
        if state == "open":
            await eventually(lambda: breaker.local.refuse_until < time.monotonic())
            for _ in range(10):  # though the time is over: nobody can say how many probes are out
                assert await attempt(breaker, callee.ok) == "rejected"
        else:
            await fail_times(breaker, callee, 10)
            assert await attempt(breaker, callee.ok) == "ok"
        fresh_server.start()


async def test_outcomes_of_the_time_away_reach_the_log_in_order(
    fresh_server: RealServer, callee: Callee
) -> None:
    async with connected(fresh_server.url, NS) as manager:
        breaker = manager.get("a", failing(None))
        await breaker.call(callee.ok)
        await manager.flush()
        fresh_server.kill()
        await until_noticed(manager)
        for n in range(100):
            await attempt(breaker, callee.fail if n % 2 else callee.ok)
        fresh_server.start()
        await manager.flush()
        async with open_backend(fresh_server.url, NS) as backend:
            outcomes = await outcomes_of(backend, "a")
            assert [o.seq for o in outcomes] == list(range(1, 102))
            expected = [Result.SUCCESS] + [
                Result.FAILURE if n % 2 else Result.SUCCESS for n in range(100)
            ]
            assert [o.result for o in outcomes] == expected
            await eventually(lambda: folded(backend, "a"))
            await assert_projection_is_the_fold(backend, "a")


async def test_when_the_server_is_back_the_log_s_word_counts_again(
    fresh_server: RealServer, callee: Callee
) -> None:
    async with connected(fresh_server.url, NS) as manager:
        breaker = manager.get("a", failing(3, timeout_seconds=0.2, half_open_max_calls=1))
        await breaker.call(callee.ok)
        fresh_server.kill()
        await until_noticed(manager)
        await fail_times(breaker, callee, 3)
        await eventually(lambda: breaker.state is CircuitState.HALF_OPEN)
        assert await attempt(breaker, callee.ok) == "ok"  # a probe of its own
        assert breaker.state is CircuitState.CLOSED
        fresh_server.start()
        await until_back(manager)
        await manager.flush()
        async with open_backend(fresh_server.url, NS) as backend:
            # For the log there were three failures of one epoch: it opens, and is asked.
            await eventually(lambda: transitions_of(backend, "a"))
            await eventually(lambda: breaker.local.view.epoch > 0)
            await eventually(lambda: breaker.state is CircuitState.HALF_OPEN)
            assert await attempt(breaker, callee.ok) == "ok"
            assert await attempt(breaker, callee.ok) == "ok"
            assert breaker.state is CircuitState.CLOSED
            assert not breaker.local.suspect


@pytest.mark.parametrize("restart_after", [0.0, 0.1, 0.4, 1.0])
async def test_own_failures_of_the_time_away_are_read_after_it_too(
    fresh_server: RealServer, callee: Callee, restart_after: float
) -> None:
    async with connected(fresh_server.url, NS) as manager:
        breaker = manager.get("a", failing(3))
        await breaker.call(callee.ok)
        await manager.flush()
        fresh_server.kill()
        await fail_times(breaker, callee, 3)
        callee.calls = 0
        back = asyncio.get_running_loop().time() + restart_after
        started = False
        deadline = time.monotonic() + restart_after + 8
        while breaker.local.view.state is not CircuitState.OPEN:
            assert time.monotonic() < deadline
            if not started and asyncio.get_running_loop().time() >= back:
                fresh_server.start()
                started = True
            assert await attempt(breaker, callee.ok) == "rejected"
            await asyncio.sleep(0.0005)
        assert started
        for _ in range(20):
            assert await attempt(breaker, callee.ok) == "rejected"
        assert callee.calls == 0


async def test_first_calls_without_a_server_share_one_breaker(
    fresh_server: RealServer, callee: Callee
) -> None:
    async with connected(fresh_server.url, NS) as manager:
        fresh_server.kill()
        await until_noticed(manager)
        breaker = manager.get("new", failing(5))
        began = time.monotonic()
        ends = await asyncio.gather(*(attempt(breaker, callee.fail) for _ in range(50)))
        assert time.monotonic() - began < 1.0
        assert (ends.count("failed"), ends.count("rejected")) == (5, 45)
        fresh_server.start()
        await until_back(manager)
        await eventually(lambda: not breaker.local.provisional)
        async with open_backend(fresh_server.url, NS) as backend:
            await manager.flush()
            assert len(await outcomes_of(backend, "new")) == 5


async def test_callers_never_see_an_error_of_the_server_and_never_wait_long(
    fresh_server: RealServer, callee: Callee
) -> None:
    async with connected(fresh_server.url, NS) as manager:
        breakers = [manager.get(f"agent-{n}", failing(3, timeout_seconds=0.1)) for n in range(4)]
        longest = 0.0
        done = asyncio.Event()

        async def call_on(n: int) -> None:
            nonlocal longest
            count = 0
            while not done.is_set():
                count += 1
                began = time.monotonic()
                await attempt(breakers[n], callee.fail if count % 3 == 0 else callee.ok)
                longest = max(longest, time.monotonic() - began)
                await asyncio.sleep(0.001)

        tasks = [asyncio.create_task(call_on(n)) for n in range(4)]
        for _ in range(3):
            await asyncio.sleep(0.2)
            await asyncio.to_thread(fresh_server.kill)
            await asyncio.sleep(0.3)
            await asyncio.to_thread(fresh_server.start)
            await until_back(manager)
        done.set()
        await asyncio.gather(*tasks)
        assert longest < 2.5
        await manager.flush()


async def test_a_shard_without_a_projector_counts_as_away(
    redis_url: str, namespace: str, callee: Callee
) -> None:
    async with connected(redis_url, namespace, projector=False) as manager:
        breaker = manager.get("a", failing(2, timeout_seconds=0.2, half_open_max_calls=1))
        await breaker.call(callee.ok)
        await eventually(lambda: not breaker.local.available)
        assert manager.available
        await fail_times(breaker, callee, 2)
        assert await attempt(breaker, callee.ok) == "rejected"
        await eventually(lambda: breaker.state is CircuitState.HALF_OPEN)
        assert await attempt(breaker, callee.ok) == "ok"
        async with connected(redis_url, namespace):
            await eventually(lambda: breaker.local.available)


async def test_flushall_registers_again_and_goes_on(
    fresh_server: RealServer, callee: Callee
) -> None:
    async with connected(fresh_server.url, NS) as manager:
        breaker = manager.get("a", failing(3, timeout_seconds=60))
        await fail_times(breaker, callee, 3)
        await eventually(lambda: breaker.local.view.state is CircuitState.OPEN)
        async with open_backend(fresh_server.url, NS) as backend:
            await backend.wire.call("FLUSHALL")

            async def there_again() -> bool:
                circuit = await projection_of(backend, "a")
                return circuit is not None and circuit.revision == 1

            await eventually(there_again)
            await eventually(lambda: breaker.local.view.revision == 1)
            # What it has recorded is sent again, so the circuit is open in the new log as well.
            await until_state(backend, "a", "open")
            assert await attempt(breaker, callee.ok) == "rejected"
            await override(backend, "a", OverrideSet(Mode.AUTO, "tester", "go on", reset=True))
            await eventually(lambda: _admitted(breaker, callee))
            await fail_times(breaker, callee, 3)
            assert await attempt(breaker, callee.ok) == "rejected"


async def _admitted(breaker, callee: Callee) -> bool:
    return await attempt(breaker, callee.ok) == "ok"


async def test_flush_says_so_when_the_server_is_away_and_keeps_the_outcomes(
    fresh_server: RealServer, callee: Callee
) -> None:
    async with connected(fresh_server.url, NS) as manager:
        breaker = manager.get("a", failing(None))
        await breaker.call(callee.ok)
        await manager.flush()
        fresh_server.kill()
        for _ in range(7):
            await breaker.call(callee.ok)
        began = time.monotonic()
        with pytest.raises(BackendUnavailableError, match="7 outcomes"):
            await manager.flush(0.3)
        assert 0.25 < time.monotonic() - began < 1.0
        fresh_server.start()
        await manager.flush()
        async with open_backend(fresh_server.url, NS) as backend:
            assert len(await outcomes_of(backend, "a")) == 8
        assert manager.outcomes_dropped == 0


async def test_closing_without_a_server_ends_in_time(
    fresh_server: RealServer, callee: Callee, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fuseline.bridge.manager.DRAIN_SECONDS", 0.5)
    async with connected(fresh_server.url, NS) as manager:
        await manager.get("a", failing(3)).call(callee.ok)
        fresh_server.kill()
        began = time.monotonic()
    assert time.monotonic() - began < 3.0


@pytest.mark.parametrize("kind", ["events", "probes"])
async def test_outcomes_of_a_damaged_log_are_counted_as_dropped_and_hold_up_nobody(
    redis_url: str, namespace: str, callee: Callee, kind: str
) -> None:
    async with connected(redis_url, namespace) as manager:
        good, bad = manager.get("a", failing(3)), manager.get("b", failing(3))
        await good.call(callee.ok)
        await bad.call(callee.ok)
        await manager.flush()
        key = getattr(manager.backend.keys.agent("b"), kind)
        await manager.backend.wire.call("DEL", key)
        await manager.backend.wire.call("SET", key, "mine")
        for _ in range(5):
            await good.call(callee.ok)
            await bad.call(callee.ok)
        await manager.flush()
        assert manager.outcomes_dropped == (5 if kind == "events" else 0)
        assert len(await outcomes_of(manager.backend, "a")) == 6


async def test_a_probe_waits_for_a_hung_server_no_longer_than_the_budget(
    fresh_server: RealServer, callee: Callee
) -> None:
    async with connected(fresh_server.url, NS, budget_seconds=0.05) as manager:
        breaker = manager.get("a", failing(1, timeout_seconds=0.2))
        await fail_times(breaker, callee, 1)
        await eventually(lambda: breaker.local.view.state is CircuitState.OPEN)
        await manager.flush()
        await eventually(lambda: breaker.state is CircuitState.HALF_OPEN)
        fresh_server.pause()
        waits = []
        for _ in range(10):
            began = time.monotonic()
            assert await attempt(breaker, callee.ok) == "rejected"
            waits.append(time.monotonic() - began)
            if not manager.available:
                break
        fresh_server.resume()
        # One budget for all that a probe asks, and not one for each question. The machine may hold
        # up any of them, but hardly all.
        assert min(waits) < 0.05 * 1.5


async def test_a_hung_server_makes_one_first_call_wait_and_no_other(
    fresh_server: RealServer, callee: Callee
) -> None:
    async with connected(fresh_server.url, NS, budget_seconds=0.05) as manager:
        await manager.get("seen", failing(3)).call(callee.ok)
        await manager.flush()
        fresh_server.pause()
        assert manager.available  # nobody has noticed yet
        waits = []
        for n in range(10):
            began = time.monotonic()
            assert await attempt(manager.get(f"new-{n}", failing(3)), callee.ok) == "ok"
            waits.append(time.monotonic() - began)
        assert waits[0] < 2.2
        assert max(waits[1:]) < 0.5
        fresh_server.resume()
        await until_back(manager)
        await manager.flush()


async def test_traffic_tells_first_calls_that_the_server_hangs(
    fresh_server: RealServer, callee: Callee
) -> None:
    async with connected(fresh_server.url, NS, budget_seconds=0.05) as manager:
        await manager.get("seen", failing(3)).call(callee.ok)
        await manager.flush()
        fresh_server.pause()
        await manager.get("seen").call(callee.ok)
        await eventually(lambda: manager.recorder.owed_seconds > 0.3)
        began = time.monotonic()
        assert await attempt(manager.get("new", failing(3)), callee.ok) == "ok"
        assert time.monotonic() - began < 0.5
        fresh_server.resume()
        await manager.flush()


async def test_the_log_says_when_this_process_decides_alone_and_why(
    redis_url: str, namespace: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(redis_url, namespace, projector=False) as manager:
        await eventually(lambda: len(manager.unprojected) == 4)
        async with open_backend(redis_url, namespace) as backend:
            (found,) = [f async for f in diagnose(backend) if f.check == "projector"]
            assert found.level is Level.PROBLEM
            assert found.text == (
                "nobody projects shards 0-3: states stand still, workers decide locally"
            )
        async with connected(redis_url, namespace):
            await eventually(lambda: not manager.unprojected)
    lines = [r for r in caplog.records if r.name == "fuseline.manager"]
    assert [r.getMessage() for r in lines] == ["deciding_alone", "log_decides_again"]
    assert (lines[0].reason, lines[0].shards) == ("no projector", [0, 1, 2, 3])
