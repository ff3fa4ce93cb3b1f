"""Fixtures of the tests of A2A agents."""

from collections.abc import AsyncIterator, Iterator

import httpx2
import pytest

from fuseline.bridge.protocols.a2a import A2AProtocol
from tests.bridge.a2a.agents import RemoteAgent, a2a_server


@pytest.fixture(scope="session")
def agents_url() -> Iterator[str]:
    """A server of A2A agents, shared by the tests; each takes an `agent` of its own there."""
    with a2a_server() as url:
        yield url


@pytest.fixture
async def client() -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(timeout=10) as opened:
        yield opened


@pytest.fixture
def agent(agents_url: str, client: httpx2.AsyncClient) -> RemoteAgent:
    return RemoteAgent(agents_url, client)


@pytest.fixture
def protocol() -> A2AProtocol:
    return A2AProtocol()
