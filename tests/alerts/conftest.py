"""Fixtures of the tests of alerts."""

from collections.abc import AsyncIterator

import pytest

from tests.alerts.support import Receiver, World, receiving, world


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with receiving() as started:
        yield started


@pytest.fixture
async def alerts(redis_url: str, namespace: str, receiver: Receiver) -> AsyncIterator[World]:
    """A namespace with a projector, a notifier and a receiver."""
    async with world(redis_url, namespace, receiver) as made:
        yield made
