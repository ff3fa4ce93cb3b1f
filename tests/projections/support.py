"""Running projectors inside a test."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Outcome, Result
from fuseline.core.retention import Retention
from fuseline.events.agents import register
from fuseline.events.backend import Backend
from fuseline.projections.projector import Projector
from tests.logbook import append, folded, open_backend, projection_of
from tests.waiting import eventually


@contextlib.asynccontextmanager
async def projecting(
    url: str, namespace: str, owner: str = "projector", shards: int = 4
) -> AsyncIterator[Projector]:
    """A projector that runs, with connections of its own."""
    async with open_backend(url, namespace, shards) as backend:
        projector = Projector(backend, owner, retention=Retention.forever())
        task = asyncio.create_task(projector.run())
        try:
            yield projector
        finally:
            assert not task.done() or task.cancelled(), task.exception()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def until_folded(backend: Backend, *agents: str, timeout_seconds: float = 10.0) -> None:
    for agent in agents:
        await eventually(lambda a=agent: folded(backend, a), timeout_seconds)


async def until_state(
    backend: Backend, agent: str, state: str, timeout_seconds: float = 10.0
) -> None:
    async def there() -> bool:
        circuit = await projection_of(backend, agent)
        return circuit is not None and circuit.state.value == state

    await eventually(there, timeout_seconds)


class Producer:
    """Appends outcomes of one agent, numbered as a recorder would."""

    def __init__(self, backend: Backend, agent: str, producer: int = 1) -> None:
        self.backend, self.agent, self.producer = backend, agent, producer
        self.sent = 0

    async def send(self, *results: Result, epoch: int = 0) -> None:
        events = [
            Outcome(epoch, result, 1, worker=self.producer, seq=self.sent + n, failure_kind="Boom")
            for n, result in enumerate(results, start=1)
        ]
        reply = await append(
            self.backend,
            self.agent,
            events,
            first=self.sent + 1,
            producer=self.producer,
            name=f"p{self.producer}",
        )
        assert reply[0] == b"OK"
        self.sent += len(events)

    async def fail(self, count: int, epoch: int = 0) -> None:
        await self.send(*[Result.FAILURE] * count, epoch=epoch)

    async def succeed(self, count: int, epoch: int = 0) -> None:
        await self.send(*[Result.SUCCESS] * count, epoch=epoch)


async def registered(
    backend: Backend, agent: str, config: CircuitBreakerConfig, producer: int = 1
) -> Producer:
    await register(backend, agent, config, "tester")
    return Producer(backend, agent, producer)
