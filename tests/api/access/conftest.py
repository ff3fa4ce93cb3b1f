"""Fixtures of the tests of access."""

from collections.abc import AsyncIterator

import pytest

from tests.api.access.support import Door, open_door


@pytest.fixture
async def door(redis_url: str, namespace: str) -> AsyncIterator[Door]:
    """The door of an API process with an empty namespace behind it."""
    async with open_door(redis_url, namespace) as opened:
        yield opened
