"""aiobreaker-redis, which is no relative of aiobreaker."""

from __future__ import annotations

from functools import partial

from benchmarks.subjects import Callee, Store, Subject, normal


class AiobreakerRedisPackage(Subject):
    """aiobreaker-redis: Redis state with a copy in the process; Redis errors are swallowed."""

    key, package, module = "aiobreaker-redis", "aiobreaker-redis", "aiobreaker_redis"
    store = Store.REDIS
    note = "no setting for the number of probes; OPEN is a key that expires and leaves CLOSED"

    async def setup(self, url: str) -> None:
        """Make the breaker over an asyncio client."""
        import aiobreaker_redis
        import redis.asyncio

        self.rejection = aiobreaker_redis.CircuitOpenError
        self._client = redis.asyncio.Redis.from_url(url)
        self._breaker = aiobreaker_redis.CircuitBreaker(
            self.settings.name,
            failure_threshold=self.settings.threshold,
            recovery_timeout=self.settings.timeout,
            redis_client=self._client,
        )

    def guard(self, fn: Callee) -> Callee:
        """``breaker.call``."""
        return partial(self._breaker.call, fn)

    async def state(self) -> str:
        """Redis's state, or the process's own once the key has expired."""
        return normal(await self._breaker.get_state())

    async def close(self) -> None:
        """Close the client."""
        await self._client.aclose()
