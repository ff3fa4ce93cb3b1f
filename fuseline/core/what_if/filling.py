"""Filling stretches that nobody saw with the calls that are assumed."""

from __future__ import annotations

from typing import Any

from fuseline.core.circuit import Change, Circuit, CircuitState
from fuseline.core.counting import count_outcome, count_successes
from fuseline.core.events import Outcome, Result
from fuseline.core.fold import end_probe
from fuseline.core.what_if.unseen import Assumption

_SLOWER_EVERY = 100_000  # assumed calls that were folded one by one
_HURRIED_EVERY = 500  # the same within one outage, where somebody waits

Stretch = tuple[int, int]
"""From (included) and to (excluded), in ms."""


class Filling:
    """Calls that are assumed, under one assumption.

    Args:
        from_ms: up to where everything is known.

    Attributes:
        stretches: what nobody saw, so far.
        calls: assumed so far.
        failures: those of them that failed, by day since 1970.
        hurried: an outage may last for months and nobody can wait, and only states are asked for:
            of a long one fewer calls are assumed towards its end.
    """

    def __init__(self, from_ms: int, assumption: Assumption = Assumption.NONE) -> None:
        self.assumption = assumption
        self.stretches: list[Stretch] = []
        self.calls = 0
        self.failures: dict[int, int] = {}
        self._at_ms = from_ms
        self._since_last = 0.0  # ms without a call in this stretch
        self._folded = 0
        self.hurried = False

    def copy(self, assumption: Assumption) -> Filling:
        """An independent copy under another assumption."""
        twin = Filling(self._at_ms, assumption)
        twin.stretches, twin.failures = self.stretches.copy(), self.failures.copy()
        twin.calls, twin._since_last, twin._folded = self.calls, self._since_last, self._folded
        twin.hurried = self.hurried
        return twin

    def plain(self) -> list[Any]:
        """What goes on, as values that can be stored."""
        return [
            *(self.assumption.value, self.stretches, self.calls),
            *(self._at_ms, self._since_last, self._folded, self.hurried),
        ]

    @classmethod
    def of_plain(cls, values: list[Any]) -> Filling:
        """What `plain` gave."""
        assumption, stretches, calls, at_ms, since_last, folded, hurried = values
        found = cls(at_ms, Assumption(assumption))
        found.stretches = [(start, end) for start, end in stretches]
        found.calls, found._since_last, found._folded = calls, since_last, folded
        found.hurried = hurried
        return found

    def forget(self) -> None:
        """Drops what only figures need; the last stretch may go on."""
        del self.stretches[:-1]
        self.failures.clear()

    def skip(self, to_ms: int) -> None:
        """Up to here calls were seen."""
        self._at_ms = max(self._at_ms, to_ms)
        self._since_last = 0.0

    def end_outage(self) -> None:
        """The recorded circuit lets all calls through again."""
        if self.hurried:
            self._folded = 0

    def fill(self, circuit: Circuit, to_ms: int, interval_ms: float, changes: list[Change]) -> None:
        """Folds assumed calls up to a time, or until the circuit changes."""
        every = _HURRIED_EVERY if self.hurried else _SLOWER_EVERY
        calls_ms = interval_ms
        while self._at_ms < to_ms:
            # Settings may be such that every call is a transition; the work stays bounded.
            interval_ms = calls_ms * (1 << (self._folded // every))
            if self.assumption is Assumption.NONE:
                self._see_nothing(to_ms)
                return
            next_ms = self._at_ms + max(1, round(interval_ms - self._since_last))
            if next_ms >= to_ms:
                self._since_last += to_ms - self._at_ms
                self._see_nothing(to_ms)
                return
            self._see_nothing(next_ms)
            self._since_last = 0.0
            if circuit.state is CircuitState.CLOSED and (
                self.assumption is Assumption.SUCCEEDED or not _can_open(circuit)
            ):
                self._call_many(circuit, to_ms, interval_ms)
            else:
                self._call(circuit, changes)
                if changes:
                    return

    def _see_nothing(self, to_ms: int) -> None:
        if self.stretches and self.stretches[-1][1] == self._at_ms:
            self.stretches[-1] = (self.stretches[-1][0], to_ms)
        else:
            self.stretches.append((self._at_ms, to_ms))
        self._at_ms = to_ms

    def _call(self, circuit: Circuit, changes: list[Change]) -> None:
        at_ms = self._at_ms
        self._folded += 1
        if circuit.state is CircuitState.HALF_OPEN and circuit.probe_places <= 0:
            return
        self.calls += 1
        failed = self.assumption is Assumption.FAILED
        result = Result.FAILURE if failed else Result.SUCCESS
        # The worst case has as many workers in trouble as the settings ask for.
        worker = -1 - self.calls % circuit.config.minimum_workers
        outcome = Outcome(circuit.epoch, result, 0, worker=worker)
        if failed:
            self._fail(at_ms, 1)
        if circuit.state is CircuitState.HALF_OPEN:
            end_probe(circuit, outcome, at_ms, changes)
            circuit.derive_deadline()
        else:
            count_outcome(circuit, outcome, at_ms, changes)

    def _call_many(self, circuit: Circuit, to_ms: int, interval_ms: float) -> None:
        """Calls that cannot change the state, up to the end of a bucket."""
        at_ms = self._at_ms
        self._folded += self.hurried
        end_ms = min(to_ms, (at_ms // circuit.bucket_ms + 1) * circuit.bucket_ms)
        count = 1 + int((end_ms - 1 - at_ms) / interval_ms)
        self.calls += count
        if self.assumption is Assumption.SUCCEEDED:
            count_successes(circuit, count, circuit.epoch, at_ms, circuit.last_seq)
        else:
            self._fail(at_ms, count)
        last_ms = at_ms + round((count - 1) * interval_ms)
        if last_ms > at_ms:
            self._see_nothing(min(last_ms, to_ms))

    def _fail(self, at_ms: int, count: int) -> None:
        day = at_ms // 86_400_000
        self.failures[day] = self.failures.get(day, 0) + count


def _can_open(circuit: Circuit) -> bool:
    config = circuit.config
    return config.enabled and not (
        config.failure_threshold is None and config.failure_rate_threshold is None
    )
