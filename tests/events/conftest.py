"""Fixtures of the tests of the log."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fuseline.events.embedded_paths import embedded_paths
from fuseline.events.embedded_process import leftover_pid
from tests.events.embedded_support import orphans, until


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data folder; at the end nothing may run on it any more."""
    folder = tmp_path / "data"
    yield folder
    until(lambda: leftover_pid(embedded_paths(folder)) is None)
    assert orphans(folder) == []
