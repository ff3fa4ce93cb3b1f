"""Fixtures of the tests of the examples."""

from collections.abc import Iterator

import pytest

from tests.cli.support import World
from tests.examples.support import Stage


@pytest.fixture
def stage(redis_url: str, namespace: str) -> Iterator[Stage]:
    """A namespace of its own, and processes that end with the test."""
    world = World(redis_url, namespace)
    made = Stage(world)
    yield made
    made.close()
    world.close()
