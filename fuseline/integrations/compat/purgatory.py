"""The asynchronous interface of purgatory, on breakers of Fuseline.

    from fuseline.integrations.compat.purgatory import AsyncCircuitBreakerFactory, OpenedState

    factory = AsyncCircuitBreakerFactory(default_threshold=5, default_ttl=30, manager=manager)
    async with await factory.get_breaker("billing"):
        ...

Without units of work (Redis is the manager's business) and listeners (the log has it all).
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar

from fuseline.bridge.blocks import Blocks
from fuseline.bridge.breaker import CircuitBreaker
from fuseline.bridge.guard import Guard
from fuseline.bridge.manager import CircuitBreakerManager
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import CircuitBreakerOpenError
from fuseline.core.events import Result
from fuseline.integrations.calls import first_of

P = ParamSpec("P")
T = TypeVar("T")

Excluded = type[BaseException] | tuple[type[BaseException], Callable[[Any], bool]]


class OpenedState(CircuitBreakerOpenError):  # noqa: N818 - purgatory's name
    """The circuit refuses the call."""

    @property
    def circuit_name(self) -> str:
        """Name of the circuit."""
        return self.agent


class AsyncCircuitBreaker:
    """One circuit, to be entered with `async with`."""

    def __init__(self, breaker: CircuitBreaker, exclude: Sequence[Excluded]) -> None:
        self._breaker = breaker
        self._exclude = exclude
        self._blocks = Blocks()

    async def __aenter__(self) -> Self:
        guard = Guard(self._breaker, classifier=first_of(self._breaker, self._classify))
        try:
            await self._blocks.enter(guard)
        except CircuitBreakerOpenError as refused:
            raise OpenedState(*refused.args) from None
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._blocks.leave(kind, error, traceback)

    def _classify(self, _: Any, error: BaseException | None) -> Result | None:
        # As there, the first that fits decides, and what is excluded is a success.
        for excluded in self._exclude:
            of, condition = excluded if isinstance(excluded, tuple) else (excluded, None)
            if isinstance(error, of):
                return Result.SUCCESS if condition is None or condition(error) else None
        return None


class AsyncCircuitBreakerFactory:
    """Makes circuits by name.

    Args:
        default_threshold: failures in a row that open.
        default_ttl: seconds that a circuit stays open.
        exclude: exceptions that are none of the circuit's business, for all circuits.
        manager: connected before the first call.
    """

    def __init__(
        self,
        default_threshold: int = 5,
        default_ttl: float = 30,
        exclude: Sequence[Excluded] | None = None,
        *,
        manager: CircuitBreakerManager,
    ) -> None:
        self.default_threshold = default_threshold
        self.default_ttl = default_ttl
        self.global_exclude = list(exclude or [])
        self._manager = manager

    async def initialize(self) -> None:
        """Does nothing; the manager is connected."""

    async def get_breaker(
        self,
        circuit: str,
        threshold: int | None = None,
        ttl: float | None = None,
        exclude: Sequence[Excluded] | None = None,
    ) -> AsyncCircuitBreaker:
        """A circuit; its threshold and time count when it is registered, as there.

        Raises:
            ConfigError: the name, or a setting, is not allowed.
            RuntimeError: the manager is not connected.
        """
        config = CircuitBreakerConfig(
            failure_threshold=threshold or self.default_threshold,
            failure_rate_threshold=None,
            timeout_seconds=ttl or self.default_ttl,
            half_open_max_calls=1,
        )
        breaker = self._manager.get(circuit, config)
        return AsyncCircuitBreaker(breaker, [*(exclude or []), *self.global_exclude])

    def __call__(
        self,
        circuit: str,
        threshold: int | None = None,
        ttl: float | None = None,
        exclude: Sequence[Excluded] | None = None,
    ) -> Callable[[Callable[P, Awaitable[T]]], Callable[P, Awaitable[T]]]:
        """Decorates a coroutine function."""

        def decorate(fn: Callable[P, Awaitable[T]]) -> Callable[P, Awaitable[T]]:
            @functools.wraps(fn)
            async def guarded(*args: P.args, **kwargs: P.kwargs) -> T:
                async with await self.get_breaker(circuit, threshold, ttl, exclude):
                    return await fn(*args, **kwargs)

            return guarded

        return decorate
