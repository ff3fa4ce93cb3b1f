"""How far outcomes have come, for those who wait: into the log, or at least to disk.

Every round of sending and every pass that brings outcomes to disk begins by taking all that is
recorded. So who waits for one that begins after he came knows that his outcomes were in it.
"""

from __future__ import annotations

from collections.abc import Callable

import anyio


class Progress:
    """Rounds and passes, by number."""

    def __init__(self) -> None:
        self.rounds = self.clean_through = 0  # begun; the last that left nothing unacknowledged
        self.passes = self.safe_through = 0  # begun; the last that left nothing in memory alone
        self._moved = anyio.Event()

    def begin_round(self) -> int:
        """Outcomes are sent from here on."""
        self.rounds += 1
        return self.rounds

    def begin_pass(self) -> int:
        """Outcomes go to disk from here on."""
        self.passes += 1
        return self.passes

    def tell(self) -> None:
        """A round or pass has ended, well or not."""
        moved, self._moved = self._moved, anyio.Event()
        moved.set()

    def goal(self, *, disk_counts: bool) -> Callable[[], bool]:
        """Says, when asked later, whether what is recorded now has arrived."""
        round_, pass_ = self.rounds + 1, self.passes + 1
        return lambda: self.clean_through >= round_ or (disk_counts and self.safe_through >= pass_)

    async def until(self, reached: Callable[[], bool], hurry: Callable[[], None]) -> None:
        """Waits, asking for haste after each round or pass that did not reach it."""
        while not reached():
            moved = self._moved
            hurry()
            await moved.wait()
