"""What has happened before a page begins, where it speaks of agents that were called."""

from collections.abc import Awaitable, Callable

from fuseline.core.config import CircuitBreakerConfig
from fuseline.events.agents import register
from fuseline.events.backend import Backend
from tests.archive.support import trim
from tests.logbook import append, failure, outcome
from tests.projections.support import projecting, until_folded

AGENTS = ("billing", "search", "mail")
CALLS = 60


async def called(backend: Backend, url: str) -> None:
    """Three agents; some calls of each failed, not enough in a row to open a circuit."""
    shards = len(backend.keys.shards)
    config = CircuitBreakerConfig(failure_threshold=8, timeout_seconds=20)
    async with projecting(url, backend.keys.namespace_name, shards=shards):
        for producer, name in enumerate(AGENTS, 1):
            await register(backend, name, config, "setup")
            some = [failure() if call % 10 < 3 else outcome() for call in range(CALLS)]
            await append(backend, name, some, producer=producer)
        await until_folded(backend, *AGENTS, timeout_seconds=60)


async def trimmed(backend: Backend, url: str) -> None:
    """The same, and what is older of one of them has been trimmed."""
    await called(backend, url)
    await trim(backend, AGENTS[0], outcomes=CALLS // 3)


PASTS: dict[str, Callable[[Backend, str], Awaitable[None]]] = {
    "docs/archive.md": called,
    "docs/retention.md": trimmed,
    "docs/what-if.md": called,
}
