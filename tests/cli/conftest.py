"""Fixtures of the tests of the command line."""

import uuid

import pytest

from tests.cli.support import World
from tests.servers import RealServer


@pytest.fixture
def world(redis_url: str, namespace: str) -> World:
    """A namespace of its own, empty."""
    return World(redis_url, namespace)


@pytest.fixture(scope="module")
def busy(server: RealServer) -> World:
    """A namespace to look at: `good` is closed, `broken` has opened. Change nothing in it."""
    world = World(server.url, f"t{uuid.uuid4().hex[:12]}")
    world.call("good", True, True, True, True)
    world.call("broken", True, True, False, False, False)
    return world


@pytest.fixture
def frozen(fresh_server: RealServer, namespace: str) -> tuple[World, RealServer]:
    """A namespace on a server that may be frozen."""
    return World(fresh_server.url, namespace), fresh_server
