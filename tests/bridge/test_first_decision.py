"""The first decision about a circuit is the log's, not a guess."""

import asyncio

import pytest

from fuseline import CircuitBreakerConfig, CircuitBreakerOpenError, CircuitState
from tests.bridge.support import Boom, Callee, connected


async def test_a_new_process_sees_what_no_projector_has_folded_yet(
    redis_url: str, namespace: str
) -> None:
    config = CircuitBreakerConfig(failure_threshold=5, timeout_seconds=60)
    callee = Callee()
    async with connected(redis_url, namespace, projector=False) as manager:
        breaker = manager.get("a", config)
        for _ in range(5):
            with pytest.raises(Boom):
                await breaker.call(callee.fail)
        await manager.flush()
    async with connected(redis_url, namespace, projector=False) as manager:
        breaker = manager.get("a")
        ends = await asyncio.gather(
            *(breaker.call(callee.ok) for _ in range(50)), return_exceptions=True
        )
        assert {type(end) for end in ends} == {CircuitBreakerOpenError}
        assert breaker.state is CircuitState.OPEN
        assert breaker.config == config
    assert callee.calls == 5
