"""Calls that are `async with` blocks."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Any, cast

from fuseline.bridge.guard import Guard


class Blocks:
    """The blocks of one breaker that are under way, by task; they may be nested."""

    def __init__(self) -> None:
        self._entered: dict[asyncio.Task[Any], list[Guard]] = {}

    async def enter(self, guard: Guard) -> None:
        """Begins a block of the current task.

        Raises:
            CircuitBreakerOpenError, BulkheadFullError: refused.
        """
        await guard.begin()
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        self._entered.setdefault(task, []).append(guard)
        await guard.start_timeout()

    async def leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Ends the innermost block of the current task.

        Raises:
            RuntimeError: the task is in none.
            TimeoutError: it was a probe, and its lease ended first.
        """
        task = cast("asyncio.Task[Any]", asyncio.current_task())
        guards = self._entered.get(task)
        if not guards:
            raise RuntimeError("the breaker was entered in another task; use `call` there")
        guard = guards.pop()
        if not guards:
            del self._entered[task]
        try:
            await guard.stop_timeout(kind, error, traceback)
        except TimeoutError as cut:
            guard.end(None, cut)
            raise
        guard.end(None, error)
