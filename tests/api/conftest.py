"""Fixtures of the tests of the API."""

import uuid
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.api.running import RunningApi, running_api
from tests.servers import RealServer


@pytest.fixture
async def api(redis_url: str, namespace: str) -> AsyncIterator[RunningApi]:
    """A running API with a projector."""
    async with running_api(redis_url, namespace) as started:
        yield started


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared_api(server: RealServer) -> AsyncIterator[RunningApi]:
    """One API for all tests of a file, which share a loop then: `asyncio(loop_scope="module")`."""
    async with running_api(server.url, f"t{uuid.uuid4().hex[:12]}") as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module")
async def tidy_api(shared_api: RunningApi) -> AsyncIterator[RunningApi]:
    """The same, without agents at the beginning of a test."""
    client = shared_api.client()
    for agent in (await client.get("agents", params={"limit": 500})).json()["items"]:
        answer = await client.delete(f"agents/{agent['name']}", params={"reason": "tidy"})
        assert answer.status_code == 204
    yield shared_api
    await client.aclose()
