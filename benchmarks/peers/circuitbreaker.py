"""circuitbreaker, the most installed of them: memory only."""

from __future__ import annotations

from benchmarks.subjects import Callee, Store, Subject, normal


class CircuitBreakerMemory(Subject):
    """circuitbreaker: a decorator around a process-wide object."""

    key, package, module = "circuitbreaker", "circuitbreaker", "circuitbreaker"
    store = Store.MEMORY

    async def setup(self, url: str) -> None:
        """Make the breaker."""
        import circuitbreaker

        self.rejection = circuitbreaker.CircuitBreakerError
        self._breaker = circuitbreaker.CircuitBreaker(
            name=self.settings.name,
            failure_threshold=self.settings.threshold,
            recovery_timeout=self.settings.timeout,
        )

    def guard(self, fn: Callee) -> Callee:
        """``@breaker``."""
        guarded: Callee = self._breaker.decorate(fn)
        return guarded

    async def state(self) -> str:
        """The object's state."""
        return normal(self._breaker.state)
