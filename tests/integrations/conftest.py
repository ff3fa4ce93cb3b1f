"""Fixtures of the tests of the integrations."""

from collections.abc import AsyncIterator

import pytest

from fuseline import CircuitBreakerManager
from fuseline.events.backend import Backend
from tests.bridge.support import Callee, connected
from tests.logbook import open_backend


@pytest.fixture
async def manager(redis_url: str, namespace: str) -> AsyncIterator[CircuitBreakerManager]:
    async with connected(redis_url, namespace) as opened:
        yield opened


@pytest.fixture
async def backend(redis_url: str, namespace: str) -> AsyncIterator[Backend]:
    """A look at the namespace from outside."""
    async with open_backend(redis_url, namespace) as opened:
        yield opened


@pytest.fixture
def callee() -> Callee:
    return Callee()
