"""Fixtures of the tests of the command line."""

import socket
import uuid
from collections.abc import Iterator

import pytest

from tests.cli.support import World
from tests.servers import RealServer


@pytest.fixture
def world(redis_url: str, namespace: str) -> Iterator[World]:
    """A namespace of its own, empty."""
    made = World(redis_url, namespace)
    yield made
    made.close()


@pytest.fixture(scope="module")
def busy(server: RealServer) -> World:
    """A namespace to look at: `good` is closed, `broken` has opened. Change nothing in it."""
    world = World(server.url, f"t{uuid.uuid4().hex[:12]}")
    world.call("good", True, True, True, True)
    world.call("broken", True, True, False, False, False)
    return world


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """A listening socket whose owner says nothing."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(8)
        listener.settimeout(30)
        yield listener
