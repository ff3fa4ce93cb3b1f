"""Retries by tenacity and stamina: an open circuit is not asked again, or once it may admit."""

import time
from typing import Any

import httpx2
import pytest
import stamina
import tenacity

from fuseline import (
    AgentCallError,
    CircuitBreakerManager,
    CircuitBreakerOpenError,
    ConfigError,
    Result,
    Verdict,
)
from fuseline.core.errors import BulkheadFullError
from fuseline.core.states import CircuitState
from fuseline.integrations.stamina import retry_on
from fuseline.integrations.tenacity import retry_unless_refused, wait_as_asked
from tests.bridge.support import Boom, Callee, fail_times
from tests.integrations.support import opening

NAMES = ("tenacity", "stamina")


def retrying(
    library: str, on: Any = Exception, attempts: int = 4, wait_seconds: float = 0.0
) -> Any:
    """Decorators that repeat `on` at once."""
    if library == "stamina":
        return stamina.retry(
            on=retry_on(on, wait_seconds=wait_seconds),
            attempts=attempts,
            timeout=None,
            wait_initial=0,
            wait_max=0,
            wait_jitter=0,
        )
    return tenacity.retry(
        retry=retry_unless_refused(tenacity.retry_if_exception_type(on), wait_seconds=wait_seconds),
        wait=wait_as_asked(tenacity.wait_none()),
        stop=tenacity.stop_after_attempt(attempts),
        reraise=True,
    )


@pytest.mark.parametrize("library", NAMES)
async def test_failures_are_repeated_until_the_circuit_opens(
    manager: CircuitBreakerManager, callee: Callee, library: str
) -> None:
    breaker = manager.get("a", opening(failures=2))
    attempts = 0

    @retrying(library)
    async def call() -> None:
        nonlocal attempts
        attempts += 1
        await breaker.call(callee.fail)

    with pytest.raises(CircuitBreakerOpenError):
        await call()
    assert (attempts, callee.calls) == (3, 2)


@pytest.mark.parametrize("library", NAMES)
async def test_a_circuit_that_admits_soon_is_waited_for(
    manager: CircuitBreakerManager, callee: Callee, library: str
) -> None:
    breaker = manager.get("a", opening(seconds=0.3))
    await fail_times(breaker, callee, 1)
    refusals: list[float] = []

    @retrying(library, attempts=100, wait_seconds=60)
    async def call() -> str:
        try:
            return await breaker.call(callee.ok)
        except CircuitBreakerOpenError as refused:
            refusals.append(refused.retry_after_seconds)
            raise

    assert await call() == "ok"
    assert callee.calls == 2
    # Each refusal was waited for, so there are few of them.
    assert len(refusals) < 20


@pytest.mark.parametrize("library", NAMES)
async def test_a_circuit_that_admits_late_is_not_waited_for(
    manager: CircuitBreakerManager, callee: Callee, library: str
) -> None:
    breaker = manager.get("a", opening(seconds=3600))
    await fail_times(breaker, callee, 1)
    attempts = 0

    @retrying(library, wait_seconds=600)
    async def call() -> None:
        nonlocal attempts
        attempts += 1
        await breaker.call(callee.ok)

    with pytest.raises(CircuitBreakerOpenError):
        await call()
    assert attempts == 1


@pytest.mark.parametrize("library", NAMES)
@pytest.mark.parametrize(
    "refused",
    [
        CircuitBreakerOpenError("a", CircuitState.OPEN, 0.0, "forced_open"),
        BulkheadFullError("a", 3),
    ],
    ids=["held_open", "bulkhead"],
)
async def test_a_refusal_without_a_time_is_not_waited_for(library: str, refused: Exception) -> None:
    attempts = 0

    @retrying(library, wait_seconds=600)
    async def call() -> None:
        nonlocal attempts
        attempts += 1
        raise refused

    with pytest.raises(type(refused)):
        await call()
    assert attempts == 1


@pytest.mark.parametrize("library", NAMES)
async def test_other_errors_are_as_without_a_breaker(library: str) -> None:
    attempts = 0

    @retrying(library, on=ZeroDivisionError)
    async def call(error: type[Exception]) -> None:
        nonlocal attempts
        attempts += 1
        raise error

    with pytest.raises(ZeroDivisionError):
        await call(ZeroDivisionError)
    assert attempts == 4
    with pytest.raises(Boom):
        await call(Boom)
    assert attempts == 5


@pytest.mark.parametrize("library", NAMES)
async def test_a_refusal_that_is_also_a_transport_error_is_none_for_retries(
    library: str,
) -> None:
    from fuseline.integrations.httpx2 import OpenCircuitError

    attempts = 0

    @retrying(library, on=httpx2.TransportError)
    async def call() -> None:
        nonlocal attempts
        attempts += 1
        raise OpenCircuitError("a", CircuitState.OPEN, 5.0, "failure_rate")

    with pytest.raises(OpenCircuitError):
        await call()
    assert attempts == 1


@pytest.mark.parametrize("library", NAMES)
async def test_what_an_agent_asks_for_is_waited_for(library: str) -> None:
    asked = 0.25
    seen: list[float] = []

    @retrying(library, attempts=2)
    async def call() -> None:
        seen.append(time.monotonic())
        raise AgentCallError("a", "busy", Verdict(Result.FAILURE, "http_429", asked))

    with pytest.raises(AgentCallError):
        await call()
    assert seen[1] - seen[0] >= asked


async def test_a_hook_of_staminas_decides_about_what_is_no_refusal() -> None:
    hook = retry_on(lambda error: 7.5 if isinstance(error, Boom) else False, wait_seconds=10)
    assert hook(Boom()) == 7.5
    assert hook(ValueError()) is False
    assert hook(CircuitBreakerOpenError("a", CircuitState.OPEN, 4.0, "failure_rate")) == 4.0
    assert hook(CircuitBreakerOpenError("a", CircuitState.OPEN, 11.0, "failure_rate")) is False


@pytest.mark.parametrize("value", [-1, float("nan"), "soon"])
def test_a_wait_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"^wait_seconds: .*a number of seconds from 0"):
        retry_on(Boom, wait_seconds=value)
    with pytest.raises(ConfigError, match=r"^wait_seconds: "):
        retry_unless_refused(wait_seconds=value)
