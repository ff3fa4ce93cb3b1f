"""Overrides: an operator's word above the state, everywhere, until it ends."""

import pytest

from fuseline import CircuitBreakerManager, CircuitBreakerOpenError, CircuitState, Mode
from fuseline.core.circuit import ModeChanged
from fuseline.core.errors import AgentNotFoundError
from fuseline.core.events import OverrideSet
from fuseline.events.agents import override
from fuseline.events.backend import Backend
from tests.bridge.support import Callee, attempt, fail_times
from tests.logbook import failing, history_of, transitions_of
from tests.waiting import eventually


async def force(
    backend: Backend, manager: CircuitBreakerManager, mode: Mode, **values: object
) -> None:
    await override(backend, "a", OverrideSet(mode, "ada", "maintenance", **values))
    await eventually(lambda: manager.get("a").mode is mode)


async def test_forced_open_rejects_without_any_failure(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get("a", failing(3))
    await breaker.call(callee.ok)
    await force(backend, manager, Mode.FORCED_OPEN)
    with pytest.raises(CircuitBreakerOpenError) as caught:
        await breaker.call(callee.ok)
    assert caught.value.cause == "forced_open"
    assert caught.value.retry_after_seconds == 0.0
    assert breaker.state is CircuitState.CLOSED  # the state underneath
    await force(backend, manager, Mode.AUTO)
    assert await attempt(breaker, callee.ok) == "ok"
    changes = [c for c in await history_of(backend, "a") if isinstance(c, ModeChanged)]
    assert [(c.mode, c.actor, c.reason) for c in changes] == [
        (Mode.FORCED_OPEN, "ada", "maintenance"),
        (Mode.AUTO, "ada", "maintenance"),
    ]


async def test_forced_open_ends_by_itself(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get("a", failing(3))
    await breaker.call(callee.ok)
    await force(backend, manager, Mode.FORCED_OPEN, expires_in_ms=300)
    refusal = await breaker.call(callee.ok, fallback=lambda refusal: refusal)
    assert 0 < refusal.retry_after_seconds <= 0.3
    await eventually(lambda: breaker.mode is Mode.AUTO)
    assert await attempt(breaker, callee.ok) == "ok"

    async def in_the_history() -> bool:
        return len([c for c in await history_of(backend, "a") if isinstance(c, ModeChanged)]) == 2

    await eventually(in_the_history)
    assert await attempt(breaker, callee.ok) == "ok"


async def test_forced_closed_admits_while_the_fold_goes_on_underneath(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get("a", failing(3))
    await breaker.call(callee.ok)
    await force(backend, manager, Mode.FORCED_CLOSED)
    await fail_times(breaker, callee, 10)
    await eventually(lambda: transitions_of(backend, "a"))
    assert await attempt(breaker, callee.ok) == "ok"
    await force(backend, manager, Mode.AUTO)
    assert await attempt(breaker, callee.ok) == "rejected"


async def test_forced_closed_over_an_open_circuit_admits_until_it_ends(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get("a", failing(1))
    await fail_times(breaker, callee, 1)
    await eventually(lambda: breaker.local.view.state is CircuitState.OPEN)
    await force(backend, manager, Mode.FORCED_CLOSED, expires_in_ms=300)
    assert await attempt(breaker, callee.ok) == "ok"
    await eventually(lambda: breaker.mode is Mode.AUTO)
    assert await attempt(breaker, callee.ok) == "rejected"


async def test_auto_with_reset_closes(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get("a", failing(1))
    await fail_times(breaker, callee, 1)
    await eventually(lambda: breaker.local.view.state is CircuitState.OPEN)
    await override(backend, "a", OverrideSet(Mode.AUTO, "ada", "fixed", reset=True))
    await eventually(lambda: breaker.state is CircuitState.CLOSED)
    assert await attempt(breaker, callee.ok) == "ok"


async def test_forced_open_in_half_open_gives_out_no_probe(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get("a", failing(1, timeout_seconds=0.05))
    await fail_times(breaker, callee, 1)
    await eventually(lambda: breaker.local.view.state is CircuitState.HALF_OPEN)
    await force(backend, manager, Mode.FORCED_OPEN)
    for _ in range(10):
        assert await attempt(breaker, callee.ok) == "rejected"


async def test_an_agent_that_is_not_registered_cannot_be_forced(backend: Backend) -> None:
    with pytest.raises(AgentNotFoundError, match="nobody"):
        await override(backend, "nobody", OverrideSet(Mode.FORCED_OPEN, "ada"))
    assert await backend.wire.call("EXISTS", backend.keys.agent("nobody").events) == 0
