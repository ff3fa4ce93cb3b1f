"""What runs behind the callers: a task of its own, and jobs that no bug ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import anyio

from fuseline.telemetry.logs import get_logger

Main = Callable[[asyncio.Future[None], asyncio.Event], Coroutine[Any, Any, None]]

_RESTART_SECONDS = 1.0

_log = get_logger("manager")


class OwnTask:
    """Runs something from `begin` to `end` in a task of its own.

    So what owns a task group may be ended from another task than the one that began it (fixtures
    and application servers do that).

    Args:
        main: gets a future and an event. It says by the future that it is ready, or why it cannot
            be; once the event is set it has to end.
    """

    def __init__(self, main: Main) -> None:
        self._main = main
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    @property
    def running(self) -> bool:
        """Whether it has begun, and nobody has asked it to end."""
        return self._task is not None

    async def begin(self) -> None:
        """Starts it and waits until it is ready.

        Raises:
            Exception: why it cannot be; then it has ended.
        """
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closing = asyncio.Event()
        self._task = asyncio.create_task(self._main(ready, self._closing), name="fuseline")
        try:
            await asyncio.shield(ready)
        except BaseException:
            await self.end()
            raise

    async def end(self) -> None:
        """Asks it to end and waits until it has; does nothing where it does not run.

        Raises:
            Exception: whatever it has ended with.
        """
        task, self._task = self._task, None
        if task is None:
            return
        self._closing.set()
        cancelled: asyncio.CancelledError | None = None
        # Closing is bounded, and the last outcomes must reach the log; so whoever cancels waits.
        with anyio.CancelScope(shield=True):
            while not task.done():
                try:
                    await asyncio.shield(task)
                except asyncio.CancelledError as error:
                    cancelled = error
        if cancelled is not None:
            raise cancelled
        task.result()


async def keep_running(name: str, job: Callable[[], Awaitable[None]]) -> None:
    """Runs a job to its end, again after a bug: that must not end the calls in front."""
    while True:
        try:
            await job()
            return
        except Exception:  # noqa: BLE001 - see the docstring
            _log.exception("background_job_failed", job=name)
            await anyio.sleep(_RESTART_SECONDS)
