"""Fixtures of the tests of the bridge."""

from collections.abc import AsyncIterator

import pytest

from fuseline import CircuitBreakerManager
from tests.bridge.support import Callee, connected


@pytest.fixture
async def manager(redis_url: str, namespace: str) -> AsyncIterator[CircuitBreakerManager]:
    async with connected(redis_url, namespace) as opened:
        yield opened


@pytest.fixture
def callee() -> Callee:
    return Callee()
