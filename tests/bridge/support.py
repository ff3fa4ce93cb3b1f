"""Managers and callees of a test."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fuseline import CircuitBreaker, CircuitBreakerManager, CircuitBreakerOpenError


class Boom(Exception):  # noqa: N818 - short on purpose
    """The callee failed."""


class Callee:
    """Counts its calls; fails when told to."""

    def __init__(self) -> None:
        self.calls = 0

    async def ok(self, value: Any = "ok") -> Any:
        self.calls += 1
        return value

    async def fail(self) -> None:
        self.calls += 1
        raise Boom


@contextlib.asynccontextmanager
async def connected(
    url: str, namespace: str, **options: Any
) -> AsyncIterator[CircuitBreakerManager]:
    options = {"shards": 4, "environ": {}, "budget_seconds": 2.0} | options
    async with CircuitBreakerManager.connect(url, namespace=namespace, **options) as manager:
        yield manager


async def attempt(breaker: CircuitBreaker, fn: Any, *args: Any) -> str:
    """Calls once; says how it went."""
    try:
        await breaker.call(fn, *args)
    except CircuitBreakerOpenError:
        return "rejected"
    except Boom:
        return "failed"
    return "ok"


async def fail_times(breaker: CircuitBreaker, callee: Callee, count: int) -> None:
    for _ in range(count):
        assert await attempt(breaker, callee.fail) == "failed"
