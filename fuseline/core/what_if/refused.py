"""Calls on record that a proposed circuit would have refused."""

from __future__ import annotations

from bisect import bisect_left

from fuseline.core.circuit import NEVER_MS
from fuseline.core.events import Outcome, Result
from fuseline.core.what_if.block import DAY_MS, Block

_SUCCESS, _TIMEOUT = Result.SUCCESS, Result.TIMEOUT


class Refused:
    """How many there were so far.

    Attributes:
        good: those that succeeded, by day since 1970.
        bad: those that failed, by day since 1970.
    """

    def __init__(self) -> None:
        self.good: dict[int, int] = {}
        self.bad: dict[int, int] = {}

    def copy(self) -> Refused:
        """An independent copy."""
        twin = Refused()
        twin.good, twin.bad = self.good.copy(), self.bad.copy()
        return twin

    def clear(self) -> None:
        """Begins anew."""
        self.good.clear()
        self.bad.clear()

    def add(self, outcome: Outcome, ms: int) -> None:
        """Counts a call, unless its result says nothing about the agent."""
        if outcome.result <= _TIMEOUT:
            refused = self.good if outcome.result is _SUCCESS else self.bad
            day = ms // DAY_MS
            refused[day] = refused.get(day, 0) + 1

    def add_plain(self, block: Block, start: int, stop: int) -> None:
        """Counts the calls between two places of a block, all of them plain."""
        failed = block.marks(NEVER_MS)
        while start < stop:
            day = block.ms[start] // DAY_MS
            end = bisect_left(block.ms, (day + 1) * DAY_MS, start, stop)
            bad = bisect_left(failed, end) - bisect_left(failed, start)
            self.bad[day] = self.bad.get(day, 0) + bad
            self.good[day] = self.good.get(day, 0) + end - start - bad
            start = end
