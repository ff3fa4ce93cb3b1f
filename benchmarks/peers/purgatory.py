"""purgatory in its two modes."""

from __future__ import annotations

from typing import Any

from benchmarks.subjects import Callee, Store, Subject, normal


class PurgatoryMemory(Subject):
    """purgatory with its in-memory repository."""

    key, package, module, store = "purgatory", "purgatory", "purgatory", Store.MEMORY

    async def setup(self, url: str) -> None:
        """Make the factory over the unit of work of this mode."""
        import purgatory
        from purgatory.domain.model import OpenedState

        self.rejection = OpenedState
        self._factory = purgatory.AsyncCircuitBreakerFactory(
            default_threshold=self.settings.threshold,
            default_ttl=self.settings.timeout,
            uow=self._unit_of_work(url),
        )
        await self._factory.initialize()

    def _unit_of_work(self, url: str) -> Any:
        return None

    def guard(self, fn: Callee) -> Callee:
        """``@factory("name")``."""
        guarded: Callee = self._factory(self.settings.name)(fn)
        return guarded

    async def state(self) -> str:
        """The repository's state."""
        context = (await self._factory.get_breaker(self.settings.name)).context
        return normal(context.state)


class PurgatoryRedis(PurgatoryMemory):
    """purgatory with its Redis repository."""

    key, store = "purgatory (Redis)", Store.REDIS
    note = "no setting for the number of probes"

    def _unit_of_work(self, url: str) -> Any:
        from purgatory.service._async.unit_of_work import AsyncRedisUnitOfWork

        return AsyncRedisUnitOfWork(url)

    async def close(self) -> None:
        """Close the repository's client."""
        repository: Any = self._factory.uow.contexts
        await repository.redis.aclose()
