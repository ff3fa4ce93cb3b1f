"""pybreaker over Redis."""

from __future__ import annotations

from typing import Any

from benchmarks.subjects import Callee, Store, Subject, normal


class PybreakerRedis(Subject):
    """pybreaker over Redis: its context manager is the way to guard an await without Tornado."""

    key, package, module = "pybreaker (Redis)", "pybreaker", "pybreaker"
    store = Store.REDIS
    note = "success_threshold stands for the limit; blocking client inside the event loop"

    async def setup(self, url: str) -> None:
        """Make the breaker over its Redis storage."""
        import pybreaker
        import redis

        self.rejection = pybreaker.CircuitBreakerError
        self._client = redis.Redis.from_url(url)
        self._breaker = pybreaker.CircuitBreaker(
            fail_max=self.settings.threshold,
            reset_timeout=self.settings.timeout,
            success_threshold=self.settings.limit,
            state_storage=pybreaker.CircuitRedisStorage(
                pybreaker.STATE_CLOSED, self._client, namespace=self.settings.name
            ),
        )

    def guard(self, fn: Callee) -> Callee:
        """``with breaker.calling()``."""
        calling = self._breaker.calling

        async def guarded() -> Any:
            with calling():
                return await fn()

        return guarded

    async def state(self) -> str:
        """The storage's state."""
        return normal(self._breaker.current_state)

    async def close(self) -> None:
        """Close the client."""
        self._client.close()
