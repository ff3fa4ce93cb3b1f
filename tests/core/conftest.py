"""Fixtures of the tests of the core."""

from collections.abc import Iterator

import pytest

from fuseline.core import baseline


@pytest.fixture(scope="module")
def soon_usual() -> Iterator[None]:
    """For files whose logs are short: few calls have to do for knowing what is usual."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(baseline, "ENOUGH_CALLS", 3)
        patch.setattr(baseline, "ENOUGH_IN_SLOT", 8)
        yield
