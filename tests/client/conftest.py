"""Fixtures of the tests of the client."""

from collections.abc import AsyncIterator

import pytest

from fuseline.api.access.roles import Role
from fuseline.client import FuselineClient
from tests.api.running import RunningApi, running_api


@pytest.fixture
async def api(redis_url: str, namespace: str) -> AsyncIterator[RunningApi]:
    """A running API with a projector."""
    async with running_api(redis_url, namespace) as started:
        yield started


@pytest.fixture
async def client(api: RunningApi) -> AsyncIterator[FuselineClient]:
    """An admin's client of it."""
    async with FuselineClient(api.url, token=api.tokens[Role.ADMIN]) as made:
        yield made
