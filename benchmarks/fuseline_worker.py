"""One process of fuseline for the reaction and throughput parts, told what to do over a pipe."""

from __future__ import annotations

import asyncio
import sys
import time
from contextlib import AsyncExitStack
from typing import Any

from benchmarks import fuseline_parts as parts
from benchmarks.children import SILENCE, Answer, serve
from benchmarks.subjects import CalleeError, noop

WATCH = 5.0  # seconds until a watcher gives up


class Worker:
    """The commands."""

    def __init__(self, url: str, stack: AsyncExitStack) -> None:
        self._url, self._stack = url, stack
        self._breakers: list[Any] = []
        self._stop = asyncio.Event()
        self._load: asyncio.Task[int] | None = None
        self._manager: Any = None
        self._refuses: asyncio.Future[int] | None = None

    async def connect(self, projector: bool) -> None:
        """Become a manager; with ``projector`` it folds too."""
        manager = parts.connect(self._url, projector=projector)
        self._manager = await self._stack.enter_async_context(manager)

    async def agents(self, count: int, prefix: str) -> None:
        """Take breakers for this many agents."""
        self._breakers = await parts.load(self._manager, parts.agents(count, prefix))

    async def one(self, name: str) -> None:
        """Take the breaker of an agent that opens at its first failure."""
        from fuseline import CircuitBreakerConfig

        config = CircuitBreakerConfig(failure_threshold=1, timeout_seconds=600.0)
        self._breakers = [self._manager.get(name, config=config)]
        await self._breakers[0].call(noop)
        await parts.flush(self._manager)

    async def fail(self) -> Answer:
        """One failing call; the moment at which its outcome was there."""
        at_ns = 0

        async def callee() -> None:
            nonlocal at_ns
            at_ns = time.monotonic_ns()
            raise CalleeError

        try:
            await self._breakers[0].call(callee)
        except CalleeError:
            await asyncio.sleep(SILENCE)
            return {"at_ns": at_ns}
        raise RuntimeError("the failing call did not fail")

    async def arm(self) -> None:
        """Begin to watch for the moment at which the breaker's own memory refuses."""
        local = self._breakers[0].local
        refuses = self._refuses = asyncio.get_running_loop().create_future()
        set_gate = local.set_gate

        def watched() -> None:
            set_gate()
            if local.refuse_until and not refuses.done():
                refuses.set_result(time.monotonic_ns())

        local.set_gate = watched

    async def seen(self) -> Answer:
        """That moment; None if it does not come. The next call must be refused, too."""
        from fuseline import CircuitBreakerOpenError

        assert self._refuses is not None
        breaker = self._breakers[0]
        try:
            at_ns = await asyncio.wait_for(self._refuses, WATCH)
        except TimeoutError:
            return {"at_ns": None}
        try:
            await breaker.call(noop)
        except CircuitBreakerOpenError:
            return {"at_ns": at_ns}
        raise RuntimeError(f"state {breaker.state} but the call was admitted")

    async def record(self, count: int) -> Answer:
        """Record as fast as possible, then wait until the log has it all."""
        begin = time.perf_counter()
        await parts.record(self._breakers, count)
        called = time.perf_counter() - begin
        await parts.flush(self._manager)
        return {"seconds": time.perf_counter() - begin, "called_seconds": called}

    async def paced(self, rate: float) -> None:
        """Start recording at ``rate`` a second."""
        self._stop.clear()
        self._load = asyncio.create_task(parts.record_paced(self._breakers, rate, self._stop))

    async def halt(self) -> Answer:
        """Stop it; how many outcomes it recorded."""
        assert self._load is not None
        self._stop.set()
        done = await self._load
        await parts.flush(self._manager)
        return {"recorded": done}


async def main(url: str) -> None:
    """Serve commands until told to stop."""
    async with AsyncExitStack() as stack:
        worker = Worker(url, stack)
        names = ("connect", "agents", "one", "fail", "arm", "seen", "record", "paced", "halt")
        await serve({name: getattr(worker, name) for name in names})


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
