"""Workers and agents of the task tests, in the test's own process."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from fuseline import CircuitBreakerManager
from fuseline.bridge.tasks.calls import HandlerCalls, Handlers
from fuseline.bridge.tasks.options import WorkerOptions
from fuseline.bridge.tasks.worker import TaskWorker
from fuseline.events.backend import Backend
from tests.bridge.support import connected


class Agent:
    """An agent that counts, and answers as it is told."""

    def __init__(self) -> None:
        self.calls: Counter[Any] = Counter()
        self.order: list[Any] = []
        self.in_flight = 0
        self.most_in_flight = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.fail = 0  # calls that fail before one succeeds
        self.cancelled = 0

    async def __call__(self, payload: Any) -> Any:
        self.calls[str(payload)] += 1
        self.order.append(payload)
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            await self.gate.wait()
            if self.fail > 0:
                self.fail -= 1
                raise ValueError("the agent failed")
            return {"echo": payload}
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.in_flight -= 1

    def function(self) -> Callable[[Any], Awaitable[Any]]:
        async def call(payload: Any) -> Any:
            return await self(payload)

        return call


def handlers_of(**agents: Agent) -> Handlers:
    handlers = Handlers()
    for name, agent in agents.items():
        handlers.agent(name)(agent.function())
    return handlers


@contextlib.asynccontextmanager
async def working(
    manager: CircuitBreakerManager, handlers: Handlers, **options: Any
) -> AsyncIterator[TaskWorker]:
    """A worker that runs; at the end it is stopped."""
    options = {"lease_seconds": 5.0, "drain_seconds": 1.0} | options
    worker = TaskWorker(
        manager, HandlerCalls(manager, handlers), WorkerOptions(**options), handlers
    )
    async with running(worker):
        yield worker


@contextlib.asynccontextmanager
async def running(worker: TaskWorker) -> AsyncIterator[None]:
    """The worker runs; at the end it is stopped."""
    task = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        worker.stop()
        await task


@contextlib.asynccontextmanager
async def another(
    url: str, namespace: str, handlers: Handlers, **options: Any
) -> AsyncIterator[TaskWorker]:
    """A worker with a manager of its own."""
    async with (
        connected(url, namespace, projector=False) as manager,
        working(manager, handlers, **options) as worker,
    ):
        yield worker


async def state_of(backend: Backend, task_id: str) -> str:
    state = await backend.wire.call("HGET", backend.keys.tasks.task(task_id), "state")
    return "" if state is None else state.decode()


async def results_of(backend: Backend) -> Counter[str]:
    """How many results each task has in the stream."""
    entries = await backend.wire.call("XRANGE", backend.keys.tasks.results, "-", "+")
    return Counter(fields[1].decode() for _, fields in entries)
