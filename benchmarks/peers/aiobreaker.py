"""aiobreaker in its two modes."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from typing import Any

from benchmarks.subjects import Callee, Store, Subject, normal


class AiobreakerMemory(Subject):
    """aiobreaker with its memory storage."""

    key, package, module, store = "aiobreaker", "aiobreaker", "aiobreaker", Store.MEMORY

    async def setup(self, url: str) -> None:
        """Make the breaker over the storage of this mode."""
        import aiobreaker

        self.rejection = aiobreaker.CircuitBreakerError
        self._breaker = aiobreaker.CircuitBreaker(
            fail_max=self.settings.threshold,
            timeout_duration=timedelta(seconds=self.settings.timeout),
            state_storage=self._storage(url),
        )

    def _storage(self, url: str) -> Any:
        return None

    def guard(self, fn: Callee) -> Callee:
        """``breaker.call_async``."""
        return partial(self._breaker.call_async, fn)

    async def state(self) -> str:
        """The storage's state."""
        return normal(self._breaker.current_state)


class AiobreakerRedis(AiobreakerMemory):
    """aiobreaker with its Redis storage, which takes a blocking client."""

    key, store = "aiobreaker (Redis)", Store.REDIS
    note = "no setting for the number of probes; blocking client inside the event loop"

    def _storage(self, url: str) -> Any:
        import redis
        from aiobreaker.state import CircuitBreakerState
        from aiobreaker.storage.redis import CircuitRedisStorage

        self._client = redis.Redis.from_url(url)
        return CircuitRedisStorage(
            CircuitBreakerState.CLOSED, self._client, namespace=self.settings.name
        )

    async def close(self) -> None:
        """Close the client."""
        self._client.close()
