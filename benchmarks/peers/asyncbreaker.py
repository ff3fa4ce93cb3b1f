"""asyncbreaker in its two modes."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from benchmarks.subjects import Callee, Store, Subject, normal


class AsyncbreakerMemory(Subject):
    """asyncbreaker with its memory storage."""

    key, package, module, store = "asyncbreaker", "asyncbreaker", "asyncbreaker", Store.MEMORY

    async def setup(self, url: str) -> None:
        """Make the breaker over the storage of this mode."""
        import asyncbreaker

        self.rejection = asyncbreaker.CircuitError
        self._breaker = asyncbreaker.CircuitBreaker(
            fail_max=self.settings.threshold,
            timeout_duration=timedelta(seconds=self.settings.timeout),
            state_storage=await self._storage(url),
        )

    async def _storage(self, url: str) -> Any:
        return None

    def guard(self, fn: Callee) -> Callee:
        """``breaker.call``."""
        return partial(self._breaker.call, fn)

    async def state(self) -> str:
        """The storage's state."""
        return normal(await self._breaker.get_current_state())


class AsyncbreakerRedis(AsyncbreakerMemory):
    """asyncbreaker with its Redis storage."""

    key, store = "asyncbreaker (Redis)", Store.REDIS
    note = "no setting for the number of probes; processes that leave OPEN together open it again"

    async def _storage(self, url: str) -> Any:
        import asyncbreaker
        import redis.asyncio

        self._client = redis.asyncio.Redis.from_url(url)
        storage = asyncbreaker.RedisStorage(redis=self._client, namespace=self.settings.name)
        await storage.initialize()
        return storage

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()
