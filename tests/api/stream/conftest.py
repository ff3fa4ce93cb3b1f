"""Fixtures of the tests of the stream."""

from collections.abc import AsyncIterator

import pytest

from fuseline.events.backend import Backend
from tests.api.stream.support import Streaming, streaming
from tests.logbook import open_backend
from tests.projections.support import projecting


@pytest.fixture
async def backend(redis_url: str, namespace: str) -> AsyncIterator[Backend]:
    """The namespace, with a projector."""
    async with open_backend(redis_url, namespace) as opened, projecting(redis_url, namespace):
        yield opened


@pytest.fixture
async def served(redis_url: str, namespace: str, backend: Backend) -> AsyncIterator[Streaming]:
    """A hub with the default settings behind a server."""
    async with streaming(redis_url, namespace) as started:
        yield started
