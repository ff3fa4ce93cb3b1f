"""Waiting for a condition instead of for a time."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import Any


async def eventually(
    condition: Callable[[], Any | Awaitable[Any]],
    timeout_seconds: float = 30.0,
    interval_seconds: float = 0.005,
) -> Any:
    """Returns the first true answer of the condition; fails when none comes in time."""
    deadline = time.monotonic() + timeout_seconds
    while True:
        answer = condition()
        if inspect.isawaitable(answer):
            answer = await answer
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {timeout_seconds:g} s; the last answer is {answer!r}")
        await asyncio.sleep(interval_seconds)
