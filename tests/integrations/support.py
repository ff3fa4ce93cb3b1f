"""What the tests of the integrations share."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fuseline import CircuitBreakerConfig, CircuitBreakerManager, CircuitBreakerOpenError
from tests.logbook import outcomes_of

PATIENT = CircuitBreakerConfig(failure_threshold=None, failure_rate_threshold=None)
"""Never opens."""


def opening(failures: int = 1, seconds: float = 60.0) -> CircuitBreakerConfig:
    """Opens after some failures in a row; one probe closes it."""
    return CircuitBreakerConfig(
        failure_threshold=failures,
        failure_rate_threshold=None,
        timeout_seconds=seconds,
        half_open_max_calls=1,
    )


async def ends(manager: CircuitBreakerManager, agent: str) -> list[tuple[str, str]]:
    """Result and kind of each call, as the log has them."""
    await manager.flush()
    found = await outcomes_of(manager.backend, agent)
    return [(outcome.result.name, outcome.failure_kind) for outcome in found]


async def once_admitted(
    fn: Callable[..., Awaitable[Any]], *args: Any, refused: Any = CircuitBreakerOpenError
) -> Any:
    """The first call that the circuit admits."""
    deadline = time.monotonic() + 60
    while True:
        try:
            return await fn(*args)
        except refused:
            assert time.monotonic() < deadline, "not admitted within 60 s"
            await asyncio.sleep(0.02)
