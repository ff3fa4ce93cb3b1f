"""The seven checks of the replaced system, in one process and across two."""

import asyncio
import time

import pytest

from fuseline import CircuitBreakerManager, CircuitBreakerOpenError, CircuitState
from tests.bridge.support import Callee, attempt, connected, fail_times
from tests.logbook import failing
from tests.members import members
from tests.servers import RealServer
from tests.waiting import eventually

TIMEOUT = 0.3
CONFIG = {
    "failure_threshold": 3,
    "failure_rate_threshold": None,
    "timeout_seconds": TIMEOUT,
    "half_open_max_calls": 2,
}


async def test_it_starts_closed(manager: CircuitBreakerManager, callee: Callee) -> None:
    breaker = manager.get("a", failing(3))
    assert breaker.state is CircuitState.CLOSED
    assert await breaker.call(callee.ok) == "ok"
    assert (await breaker.snapshot()).state is CircuitState.CLOSED


async def test_successes_keep_it_closed(manager: CircuitBreakerManager, callee: Callee) -> None:
    breaker = manager.get("a", failing(3))
    for _ in range(200):
        await breaker.call(callee.ok)
    await manager.flush()
    assert breaker.state is CircuitState.CLOSED
    await eventually(lambda: _calls(breaker, 200))
    assert (await breaker.snapshot()).failures == 0


async def _calls(breaker, count: int) -> bool:
    return (await breaker.snapshot()).calls == count


async def test_consecutive_failures_open_it(manager: CircuitBreakerManager, callee: Callee) -> None:
    breaker = manager.get("a", failing(3))
    await fail_times(breaker, callee, 2)
    await breaker.call(callee.ok)  # the streak is broken
    await fail_times(breaker, callee, 2)
    assert breaker.state is CircuitState.CLOSED
    await fail_times(breaker, callee, 1)
    assert breaker.state is CircuitState.OPEN

    async def confirmed() -> bool:
        return (await breaker.snapshot()).state is CircuitState.OPEN

    await eventually(confirmed)


async def test_open_rejects_at_once(manager: CircuitBreakerManager, callee: Callee) -> None:
    breaker = manager.get("a", failing(3))
    await fail_times(breaker, callee, 3)
    began = time.monotonic()
    for _ in range(1000):
        with pytest.raises(CircuitBreakerOpenError) as caught:
            await breaker.call(callee.ok)
    assert time.monotonic() - began < 1.0
    assert callee.calls == 3
    refusal = caught.value
    assert (refusal.agent, refusal.state) == ("a", CircuitState.OPEN)
    assert refusal.cause == "consecutive_failures"
    assert 55 < refusal.retry_after_seconds <= 60
    assert breaker.rejected == 1000


async def test_after_the_timeout_it_is_half_open(
    manager: CircuitBreakerManager, callee: Callee
) -> None:
    breaker = manager.get("a", failing(3, timeout_seconds=TIMEOUT))
    await fail_times(breaker, callee, 3)
    opened = time.monotonic()
    await eventually(lambda: breaker.state is CircuitState.HALF_OPEN)
    assert TIMEOUT - 0.02 < time.monotonic() - opened < TIMEOUT + 0.3

    async def in_the_log() -> bool:
        return (await breaker.snapshot()).state is CircuitState.HALF_OPEN

    await eventually(in_the_log)


async def test_successful_probes_close_it(manager: CircuitBreakerManager, callee: Callee) -> None:
    breaker = manager.get("a", failing(3, timeout_seconds=TIMEOUT, half_open_max_calls=2))
    await fail_times(breaker, callee, 3)
    await eventually(lambda: breaker.state is CircuitState.HALF_OPEN)
    assert await attempt(breaker, callee.ok) == "ok"
    assert breaker.state is CircuitState.HALF_OPEN
    assert await attempt(breaker, callee.ok) == "ok"
    assert await attempt(breaker, callee.ok) == "ok"
    assert breaker.state is CircuitState.CLOSED
    assert (await breaker.snapshot()).consecutive_failures == 0


async def test_a_failed_probe_reopens_it(manager: CircuitBreakerManager, callee: Callee) -> None:
    breaker = manager.get("a", failing(3, timeout_seconds=TIMEOUT))
    await fail_times(breaker, callee, 3)
    await eventually(lambda: breaker.state is CircuitState.HALF_OPEN)
    assert await attempt(breaker, callee.ok) == "ok"
    assert await attempt(breaker, callee.fail) == "failed"
    assert await attempt(breaker, callee.ok) == "rejected"
    assert breaker.state is CircuitState.OPEN
    assert (await breaker.snapshot()).opens_in_a_row == 2


async def test_the_seven_checks_on_each_server(
    any_server: RealServer, namespace: str, callee: Callee
) -> None:
    async with connected(any_server.url, namespace) as manager:
        breaker = manager.get("a", failing(3, timeout_seconds=TIMEOUT, half_open_max_calls=1))
        assert breaker.state is CircuitState.CLOSED
        for _ in range(20):
            assert await attempt(breaker, callee.ok) == "ok"
        await fail_times(breaker, callee, 3)
        assert await attempt(breaker, callee.ok) == "rejected"
        await eventually(lambda: breaker.state is CircuitState.HALF_OPEN)
        assert await attempt(breaker, callee.fail) == "failed"
        assert await attempt(breaker, callee.ok) == "rejected"
        await eventually(lambda: breaker.state is CircuitState.HALF_OPEN)
        assert await attempt(breaker, callee.ok) == "ok"
        assert await attempt(breaker, callee.ok) == "ok"
        assert breaker.state is CircuitState.CLOSED


async def test_the_seven_checks_across_two_processes(redis_url: str, namespace: str) -> None:
    async with members(2) as crew:
        one, two = crew
        for member in crew:
            await member.ask("connect", url=redis_url, namespace=namespace)
            await member.ask("get", agent="a", config=CONFIG)

        async def both(state: str) -> bool:
            return all([await member.ask("state", agent="a") == state for member in crew])

        # starts closed, and successes keep it so
        for member in crew:
            assert await member.ask("sequence", agent="a", plans=["ok"] * 20) == ["ok"] * 20
        assert await both("closed")
        # consecutive failures, in one, open it for the other, which rejects at once
        assert await one.ask("sequence", agent="a", plans=["x"] * 3) == ["failed"] * 3
        assert await one.ask("sequence", agent="a", plans=["ok"]) == ["rejected"]
        await eventually(lambda: both("open"), 2, 0.001)
        assert await two.ask("burst", agent="a", count=50, plan="ok") == {"rejected": 50}
        # half open after the timeout; a failed probe in the other reopens it for the one
        await eventually(lambda: both("half_open"), 2, 0.001)
        assert await two.ask("sequence", agent="a", plans=["x", "ok"]) == ["failed", "rejected"]
        await eventually(lambda: both("open"), 2, 0.001)
        # successful probes, one in each, close it for both
        await eventually(lambda: both("half_open"), 2, 0.001)
        assert await one.ask("sequence", agent="a", plans=["ok"]) == ["ok"]
        assert await two.ask("sequence", agent="a", plans=["ok", "ok"]) == ["ok", "ok"]
        await eventually(lambda: both("closed"), 2, 0.001)
        assert await one.ask("sequence", agent="a", plans=["ok"]) == ["ok"]


async def test_failures_of_two_processes_add_up(redis_url: str, namespace: str) -> None:
    async with members(2) as crew:
        for member in crew:
            await member.ask("connect", url=redis_url, namespace=namespace)
            await member.ask("get", agent="a", config=CONFIG | {"timeout_seconds": 60})
        one, two = crew
        await one.ask("sequence", agent="a", plans=["x", "x"])
        await one.ask("flush")
        await two.ask("sequence", agent="a", plans=["x"])

        async def rejecting(member) -> bool:
            return await member.ask("state", agent="a") == "open"

        for member in crew:
            await eventually(lambda member=member: rejecting(member), 2)
            assert await member.ask("sequence", agent="a", plans=["ok"]) == ["rejected"]


async def test_two_managers_in_one_process_share_a_circuit(
    redis_url: str, namespace: str, callee: Callee
) -> None:
    async with connected(redis_url, namespace) as one, connected(redis_url, namespace) as two:
        config = failing(3)
        await asyncio.gather(
            one.get("a", config).call(callee.ok), two.get("a", config).call(callee.ok)
        )
        await fail_times(one.get("a"), callee, 3)
        await eventually(lambda: two.get("a").state is CircuitState.OPEN)
        assert await attempt(two.get("a"), callee.ok) == "rejected"
