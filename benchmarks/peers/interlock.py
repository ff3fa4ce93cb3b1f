"""interlock-cb in its two modes."""

from __future__ import annotations

from functools import partial
from typing import Any, ClassVar

from benchmarks.subjects import Callee, Store, Subject, normal


class InterlockMemory(Subject):
    """interlock-cb without a storage: purely local."""

    key, package, module, store = "interlock-cb", "interlock-cb", "interlock", Store.MEMORY

    async def setup(self, url: str) -> None:
        """Make the breaker over the storage of this mode."""
        import interlock

        self.rejection = interlock.CircuitOpenError
        self._breaker = interlock.CircuitBreaker(
            name=self.settings.name,
            config=interlock.Config(
                minimum_number_of_calls=self.settings.threshold,
                permitted_calls_in_half_open=self.settings.limit,
                max_concurrent_probes=self.settings.limit,
                wait_duration_in_open=self.settings.timeout,
            ),
            storage=self._storage(url),
        )

    def _storage(self, url: str) -> Any:
        return None

    def guard(self, fn: Callee) -> Callee:
        """``breaker.call_async``, the path its integrations use."""
        call: Any = self._breaker.call_async
        return partial(call, fn)

    async def state(self) -> str:
        """The effective state."""
        return normal(self._breaker.state)

    async def close(self) -> None:
        """Stop its background lane."""
        await self._breaker.aclose()


class InterlockRedis(InterlockMemory):
    """interlock-cb coordinated through Redis: a cached view, one script for each probe."""

    key, store = "interlock-cb (Redis)", Store.VIEW
    poll_interval: ClassVar[float] = 0.2
    note = "poll_interval 0.2 s (its default is 1 s); state_ttl stands for the probe's lease"

    def _storage(self, url: str) -> Any:
        import redis.asyncio
        from interlock.integrations.redis import AsyncRedisStorage

        self._client = redis.asyncio.Redis.from_url(url)
        self._shared = AsyncRedisStorage(
            self._client, state_ttl=self.settings.lease, poll_interval=self.poll_interval
        )
        return self._shared

    async def settle(self) -> None:
        """Wait until its queued writes are in Redis."""
        coordinator = self._breaker._engine._async_coordinator
        if coordinator is not None:
            await coordinator.wait_idle()

    async def state(self) -> str:
        """The shared state; an absent key is CLOSED by its contract."""
        view = await self._shared.read(self.settings.name)
        return normal(view.state) if view is not None else "CLOSED"

    async def close(self) -> None:
        """Stop the lane, then close the client."""
        await super().close()
        await self._client.aclose()
