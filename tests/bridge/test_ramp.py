"""Gradual recovery: a growing share of calls after successful probes."""

import pytest

from fuseline import CircuitBreaker, CircuitBreakerManager, CircuitBreakerOpenError, CircuitState
from fuseline.bridge.ramp import FIRST_SHARE, Ramp, share_at
from fuseline.core.circuit import Cause, Circuit
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Mode, OverrideSet
from fuseline.events.agents import override
from tests.bridge.support import Callee, attempt, connected, fail_times
from tests.servers import RealServer
from tests.waiting import eventually

T0 = 1_700_000_000_000
SETTINGS = {
    "failure_threshold": 1,
    "failure_rate_threshold": None,
    "timeout_seconds": 0.05,
    "half_open_max_calls": 1,
}


def recovering(seconds: float = 100, epoch: int = 3) -> Circuit:
    config = CircuitBreakerConfig(recovery_seconds=seconds)
    cause = Cause.PROBES_SUCCEEDED.value
    return Circuit(config=config, since_ms=T0, cause=cause, epoch=epoch)


@pytest.mark.parametrize(
    ("after_seconds", "share"), [(-5, 0.1), (0, 0.1), (50, 0.55), (100, 1.0), (500, 1.0)]
)
def test_the_share_grows_in_a_straight_line(after_seconds: int, share: float) -> None:
    assert share_at(recovering(), T0 + after_seconds * 1000) == pytest.approx(share)


@pytest.mark.parametrize("after_seconds", [0, 20, 50, 90])
def test_that_share_of_calls_passes_evenly_spread(after_seconds: int) -> None:
    circuit, ramp, now_ms = recovering(), Ramp(), T0 + after_seconds * 1000
    passed = [ramp.lets_through(circuit, now_ms) for _ in range(1000)]
    share = share_at(circuit, now_ms)
    assert abs(sum(passed) - 1000 * share) <= 1
    assert passed[0]
    for start in range(0, 1000, 100):
        assert abs(sum(passed[start : start + 100]) - 100 * share) <= 1


def test_a_new_recovery_begins_anew() -> None:
    ramp = Ramp()
    assert ramp.lets_through(recovering(epoch=3), T0)
    assert not ramp.lets_through(recovering(epoch=3), T0)
    assert ramp.lets_through(recovering(epoch=6), T0)


async def recovered(manager: CircuitBreakerManager, seconds: float, callee: Callee) -> None:
    """Opens the circuit and lets its probe succeed."""
    config = CircuitBreakerConfig.from_mapping({**SETTINGS, "recovery_seconds": seconds})
    breaker = manager.get("a", config=config)
    await fail_times(breaker, callee, 1)
    await eventually(lambda: breaker.state is CircuitState.HALF_OPEN)
    assert await attempt(breaker, callee.ok) == "ok"
    await eventually(lambda: breaker.state is CircuitState.CLOSED)


async def refused(breaker: CircuitBreaker, callee: Callee) -> CircuitBreakerOpenError:
    """The next refusal."""
    while True:
        try:
            await breaker.call(callee.ok)
        except CircuitBreakerOpenError as refusal:
            return refusal


async def test_a_tenth_passes_at_first_in_every_process(server: RealServer, namespace: str) -> None:
    async with (
        connected(server.url, namespace) as one,
        connected(server.url, namespace, projector=False) as two,
    ):
        callee = Callee()
        await recovered(one, 3600, callee)
        for manager in (one, two):
            breaker = manager.get("a")
            ended = [await attempt(breaker, callee.ok) for _ in range(200)]
            assert abs(ended.count("ok") - 200 * FIRST_SHARE) <= 2
            assert ended.count("ok") + ended.count("rejected") == 200
            refusal = await refused(breaker, callee)
            assert (refusal.state, refusal.cause) == (CircuitState.CLOSED, "recovering")
            assert 0 < refusal.retry_after_seconds <= 1
        # What was let through counts as ever.
        assert (await one.get("a").snapshot()).state is CircuitState.CLOSED
        await one.flush()

        async def counted() -> bool:
            return (await one.get("a").snapshot()).calls >= 38

        await eventually(counted)


async def test_all_pass_when_it_is_over(server: RealServer, namespace: str) -> None:
    async with connected(server.url, namespace) as manager:
        callee = Callee()
        await recovered(manager, 0.2, callee)
        breaker = manager.get("a")

        async def not_looked_at() -> bool:
            await attempt(breaker, callee.ok)
            return breaker.local.admit_epoch >= 0

        await eventually(not_looked_at)
        assert [await attempt(breaker, callee.ok) for _ in range(50)].count("ok") == 50


async def test_a_failure_while_recovering_opens_again(server: RealServer, namespace: str) -> None:
    async with connected(server.url, namespace) as manager:
        callee = Callee()
        await recovered(manager, 3600, callee)
        breaker = manager.get("a")
        ended = [await attempt(breaker, callee.fail) for _ in range(12)]
        assert ended.count("failed") == 1
        assert breaker.state in {CircuitState.OPEN, CircuitState.HALF_OPEN}


async def test_forced_closed_lets_all_pass(server: RealServer, namespace: str) -> None:
    async with connected(server.url, namespace) as manager:
        callee = Callee()
        await recovered(manager, 3600, callee)
        breaker = manager.get("a")
        event = OverrideSet(Mode.FORCED_CLOSED, "ada", "a test")
        await override(manager.backend, "a", event)
        await eventually(lambda: breaker.mode is Mode.FORCED_CLOSED)
        assert [await attempt(breaker, callee.ok) for _ in range(50)].count("ok") == 50
