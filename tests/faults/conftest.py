"""Fixtures of the fault tests."""

from collections.abc import Iterator

import pytest

from tests.bridge.support import Callee
from tests.faults.nursery import nursery


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
