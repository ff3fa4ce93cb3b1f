"""Fixtures of the tests of the API."""

from collections.abc import AsyncIterator

import pytest

from tests.api.running import RunningApi, running_api


@pytest.fixture
async def api(redis_url: str, namespace: str) -> AsyncIterator[RunningApi]:
    """A running API with a projector."""
    async with running_api(redis_url, namespace) as started:
        yield started
