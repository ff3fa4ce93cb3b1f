"""The decorator of circuitbreaker, for coroutine functions and async generator functions.

    from fuseline.integrations.compat.circuitbreaker import CircuitBreakerError, circuit, use

    @circuit(failure_threshold=5, recovery_timeout=30, expected_exception=ConnectionError)
    async def fetch(order): ...

    async with CircuitBreakerManager.connect() as manager:
        use(manager)

Functions are decorated before there is a manager, so `use` tells them of it.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from typing import Any, TypeVar, overload

from fuseline.bridge.breaker import CircuitBreaker
from fuseline.bridge.guard import Guard
from fuseline.bridge.manager import CircuitBreakerManager
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import CallRefusedError, CircuitBreakerOpenError
from fuseline.core.events import Result
from fuseline.integrations.calls import first_of

F = TypeVar("F", bound=Callable[..., Any])
Failing = Callable[[type[BaseException], BaseException], bool]
Expected = type[BaseException] | Iterable[type[BaseException]] | Failing

CircuitBreakerError = CircuitBreakerOpenError

_FAILURE_THRESHOLD = 5
_RECOVERY_SECONDS = 30

_manager: CircuitBreakerManager | None = None


def use(manager: CircuitBreakerManager | None) -> None:
    """Makes a manager the one whose breakers guard the decorated functions; None: no more."""
    global _manager
    _manager = manager


@overload
def circuit(failure_threshold: F, /) -> F: ...
@overload
def circuit(
    failure_threshold: int | None = None,
    recovery_timeout: float | None = None,
    expected_exception: Expected | None = None,
    name: str | None = None,
    fallback_function: Callable[..., Any] | None = None,
) -> Callable[[F], F]: ...
def circuit(
    failure_threshold: Any = None,
    recovery_timeout: float | None = None,
    expected_exception: Expected | None = None,
    name: str | None = None,
    fallback_function: Callable[..., Any] | None = None,
) -> Any:
    """Decorates a function; may be used without parentheses.

    Args:
        failure_threshold: failures in a row that open; None: 5.
        recovery_timeout: seconds that the circuit stays open; None: 30.
        expected_exception: what counts as a failure: a type, several, or a function that gets type
            and exception; None: every `Exception`. Any other one counts as a success, as there.
        name: of the agent; None: module and qualified name of the function.
        fallback_function: called in its place, with the same arguments, while the circuit is open.

    Raises:
        TypeError: the function is neither a coroutine function nor an async generator function.
        ConfigError: the first call finds that a setting is not allowed.
    """
    if callable(failure_threshold):
        return circuit()(failure_threshold)
    threshold = failure_threshold or _FAILURE_THRESHOLD
    seconds = recovery_timeout or _RECOVERY_SECONDS
    fails = _predicate(Exception if expected_exception is None else expected_exception)

    def classify(_: Any, error: BaseException | None) -> Result | None:
        if not isinstance(error, Exception) or isinstance(error, CallRefusedError):
            return None
        return None if fails(type(error), error) else Result.SUCCESS

    def decorate(fn: Any) -> Any:
        agent = name or f"{fn.__module__}.{fn.__qualname__}"

        def guard() -> Guard:
            config = CircuitBreakerConfig(
                failure_threshold=threshold,
                failure_rate_threshold=None,
                timeout_seconds=seconds,
                half_open_max_calls=1,
            )
            breaker = _breaker(agent, config)
            return Guard(breaker, classifier=first_of(breaker, classify))

        return _decorated(fn, guard, fallback_function)

    return decorate


def _breaker(agent: str, config: CircuitBreakerConfig) -> CircuitBreaker:
    if _manager is None:
        raise RuntimeError(
            f"there is no manager for the circuit {agent!r}; call "
            "fuseline.integrations.compat.circuitbreaker.use(manager) first"
        )
    return _manager.get(agent, config)


def _decorated(fn: Any, guard_of: Callable[[], Guard], fallback: Callable[..., Any] | None) -> Any:
    if inspect.isasyncgenfunction(fn):

        @functools.wraps(fn)
        async def guarded_stream(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
            guard = guard_of()
            try:
                await guard.begin()
                items = await guard.run(fn, args, kwargs)
            except CallRefusedError:
                if fallback is None:
                    raise
                items = fallback(*args, **kwargs)
            async with aclosing(items):
                async for item in items:
                    yield item

        return guarded_stream
    if not inspect.iscoroutinefunction(fn):
        raise TypeError(
            f"{fn!r} is neither a coroutine function nor an async generator function; "
            "Fuseline has no breakers for functions that block"
        )

    @functools.wraps(fn)
    async def guarded_call(*args: Any, **kwargs: Any) -> Any:
        guard = guard_of()
        try:
            await guard.begin()
        except CallRefusedError:
            if fallback is None:
                raise
            return await fallback(*args, **kwargs)
        return await guard.run(fn, args, kwargs)

    return guarded_call


def _predicate(expected: Expected) -> Failing:
    if isinstance(expected, type):
        return lambda _, error: isinstance(error, expected)
    if isinstance(expected, Iterable):
        types = tuple(expected)
        return lambda _, error: isinstance(error, types)
    return expected
