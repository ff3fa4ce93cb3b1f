"""Fixtures of the fault tests."""

import pytest

from tests.bridge.support import Callee


@pytest.fixture
def callee() -> Callee:
    return Callee()
