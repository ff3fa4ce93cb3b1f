"""Fixtures of the fault tests."""

from collections.abc import AsyncIterator, Iterator

import pytest

from fuseline.events.backend import Backend
from tests.bridge.support import Callee
from tests.faults.nursery import nursery
from tests.logbook import open_backend


@pytest.fixture
async def backend(redis_url: str, namespace: str) -> AsyncIterator[Backend]:
    """A look at the namespace from outside."""
    async with open_backend(redis_url, namespace) as opened:
        yield opened


@pytest.fixture
def callee() -> Callee:
    return Callee()


@pytest.fixture(scope="session", autouse=True)
def _nursery() -> Iterator[None]:
    """One nursery for the run."""
    yield
    if nursery.cache_info().currsize:
        nursery().close()
        nursery.cache_clear()
