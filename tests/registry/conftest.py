"""Fixtures of the tests of the registry."""

from collections.abc import AsyncIterator

import pytest

from fuseline.registry.store import Registry
from tests.logbook import open_backend
from tests.registry.support import DEFAULTS


@pytest.fixture
async def registry(redis_url: str, namespace: str) -> AsyncIterator[Registry]:
    """The registry of a namespace of its own, empty."""
    async with open_backend(redis_url, namespace) as backend:
        yield Registry(backend, DEFAULTS)
