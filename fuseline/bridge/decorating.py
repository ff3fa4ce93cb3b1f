"""Functions whose calls a breaker guards, for `@breaker`."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any, Protocol

from fuseline.bridge.guard import Fallback


class Calling(Protocol):
    """What a decorated function needs of its breaker."""

    @property
    def call(self) -> Callable[..., Awaitable[Any]]:
        """Makes one call; another function while calls are traced, so it is asked for each time."""
        ...


def decorate(breaker: Calling, fn: Any, fallback: Fallback | None = None) -> Any:
    """A function like `fn`, each call of which goes through the breaker.

    Args:
        breaker: guards the calls.
        fn: a coroutine function or an async generator function.
        fallback: see `CircuitBreaker.call`.

    Raises:
        TypeError: `fn` is neither.
    """
    if inspect.isasyncgenfunction(fn):

        @functools.wraps(fn)
        async def guarded_stream(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
            guarded = await breaker.call(fn, *args, fallback=fallback, **kwargs)
            try:
                async for item in guarded:
                    yield item
            finally:
                await guarded.aclose()

        return guarded_stream
    if not inspect.iscoroutinefunction(fn):
        raise TypeError(f"{fn!r} is neither a coroutine function nor an async generator")

    @functools.wraps(fn)
    async def guarded_call(*args: Any, **kwargs: Any) -> Any:
        return await breaker.call(fn, *args, fallback=fallback, **kwargs)

    return guarded_call
