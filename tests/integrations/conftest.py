"""Fixtures of the tests of the integrations."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from fuseline import CircuitBreakerManager
from tests.bridge.support import Callee, connected
from tests.integrations.clients import CLIENTS, Aiohttp, Client, Httpx2, Open
from tests.integrations.support import PATIENT


@pytest.fixture
async def manager(redis_url: str, namespace: str) -> AsyncIterator[CircuitBreakerManager]:
    async with connected(redis_url, namespace) as opened:
        yield opened


@pytest.fixture
def callee() -> Callee:
    return Callee()


@pytest.fixture(params=CLIENTS, ids=lambda client: client.__name__.lower())
async def open_any(
    request: pytest.FixtureRequest, manager: CircuitBreakerManager
) -> AsyncIterator[Open]:
    """Opens a client of each library; its calls are those of the agent `a`."""
    async with opening_clients(request.param, manager) as opened:
        yield opened


@pytest.fixture(params=[Httpx2, Aiohttp], ids=["httpx2", "aiohttp"])
async def open_client(
    request: pytest.FixtureRequest, manager: CircuitBreakerManager
) -> AsyncIterator[Open]:
    """The same without httpx, which has but its class names to itself."""
    async with opening_clients(request.param, manager) as opened:
        yield opened


@asynccontextmanager
async def opening_clients(
    kind: type[Client], manager: CircuitBreakerManager
) -> AsyncIterator[Open]:
    async with AsyncExitStack() as stack:

        async def opened(timeout_seconds: float = 30.0, **options: Any) -> Client:
            options = {"agent_of": lambda _: "a", "config": PATIENT} | options
            return await stack.enter_async_context(kind(manager, timeout_seconds, options))

        yield opened
