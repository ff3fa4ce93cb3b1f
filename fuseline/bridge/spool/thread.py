"""The one thread that touches spool files, so that no disk ever holds up the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

import anyio

P = ParamSpec("P")
T = TypeVar("T")


class SpoolThread:
    """Runs functions one after another in a thread that is started when it is first needed."""

    def __init__(self) -> None:
        self._executor: ThreadPoolExecutor | None = None

    async def run(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Calls `fn` there; whoever is cancelled meanwhile waits for its end.

        What is on disk and what memory believes to be there would differ otherwise.
        """
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, "fuseline-spool")
        loop = asyncio.get_running_loop()
        job = loop.run_in_executor(self._executor, lambda: fn(*args, **kwargs))
        with anyio.CancelScope(shield=True):
            await asyncio.wait((job,))
        return job.result()

    def close(self) -> None:
        """Ends the thread; `run` has waited for everything it did."""
        if self._executor is not None:
            self._executor.shutdown(wait=True)
            self._executor = None
