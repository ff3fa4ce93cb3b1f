"""The recorded circuit, folded beside what a proposed one needs to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from fuseline.core.circuit import (
    NEVER_MS,
    Change,
    Circuit,
    CircuitState,
    ConfigApplied,
    ModeChanged,
    Transition,
)
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.counting import count_outcome
from fuseline.core.events import Entry, Mode, Outcome, ProbeStarted, Result
from fuseline.core.fold import advance_in_place, fold_in_place
from fuseline.core.ids import parse_id
from fuseline.core.what_if.block import DAY_MS, Block, Note
from fuseline.core.what_if.unseen import DEFAULT_INTERVAL_MS, call_interval_ms

_CLOSED, _HALF_OPEN = CircuitState.CLOSED, CircuitState.HALF_OPEN
_SUCCESS, _TIMEOUT = Result.SUCCESS, Result.TIMEOUT

Key = tuple[int, str, str, str]
"""What tells a transition from another one of the same log, under whatever settings."""


def key_of(change: Transition) -> Key:
    """When, from where, to where, and by which event."""
    return change.at_ms, change.from_state, change.to_state, change.event_id


def position_of(change: Change) -> tuple[int, int]:
    """Up to where the log must be folded for a change to be known.

    What time alone decided comes before the events of the same ms.
    """
    if change.event_id:
        ms, seq = parse_id(change.event_id)
        if ms == change.at_ms:
            return ms, seq
    return change.at_ms, -1


class View(Struct):
    """How the recorded circuit stands, as far as a proposed one has to know.

    Attributes:
        key: of the last transition; None before the first.
        limit: probes of a round.
        interval_ms: between calls, as they came before it last left CLOSED.
    """

    state: CircuitState
    mode: Mode
    epoch: int
    since_ms: int
    config: CircuitBreakerConfig
    key: Key | None = None
    interval_ms: float = DEFAULT_INTERVAL_MS

    def plain(self) -> list[Any]:
        """All of it as values that can be stored."""
        return [
            *(self.state.value, self.mode, self.epoch, self.since_ms),
            *(self.config.to_wire(), self.key, self.interval_ms),
        ]

    @classmethod
    def of_plain(cls, values: list[Any]) -> View:
        """What `plain` gave."""
        state, mode, epoch, since_ms, config, key, interval_ms = values
        config = CircuitBreakerConfig.from_wire(config)
        key = None if key is None else tuple(key)
        return cls(CircuitState(state), Mode(mode), epoch, since_ms, config, key, interval_ms)

    @classmethod
    def of(cls, circuit: Circuit) -> View:
        """That of a circuit."""
        return cls(circuit.state, circuit.mode, circuit.epoch, circuit.since_ms, circuit.config)

    def take(self, change: Change, first_ms: int) -> None:
        """Follows a change of the recorded circuit; `first_ms` is when the record begins."""
        if isinstance(change, Transition):
            if change.from_state is _CLOSED and change.to_state is not _CLOSED:
                closed_ms = self.since_ms or first_ms
                self.interval_ms = call_interval_ms(change, self.config, closed_ms)
            self.state, self.epoch = change.to_state, change.epoch
            self.since_ms, self.key = change.at_ms, key_of(change)
        elif isinstance(change, ModeChanged):
            self.mode = change.mode
        elif isinstance(change, ConfigApplied):
            self.config = CircuitBreakerConfig.from_wire(change.config)


class Recorded:
    """Folds a log as it was.

    Args:
        circuit: before the first entry; it is changed.

    Attributes:
        circuit: after the last entry.
        view: of it.
        transitions: so far.
        failures: by day since 1970, from when `counting` is set on.
    """

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.view = View.of(circuit)
        self.transitions: list[Transition] = []
        self.failures: dict[int, int] = {}
        self.counting = False
        self._first_ms = 0
        self._begins: dict[int, int] = {circuit.epoch: circuit.since_ms}

    def snapshot(self) -> Recorded:
        """A copy of how it stands, that proposals begin with."""
        twin = Recorded(self.circuit.copy())
        twin.view = replace(self.view)
        twin.transitions, twin._first_ms = self.transitions.copy(), self._first_ms
        return twin

    def plain(self) -> list[Any]:
        """What goes on, beside the circuit, as values that can be stored."""
        return [self.view.plain(), self._first_ms, self._begins]

    @classmethod
    def of_plain(cls, circuit: Circuit, values: list[Any]) -> Recorded:
        """What `plain` gave, and the circuit."""
        found = cls(circuit)
        view, found._first_ms, found._begins = values
        found.view = View.of_plain(view)
        return found

    def forget(self, kept: int) -> None:
        """Drops what only long answers need, and all but the newest epochs."""
        self.transitions.clear()
        self.failures.clear()
        for epoch in list(self._begins)[:-kept]:
            del self._begins[epoch]

    @property
    def first_ms(self) -> int:
        """When the first entry was; 0 without one."""
        return self._first_ms

    def advance(self, now_ms: int) -> Block:
        """Lets time pass without an entry."""
        changes: list[Change] = []
        advance_in_place(self.circuit, now_ms, changes)
        self._heed(changes)
        return Block(end_ms=now_ms, at_end=changes)

    def take(self, entries: Sequence[Entry]) -> Block:
        """Folds the next entries; what was folded already is passed over."""
        circuit, block = self.circuit, Block()
        add, add_ms, add_ended = block.entries.append, block.ms.append, block.ended.append
        add_began, add_took = block.began.append, block.took.append
        plain, epoch = self._is_plain(), circuit.epoch
        since, slow_ms = circuit.since_ms, circuit.slow_ms
        last_ms, last_seq = circuit.last_ms, circuit.last_seq
        counted = 0  # up to here everything is in the circuit
        if not self._first_ms:
            self._first_ms = entries[0][0] if entries else 0
        for entry in entries:
            ms, seq, event = entry
            if ms < last_ms or (ms == last_ms and seq <= last_seq):
                continue
            last_ms, last_seq = ms, seq
            if plain and type(event) is Outcome and event.epoch == epoch:
                result = event.result
                if result <= _TIMEOUT:
                    ended, took = ms - event.age_ms, event.duration_ms
                    add(entry)
                    add_ms(ms)
                    add_ended(ended)
                    add_began(ended - took if ended - took > since else since)  # noqa: FURB136
                    if result is _SUCCESS:
                        add_took(took)
                        if took < slow_ms:
                            continue
                    else:
                        add_took(NEVER_MS)
                    self._count(block, counted)
                    counted = len(block.entries)
                    plain, epoch, since = self._is_plain(), circuit.epoch, circuit.since_ms
                    continue
            block.count(circuit, counted, len(block.entries))
            self._note(block, entry)
            counted = len(block.entries)
            plain, epoch = self._is_plain(), circuit.epoch
            since, slow_ms = circuit.since_ms, circuit.slow_ms
        block.count(circuit, counted, len(block.entries))
        circuit.last_ms, circuit.last_seq = last_ms, last_seq
        block.end_ms = last_ms
        return block

    def _count(self, block: Block, counted: int) -> None:
        """Counts the last call of a block, which may open, after those before it."""
        circuit = self.circuit
        place = len(block.entries) - 1
        block.count(circuit, counted, place)
        ms, seq, event = block.entries[place]
        circuit.last_ms, circuit.last_seq = ms, seq
        changes: list[Change] = []
        assert isinstance(event, Outcome)
        if self.counting and event.result is not _SUCCESS:
            self.failures[ms // DAY_MS] = self.failures.get(ms // DAY_MS, 0) + 1
        count_outcome(circuit, event, ms, changes)
        if changes:
            block.notes[place] = Note([], changes, True)
            self._heed(changes)

    def _is_plain(self) -> bool:
        return self.circuit.state is _CLOSED and self.circuit.mode is Mode.AUTO

    def _note(self, block: Block, entry: Entry) -> None:
        """Folds an entry that is more than a call in CLOSED."""
        circuit = self.circuit
        ms, _, event = entry
        by_time: list[Change] = []
        advance_in_place(circuit, ms, by_time)
        self._heed(by_time)
        ended = began = ms
        fresh: bool | None = None
        if isinstance(event, Outcome):
            ended = ms - event.age_ms
            began = ended - event.duration_ms
            fresh = None if event.epoch > circuit.epoch else event.epoch == circuit.epoch
            if fresh:
                began = max(began, circuit.since_ms)
            else:  # the record says that it began before the next epoch did
                after_ms = self._begins.get(event.epoch + 1)
                first_ms = next(iter(self._begins.values())) if after_ms is None else after_ms
                began = min(began, first_ms - 1)
            if self.counting and _SUCCESS < event.result <= _TIMEOUT:
                self.failures[ms // DAY_MS] = self.failures.get(ms // DAY_MS, 0) + 1
        elif isinstance(event, ProbeStarted):
            is_due = circuit.state is _HALF_OPEN and event.epoch == circuit.epoch
            fresh = is_due and circuit.probe_places > 0
        by_event = fold_in_place(circuit, [entry])
        block.notes[len(block.entries)] = Note(by_time, by_event, fresh)
        block.entries.append(entry)
        block.ms.append(ms)
        block.ended.append(ended)
        block.began.append(began)
        block.took.append(NEVER_MS)
        self._heed(by_event)

    def _heed(self, changes: list[Change]) -> None:
        for change in changes:
            self.view.take(change, self._first_ms)
            if isinstance(change, Transition):
                self.transitions.append(change)
                self._begins[change.epoch] = change.at_ms
