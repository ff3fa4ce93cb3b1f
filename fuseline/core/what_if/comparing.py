"""Comparing what happened with what would have happened."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from fuseline.core.circuit import Circuit, CircuitState, Transition
from fuseline.core.events import Entry
from fuseline.core.what_if.block import DAY_MS, Block
from fuseline.core.what_if.figures import (
    Figures,
    Tally,
    differing,
    figures_of,
    is_open,
    length_by_day,
    merged,
    openings_by_day,
)
from fuseline.core.what_if.filling import Stretch
from fuseline.core.what_if.patch import Patch
from fuseline.core.what_if.proposed import Proposed
from fuseline.core.what_if.recorded import Recorded
from fuseline.core.what_if.spans import Spans, StateSpan
from fuseline.core.what_if.unseen import Assumption

_OPEN = CircuitState.OPEN


class Day(Struct, frozen=True, kw_only=True):
    """The figures of one day in UTC; the first and the last may be parts of one."""

    from_ms: int
    figures: Figures


class Comparison(Struct, frozen=True, kw_only=True):
    """What happened in a range, and what would have happened.

    Attributes:
        since_ms: from when the other settings would have been in force.
        until_ms: where the range ends.
        total: the figures of the range.
        days: of each day.
        recorded: the states on record.
        proposed: the states that would have been, if nobody had called where nobody saw it.
        unobserved: where the record cannot know: calls would have been let through that were
            refused, or what became of such calls decides the state.
        unseen_calls: how many calls were assumed at most where nobody saw any.
    """

    since_ms: int
    until_ms: int
    total: Figures
    days: list[Day]
    recorded: list[StateSpan]
    proposed: list[StateSpan]
    unobserved: list[Stretch]
    unseen_calls: int

    @property
    def unobserved_ms(self) -> int:
        """How long the record cannot know."""
        return sum(end - start for start, end in self.unobserved)


class Candidate:
    """Proposed settings, under as many assumptions as the record leaves open.

    Args:
        recorded: stands where the settings would have been changed.
        patch: what would have been changed.
        at_ms: when.

    Attributes:
        all: one circuit, or one for each assumption; the first is that nobody called unseen.

    Raises:
        ConfigError: a setting is not allowed.
    """

    def __init__(self, recorded: Recorded, patch: Patch, at_ms: int) -> None:
        self.all = [Proposed(recorded, patch, at_ms)]

    @classmethod
    def of(cls, circuits: list[Proposed]) -> Candidate:
        """One that goes on with circuits that were folded before."""
        found = cls.__new__(cls)
        found.all = circuits
        return found

    def take(self, block: Block) -> None:
        """Folds the next entries of the record."""
        if len(self.all) > 1:
            for one in self.all:
                one.take(block)
            return
        first = self.all[0]
        before = first.under(Assumption.NONE)
        first.take(block)
        if first.filling.stretches:
            others = [Assumption.SUCCEEDED, Assumption.FAILED]
            self.all += [before.under(assumption) for assumption in others]
            for one in self.all[1:]:
                one.take(block)

    @property
    def first(self) -> Proposed:
        """The circuit if nobody called where nobody saw it."""
        return self.all[0]

    def bands(self, since_ms: int, until_ms: int) -> list[list[StateSpan]]:
        """The states under each assumption; the first is that nobody called unseen."""
        return [one.spans.all(since_ms, until_ms) for one in self.all]

    def unobserved(self, since_ms: int, until_ms: int) -> list[Stretch]:
        """Where the record cannot know."""
        stretches = [stretch for one in self.all for stretch in one.filling.stretches]
        cut = [(max(start, since_ms), min(end, until_ms)) for start, end in stretches]
        return merged(cut + differing(self.bands(since_ms, until_ms)))

    @property
    def unseen_calls(self) -> int:
        """How many calls were assumed at most."""
        return max(one.filling.calls for one in self.all)

    def tallies(self, failures: dict[int, int], since_ms: int, until_ms: int) -> list[Tally]:
        """The figures under each assumption, from the failures on record by day."""
        return [_tally(one, failures, since_ms, until_ms) for one in self.all]


class WhatIf:
    """Folds a log as it was and as it would have been.

    Args:
        circuit: before the first entry; it is changed.
        patch: settings by name that would have been others.
        since_ms: from when on.
        until_ms: where the range ends.

    Raises:
        ConfigError: a setting is not allowed.
    """

    def __init__(self, circuit: Circuit, patch: Patch, since_ms: int, until_ms: int) -> None:
        self._since_ms, self._until_ms = since_ms, until_ms
        self.record = Record(circuit, since_ms, until_ms)
        self._patch = patch
        self._candidate: Candidate | None = None

    def take(self, entries: Sequence[Entry]) -> None:
        """Folds the next entries, in the order of the log."""
        self._fold(self.record.take(entries))

    def finish(self) -> Comparison:
        """Lets time pass up to the end of the range, and compares."""
        self._fold(self.record.finish())
        return self.comparison

    @property
    def comparison(self) -> Comparison:
        """What the range came to, once it is finished."""
        candidate = self._candidate
        assert candidate is not None
        since_ms, until_ms = self._since_ms, self._until_ms
        recorded = self.record.tally()
        proposed = candidate.tallies(self.record.recorded.failures, since_ms, until_ms)
        days = range(since_ms // DAY_MS, (until_ms - 1) // DAY_MS + 1)
        return Comparison(
            since_ms=since_ms,
            until_ms=until_ms,
            total=figures_of(recorded, proposed, days),
            days=[
                Day(
                    from_ms=max(since_ms, day * DAY_MS),
                    figures=figures_of(recorded, proposed, [day]),
                )
                for day in days
            ],
            recorded=self.record.spans().all(since_ms, until_ms),
            proposed=candidate.bands(since_ms, until_ms)[0],
            unobserved=candidate.unobserved(since_ms, until_ms),
            unseen_calls=candidate.unseen_calls,
        )

    def _fold(self, block: Block | None) -> None:
        if block is None:
            return
        if self._candidate is None:
            assert self.record.start is not None
            self._candidate = Candidate(self.record.start, self._patch, self._since_ms)
        self._candidate.take(block)


class Record:
    """The recorded circuit over a range.

    Args:
        circuit: before the first entry; it is changed.
        since_ms: where the range begins.
        until_ms: where it ends.

    Attributes:
        start: the circuit at the beginning of the range, once that is reached.
    """

    def __init__(self, circuit: Circuit, since_ms: int, until_ms: int) -> None:
        self.recorded = Recorded(circuit)
        self.start: Recorded | None = None
        self._since_ms, self._until_ms = since_ms, until_ms

    def take(self, entries: Sequence[Entry]) -> Block | None:
        """Folds the next entries; those of the range as a block."""
        if entries and entries[-1][0] >= self._until_ms:
            entries = [entry for entry in entries if entry[0] < self._until_ms]
        if self.start is None:
            before = [entry for entry in entries if entry[0] < self._since_ms]
            self.recorded.take(before)
            entries = entries[len(before) :]
            if not entries:
                return None
            self._begin()
        return self.recorded.take(entries)

    def finish(self) -> Block:
        """Lets time pass up to the end of the range."""
        if self.start is None:
            self._begin()
        return self.recorded.advance(self._until_ms)

    def transitions(self) -> list[Transition]:
        """Those of the range."""
        return [
            one for one in self.recorded.transitions if self._since_ms <= one.at_ms < self._until_ms
        ]

    def spans(self) -> Spans:
        """The states of the range."""
        assert self.start is not None
        circuit = self.start.circuit
        spans = Spans(circuit.state, circuit.since_ms, None)
        for change in self.recorded.transitions[len(self.start.transitions) :]:
            spans.begin(change.to_state, change.at_ms, 0)
        return spans

    def tally(self) -> Tally:
        """The figures on record."""
        opened = [one.at_ms for one in self.transitions() if one.to_state is _OPEN]
        spans = self.spans().all(self._since_ms, self._until_ms)
        return Tally(
            openings=openings_by_day(opened),
            open_ms=length_by_day(filter(is_open, spans)),
            failures=self.recorded.failures,
            good_refused={},
        )

    def _begin(self) -> None:
        self.recorded.advance(self._since_ms)
        self.recorded.counting = True
        self.start = self.recorded.snapshot()


def _tally(one: Proposed, failures: dict[int, int], since_ms: int, until_ms: int) -> Tally:
    spans = one.spans
    opened = [
        begin
        for begin, state in zip(spans.begins[1:], spans.states[1:], strict=True)
        if state is _OPEN and since_ms <= begin < until_ms
    ]
    through = failures.copy()
    for day, count in one.refused.bad.items():
        through[day] = through.get(day, 0) - count
    for day, count in one.filling.failures.items():
        through[day] = through.get(day, 0) + count
    return Tally(
        openings=openings_by_day(opened),
        open_ms=length_by_day(filter(is_open, spans.all(since_ms, until_ms))),
        failures=through,
        good_refused=one.refused.good,
    )
