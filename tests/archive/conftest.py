"""Fixtures of the tests of exports and of the archive."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fuseline.archive.store import Store
from tests.cli.support import World


@pytest.fixture
def world(redis_url: str, namespace: str) -> Iterator[World]:
    """A namespace of its own, for commands."""
    made = World(redis_url, namespace)
    yield made
    made.close()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(str(tmp_path / "archive"))
