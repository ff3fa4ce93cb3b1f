"""The proposed circuit: what the recorded calls would have done to it.

A call of the record is one of this circuit's too if it would have let it through when the call
began. While both circuits are in a state by the same transition ("in step"), the record itself
says which calls belong to it, and nothing has to be worked out from times.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from fuseline.core.circuit import (
    Change,
    Circuit,
    CircuitState,
    ConfigApplied,
    ModeChanged,
    Transition,
)
from fuseline.core.control import apply_control
from fuseline.core.counting import count_outcome
from fuseline.core.events import ConfigChanged, Mode, Outcome, ProbeStarted, Result
from fuseline.core.fold import advance_in_place, end_probe
from fuseline.core.ids import parse_id
from fuseline.core.what_if.block import Block
from fuseline.core.what_if.filling import Filling
from fuseline.core.what_if.patch import Patch, patched, patched_event
from fuseline.core.what_if.recorded import Recorded
from fuseline.core.what_if.refused import Refused
from fuseline.core.what_if.spans import Spans
from fuseline.core.what_if.step import Step
from fuseline.core.what_if.unseen import Assumption

_CLOSED, _OPEN = CircuitState.CLOSED, CircuitState.OPEN
_TIMEOUT = Result.TIMEOUT


class Proposed:
    """One proposed circuit under one assumption on the calls that nobody saw.

    Args:
        recorded: stands where the settings would have been changed.
        patch: what would have been changed.
        at_ms: when.

    Attributes:
        circuit: as it stands.
        spans: its states so far.
        filling: the calls that are assumed.
        refused: the calls on record that it would have refused.
    """

    def __init__(self, recorded: Recorded, patch: Patch, at_ms: int) -> None:
        self.circuit = circuit = recorded.circuit.copy()
        self._patch = patch
        self._step = Step(recorded.view, recorded.first_ms or at_ms)
        self.spans = Spans(circuit.state, circuit.since_ms, circuit.epoch)
        if circuit.mode is not Mode.AUTO:
            self.spans.mode(circuit.mode, circuit.since_ms)
        self.filling = Filling(at_ms)
        self.refused = Refused()
        self._denied: set[str] = set()
        self._made: list[Transition] = []
        config = patched(circuit.config, patch)
        if config != circuit.config and not circuit.removed:
            changes: list[Change] = []
            apply_control(
                circuit, ConfigChanged(circuit.revision, config.to_wire()), at_ms, changes
            )
            advance_in_place(circuit, at_ms, changes)
            self._heed(changes)

    def under(self, assumption: Assumption) -> Proposed:
        """The same circuit, that goes on under another assumption."""
        twin = Proposed.__new__(Proposed)
        twin.__dict__.update(self.__dict__)
        twin.circuit = self.circuit.copy()
        twin._step, twin.refused = self._step.copy(), self.refused.copy()
        twin.spans, twin.filling = self.spans.copy(), self.filling.copy(assumption)
        twin._denied, twin._made = self._denied.copy(), []
        return twin

    def plain(self) -> list[Any]:
        """What goes on, beside circuit and settings, as values that can be stored."""
        return [
            *self._step.plain(),
            *(self.spans.plain(), self.filling.plain(), self._step.is_kept, sorted(self._denied)),
        ]

    @classmethod
    def of_plain(cls, circuit: Circuit, patch: Patch, values: list[Any]) -> Proposed:
        """What `plain` gave, with the circuit and the settings."""
        *step, spans, filling, in_step, denied = values
        found = cls.__new__(cls)
        found.circuit, found._patch = circuit, patch
        found._step, found._denied = Step.of_plain(step, in_step), set(denied)
        found.spans, found.filling = Spans.of_plain(spans), Filling.of_plain(filling)
        found.refused, found._made = Refused(), []
        return found

    def drain(self) -> list[Transition]:
        """The transitions since the last time."""
        made, self._made = self._made, []
        return made

    def forget(self, kept: int) -> None:
        """Drops what only figures need, and all but the newest of what calls may refer to."""
        self._made.clear()
        self.spans.forget(kept)
        self.filling.forget()
        self.refused.clear()
        if len(self._denied) > kept:  # of rounds long past
            self._denied = set(sorted(self._denied, key=parse_id)[-kept:])

    def take(self, block: Block) -> None:
        """Folds the next entries of the record."""
        place = 0
        for stop in block.notes:
            if place < stop:
                self._take_plain(block, place, stop)
            self._take_noted(block, stop)
            place = stop + 1
        if place < len(block.entries):
            self._take_plain(block, place, len(block.entries))
        self._follow(block.at_end)
        self._pass_time(block.end_ms)

    def _take_plain(self, block: Block, place: int, stop: int) -> None:
        """Calls while the recorded circuit was CLOSED."""
        circuit = self.circuit
        while place < stop:
            ms = block.entries[place][0]
            if ms >= circuit.next_deadline_ms:
                self._pass_time(ms)
            if circuit.state is _CLOSED:
                place = self._count(block, place, stop)
            elif circuit.state is _OPEN:
                place = self._refuse_plain(block, place, stop)
            else:
                self._take_outcome(block, place)
                place += 1
        circuit.last_ms, circuit.last_seq = block.entries[stop - 1][:2]

    def _count(self, block: Block, place: int, stop: int) -> int:
        """Counts calls until one makes the circuit open; the first place not taken."""
        circuit = self.circuit
        if not self._step.is_kept:
            since = circuit.since_ms
            while place < stop and block.earliest(place) < since:
                self._take_outcome(block, place)
                place += 1
                if circuit.state is not _CLOSED:
                    return place
        marks = block.marks(circuit.slow_ms)
        for at in range(bisect_left(marks, place), bisect_left(marks, stop)):
            mark = marks[at]
            block.count(circuit, place, mark)
            ms, seq, event = block.entries[mark]
            circuit.last_ms, circuit.last_seq = ms, seq
            changes: list[Change] = []
            assert isinstance(event, Outcome)
            count_outcome(circuit, event, ms, changes)
            place = mark + 1
            if changes:
                self._heed(changes)
                return place
        block.count(circuit, place, stop)
        return stop

    def _refuse_plain(self, block: Block, place: int, stop: int) -> int:
        """Refuses calls until the circuit may let one through; the first place not taken."""
        deadline, since = self.circuit.next_deadline_ms, self.circuit.since_ms
        stop = bisect_left(block.ms, deadline, place, stop)
        while place < stop and block.earliest(place) < since:
            self._take_outcome(block, place)
            place += 1
        self.refused.add_plain(block, place, stop)
        return stop

    def _take_noted(self, block: Block, place: int) -> None:
        """An entry of any kind, wherever the recorded circuit stands."""
        circuit, note = self.circuit, block.notes[place]
        ms, seq, event = block.entries[place]
        self._follow(note.by_time)
        self._pass_time(ms)
        circuit.last_ms, circuit.last_seq = ms, seq
        changes: list[Change] = []
        if isinstance(event, Outcome):
            if note.fresh is not None:
                self._take_outcome(block, place)
        elif isinstance(event, ProbeStarted):
            if note.fresh:
                self._start_probe(event, ms, changes)
        else:
            if isinstance(event, ConfigChanged):
                event = patched_event(event, self._patch)
            apply_control(circuit, event, ms, changes)
        if ms >= circuit.next_deadline_ms:  # as the fold does
            advance_in_place(circuit, ms, changes)
        self._heed(changes)
        self._follow(note.by_event)

    def _start_probe(self, event: ProbeStarted, ms: int, changes: list[Change]) -> None:
        """A probe on record is one of this circuit too while both are in the same round."""
        circuit = self.circuit
        if not self._step.is_kept:
            return
        if circuit.probe_places <= 0:
            self._denied.add(circuit.checkpoint)
            return
        more = circuit.config.probe_lease_seconds - self._step.view.config.probe_lease_seconds
        lease_ms = max(0, event.lease_ms + round(more * 1000))
        apply_control(circuit, ProbeStarted(circuit.epoch, lease_ms), ms, changes)

    def _take_outcome(self, block: Block, place: int) -> None:
        """A call on record: let through, and perhaps counted, or refused."""
        circuit, spans = self.circuit, self.spans
        ms, seq, event = block.entries[place]
        assert isinstance(event, Outcome)
        began = block.began[place]
        span, is_tied = spans.find(event.epoch, began)
        if span < 0:
            return  # it began before the settings would have been changed
        if is_tied and event.permit in self._denied:
            self.refused.add(event, ms)
            return
        is_current = span == spans.last
        state = spans.states[span]
        circuit.last_ms, circuit.last_seq = ms, seq
        changes: list[Change] = []
        if is_current and state is _CLOSED:
            count_outcome(circuit, event, ms, changes)
        elif is_current and is_tied:
            if event.permit is not None and circuit.probes.pop(event.permit, None) is not None:
                self._end_probe(event, ms, changes)
        elif state is not _CLOSED and not is_tied and not spans.was_forced(began):
            self._judge(span, event, ms, changes)
        self._heed(changes)

    def _judge(self, span: int, event: Outcome, ms: int, changes: list[Change]) -> None:
        """A call that began while this circuit was not CLOSED and the recorded one was elsewhere.

        Which calls of a round would have been its probes is not known; those that end first are
        taken, up to the limit.
        """
        circuit, spans = self.circuit, self.spans
        if spans.states[span] is _OPEN:
            self.refused.add(event, ms)
        elif span < spans.last:
            if spans.places[span] > 0:
                spans.places[span] -= event.result <= _TIMEOUT
            else:
                self.refused.add(event, ms)
        elif (
            event.permit is not None and circuit.probes.pop(event.permit, None) is not None
        ) or circuit.probe_places > 0:
            self._end_probe(event, ms, changes)
        else:
            self.refused.add(event, ms)

    def _end_probe(self, event: Outcome, ms: int, changes: list[Change]) -> None:
        end_probe(self.circuit, event, ms, changes)
        self.circuit.derive_deadline()

    def _pass_time(self, now_ms: int) -> None:
        """Lets time pass, with the calls that are assumed where nobody saw any."""
        circuit = self.circuit
        while True:
            at_ms = min(circuit.next_deadline_ms, now_ms)
            changes: list[Change] = []
            if self._step.hides(circuit):
                self.filling.fill(circuit, at_ms, self._step.view.interval_ms, changes)
            else:
                self.filling.skip(at_ms)
            if not changes and circuit.next_deadline_ms <= now_ms:
                advance_in_place(circuit, circuit.next_deadline_ms, changes)
                if not changes:  # a place of a round came back
                    continue
            if not changes:
                return
            self._heed(changes)

    def _follow(self, changes: list[Change]) -> None:
        """The recorded circuit changed."""
        for change in changes:
            if isinstance(change, Transition | ModeChanged | ConfigApplied):
                self._pass_time(change.at_ms)
            self._step.recorded_changed(change)
            if self._step.view.state is _CLOSED:
                self.filling.end_outage()
            self._compare()

    def _heed(self, changes: list[Change]) -> None:
        """This circuit changed."""
        for change in changes:
            if isinstance(change, Transition):
                figures = change.figures
                used = figures.probe_successes + (change.cause == "probe_failed")
                left = max(0, self.circuit.config.half_open_max_calls - used)
                self.spans.begin(change.to_state, change.at_ms, left)
                self._step.proposed_changed(change)
                self._made.append(change)
            elif isinstance(change, ModeChanged):
                self.spans.mode(change.mode, change.at_ms)
        if changes:
            self._compare()

    def _compare(self) -> None:
        if self._step.compare():
            self.spans.tie(self._step.view.epoch)
