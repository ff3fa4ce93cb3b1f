"""The recorded circuit, folded beside what a proposed one needs to know of it."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field
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
from fuseline.core.events import Mode, Outcome, ProbeStarted, Result
from fuseline.core.fold import Entry, advance_in_place, fold_in_place
from fuseline.core.what_if.unseen import DEFAULT_INTERVAL_MS, call_interval_ms

_CLOSED, _HALF_OPEN = CircuitState.CLOSED, CircuitState.HALF_OPEN
_SUCCESS, _TIMEOUT = Result.SUCCESS, Result.TIMEOUT
DAY_MS = 86_400_000

Key = tuple[int, str, str, str]
"""What tells a transition from another one of the same log, under whatever settings."""


def key_of(change: Transition) -> Key:
    """When, from where, to where, and by which event."""
    return change.at_ms, change.from_state, change.to_state, change.event_id


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

    @classmethod
    def of(cls, circuit: Circuit) -> View:
        """That of a circuit."""
        return cls(circuit.state, circuit.mode, circuit.epoch, circuit.since_ms, circuit.config)

    def take(self, change: Change, first_ms: int) -> None:
        """Follows a change of the recorded circuit; `first_ms` is when the record begins."""
        if isinstance(change, Transition):
            if change.from_state is _CLOSED and change.to_state is not _CLOSED:
                closed_ms = max(self.since_ms, first_ms)
                self.interval_ms = call_interval_ms(change, self.config, closed_ms)
            self.state, self.epoch = change.to_state, change.epoch
            self.since_ms, self.key = change.at_ms, key_of(change)
        elif isinstance(change, ModeChanged):
            self.mode = change.mode
        elif isinstance(change, ConfigApplied):
            self.config = CircuitBreakerConfig.from_wire(change.config)


class Note(Struct):
    """What the recorded circuit did at an entry.

    Attributes:
        by_time: changes that time alone made since the entry before.
        by_event: changes that the entry made.
        fresh: whether an outcome is of the epoch the circuit was in, and a probe took a place;
            None: an outcome of an epoch to come.
    """

    by_time: list[Change]
    by_event: list[Change]
    fresh: bool | None = None


class Block(Struct):
    """Entries in columns.

    All but those in `notes` are plain: calls that succeeded or failed while the recorded circuit
    was CLOSED and nobody had forced it, and that it counted in its epoch.

    Attributes:
        entries: the entries.
        ended: when a call ended, by the server's clock.
        began: when a call began, as far as the epochs of the record agree.
        quick: its length in ms if it succeeded; beyond any limit for slow calls if it failed.
        notes: by place, for entries that are not plain.
        end_ms: up to where time has come.
        at_end: changes that time alone made between the last entry and `end_ms`.
    """

    entries: list[Entry] = field(default_factory=list)
    ended: list[int] = field(default_factory=list)
    began: list[int] = field(default_factory=list)
    quick: list[int] = field(default_factory=list)
    notes: dict[int, Note] = field(default_factory=dict)
    end_ms: int = 0
    at_end: list[Change] = field(default_factory=list)


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
        self.successes = False  # whether any call has succeeded
        self.counting = False
        self._first_ms = 0
        self._begins: dict[int, int] = {circuit.epoch: circuit.since_ms}

    def snapshot(self) -> Recorded:
        """A copy of how it stands, that proposals begin with."""
        twin = Recorded(self.circuit.copy())
        twin.view = replace(self.view)
        twin.transitions, twin._first_ms = self.transitions.copy(), self._first_ms
        return twin

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

    def take(self, entries: Sequence[Entry]) -> Block:  # noqa: C901 - one loop, run for each call
        """Folds the next entries; what was folded already is passed over."""
        circuit, block = self.circuit, Block()
        kept, all_ended, all_began, all_quick = (
            block.entries, block.ended, block.began, block.quick,
        )  # fmt: skip
        low = high = limit = -1  # a quick success that ends between them only adds to one bucket
        pending = 0
        plain = self._is_plain()
        epoch, since, slow_ms = circuit.epoch, circuit.since_ms, circuit.slow_ms
        deadline = circuit.next_deadline_ms
        last_ms, last_seq = circuit.last_ms, circuit.last_seq
        if not self._first_ms:
            self._first_ms = entries[0][0] if entries else 0
        for entry in entries:
            ms, seq, event = entry
            if ms < last_ms or (ms == last_ms and seq <= last_seq):
                continue
            last_ms, last_seq = ms, seq
            if plain and type(event) is Outcome and ms < deadline and event.epoch == epoch:
                result = event.result
                if result <= _TIMEOUT:
                    ended = ms - event.age_ms
                    took = event.duration_ms
                    began = ended - took
                    kept.append(entry)
                    all_ended.append(ended)
                    all_began.append(max(since, began))
                    if result is _SUCCESS:
                        all_quick.append(took)
                        if low <= ended < high and ms < limit and took < slow_ms:
                            pending += 1
                            continue
                        self.successes = True
                    else:
                        all_quick.append(NEVER_MS)
                        if self.counting:
                            day = ms // DAY_MS
                            self.failures[day] = self.failures.get(day, 0) + 1
                    if pending:
                        add_successes(circuit, pending)
                        pending = 0
                    circuit.last_ms, circuit.last_seq = ms, seq
                    changes: list[Change] = []
                    count_outcome(circuit, event, ms, changes)
                    if changes:
                        block.notes[len(kept) - 1] = Note([], changes, True)
                        self._heed(changes)
                        plain, epoch, since = self._is_plain(), circuit.epoch, circuit.since_ms
                        deadline = circuit.next_deadline_ms
                    low, high, limit = newest_bucket(circuit)
                    continue
            if pending:
                add_successes(circuit, pending)
                pending = 0
            self._note(block, entry)
            plain, epoch, since = self._is_plain(), circuit.epoch, circuit.since_ms
            slow_ms, deadline = circuit.slow_ms, circuit.next_deadline_ms
            low, high, limit = newest_bucket(circuit)
        if pending:
            add_successes(circuit, pending)
        circuit.last_ms, circuit.last_seq = last_ms, last_seq
        block.end_ms = last_ms
        return block

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
        block.ended.append(ended)
        block.began.append(began)
        block.quick.append(NEVER_MS)
        self._heed(by_event)

    def _heed(self, changes: list[Change]) -> None:
        for change in changes:
            self.view.take(change, self._first_ms)
            if isinstance(change, Transition):
                self.transitions.append(change)
                self._begins[change.epoch] = change.at_ms


def newest_bucket(circuit: Circuit) -> tuple[int, int, int]:
    """Between which times a call must end to fall into the newest bucket, and be logged before.

    Only what is logged before the last of them is not too old for the window.
    """
    if circuit.state is not _CLOSED or not circuit.buckets:
        return -1, -1, -1
    index, width = circuit.buckets[-1][0], circuit.bucket_ms
    return index * width, (index + 1) * width, (index + circuit.bucket_count) * width


def add_successes(circuit: Circuit, count: int) -> None:
    """Counts quick successes that ended in the newest bucket."""
    circuit.buckets[-1][1] += count
    circuit.calls += count
    circuit.consecutive_failures = 0
