"""The laws of the fold, on random logs."""

from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from fuseline.core.circuit import Change, Circuit, CircuitState, Transition
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import ConfigChanged, Outcome, ProbeStarted, Result, Tick
from fuseline.core.fold import Entry, advance, apply, fold, initial

from tests.core.logs import LogWriter, configs, logs, ops, pauses
from tests.core.naive import NaiveBreaker, recount
from tests.core.play import T0, but_checkpoint

LATER = 100_000_000
"""Long after every deadline of any log here."""

laws = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)

Log = tuple[CircuitBreakerConfig, list[Entry]]


def summary(changes: list[Change]) -> list[tuple[int, str, str, str, int]]:
    """The transitions as the naive breaker tells them."""
    return [
        (c.at_ms, c.from_state.value, c.to_state.value, c.cause.value, c.open_until_ms)
        for c in changes
        if isinstance(c, Transition)
    ]


def played(log: Log) -> tuple[Circuit, list[Change]]:
    config, entries = log
    circuit, changes = fold(initial(config), entries)
    end = entries[-1][0] if entries else T0
    circuit, more = advance(circuit, end + LATER)
    return circuit, changes + more


@laws
@given(logs(), st.data())
def test_extra_ticks_change_nothing(log: Log, data: st.DataObject) -> None:
    """Neither a Tick in the log nor an advance at any moment between two events."""
    config, entries = log
    circuit, changes = initial(config), list[Change]()
    before = T0
    for ms, seq, event in entries:
        for kind in data.draw(st.lists(st.sampled_from(["tick", "advance"]), max_size=2)):
            at = data.draw(st.integers(before, ms))
            if kind == "tick":
                circuit, more = apply(circuit, Tick(), at, seq - 1)
            else:
                circuit, more = advance(circuit, at)
            changes += more
            before = at
        circuit, more = apply(circuit, event, ms, seq)
        changes += more
        before = ms
    circuit, more = advance(circuit, before + LATER)
    expected, expected_changes = played(log)
    assert changes + more == expected_changes
    assert but_checkpoint(circuit) == but_checkpoint(expected)


@laws
@given(logs(), st.lists(st.integers(0, 60), max_size=4))
def test_splitting_a_log_anywhere_changes_nothing(log: Log, cuts: list[int]) -> None:
    config, entries = log
    circuit, changes = initial(config), list[Change]()
    places = [0, *sorted(min(cut, len(entries)) for cut in cuts), len(entries)]
    for start, end in zip(places, places[1:], strict=False):
        circuit, more = fold(circuit, entries[start:end])
        changes += more
    assert (circuit, changes) == fold(initial(config), entries)


@laws
@given(logs(), st.integers(0, 60))
def test_reading_entries_again_changes_nothing(log: Log, cut: int) -> None:
    config, entries = log
    circuit, changes = fold(initial(config), entries[:cut])
    circuit, more = fold(circuit, entries)
    assert (circuit, changes + more) == fold(initial(config), entries)


@laws
@given(logs(), st.integers(0, 60))
def test_encoding_and_decoding_in_mid_log_changes_nothing(log: Log, cut: int) -> None:
    codec = pytest.importorskip("fuseline.projections.codec")
    config, entries = log
    circuit, changes = fold(initial(config), entries[:cut])
    twin = codec.decode_circuit(codec.encode_circuit(circuit))
    assert twin == circuit
    assert fold(twin, entries[cut:]) == fold(circuit, entries[cut:])
    assert codec.encode_circuit(twin) == codec.encode_circuit(circuit)


@laws
@given(logs())
def test_the_fold_agrees_with_the_naive_breaker(log: Log) -> None:
    config, entries = log
    naive = NaiveBreaker(config)
    for ms, seq, event in entries:
        naive.event(ms, seq, event)
    naive.time_passes((entries[-1][0] if entries else T0) + LATER)
    circuit, changes = played(log)
    target(float(len(naive.story)))
    assert summary(changes) == naive.story
    assert (circuit.state.value, circuit.epoch) == (naive.state, naive.epoch)


@laws
@given(
    configs,
    st.lists(
        st.tuples(
            st.integers(0, 400),
            st.sampled_from(Result),
            st.sampled_from([0, 99, 100, 300]),
            st.integers(0, 4000),
        ),
        max_size=80,
    ),
    st.integers(0, 4000),
    st.booleans(),
)
def test_figures_equal_a_recount_of_the_raw_outcomes(
    config: CircuitBreakerConfig,
    calls: list[tuple[int, Result, int, int]],
    pause: int,
    reopened: bool,
) -> None:
    """In a period that began with the log, and in one that began with a transition."""
    config = msgspec.structs.replace(config, enabled=False)
    circuit, now = initial(config), T0
    if reopened:
        circuit.epoch, circuit.since_ms = 6, T0
    raw = []
    for seq, (gap, result, duration, age) in enumerate(calls):
        now += gap
        outcome = Outcome(circuit.epoch, result, duration, age)
        raw.append((now, outcome))
        circuit, _ = apply(circuit, outcome, now, seq + 1)
    now += pause
    seen = circuit.at(now)
    figures = (seen.calls, seen.failures, seen.slow, seen.consecutive_failures)
    assert figures == recount(config, circuit.since_ms, raw, now)


@laws
@given(logs(), st.integers(1, 5), st.sampled_from(Result), st.integers(0, 5000))
def test_late_results_never_move_the_state(
    log: Log, behind: int, result: Result, pause: int
) -> None:
    circuit, _ = fold(initial(log[0]), log[1])
    now = max(circuit.last_ms, T0) + pause
    waited, due = advance(circuit, now)
    for permit in [None, *circuit.probes]:
        late = Outcome(waited.epoch - behind, result, 9999, permit=permit, retry_after_ms=9999)
        after, changes = apply(circuit, late, now, circuit.last_seq + 1)
        assert changes == due
        assert but_checkpoint(after) == but_checkpoint(waited)


@laws
@given(logs())
def test_every_change_explains_itself(log: Log) -> None:
    _, changes = played(log)
    ids = {f"{ms}-{seq}": ms for ms, seq, _ in log[1]}
    times = [change.at_ms for change in changes]
    assert times == sorted(times)
    transitions = [c for c in changes if isinstance(c, Transition)]
    states = [CircuitState.CLOSED]
    for number, change in enumerate(transitions, 1):
        assert change.epoch == number
        assert change.from_state is states[-1]
        assert change.to_state is not change.from_state
        states.append(change.to_state)
        assert (change.event_id == "") == (change.cause == "open_time_over")
        assert not change.event_id or ids[change.event_id] <= change.at_ms
        assert (change.open_until_ms > change.at_ms) == (change.to_state is CircuitState.OPEN)
        assert change.figures.failures <= change.figures.calls >= change.figures.slow


class TwoBreakers(RuleBasedStateMachine):
    """The fold and the naive breaker live through the same events; they never differ."""

    @initialize(config=configs)
    def start(self, config: CircuitBreakerConfig) -> None:
        self.writer = LogWriter(config)
        self.circuit = initial(config)
        self.naive = NaiveBreaker(config)
        self.changes: list[Change] = []
        self.now = T0
        # Of the HALF_OPEN round now: its epoch, the largest limit in force, the permits spent.
        self.round = -1
        self.limit = 0
        self.spent: set[str] = set()

    @rule(pause=pauses, op=ops)
    def something_happens(self, pause: int, op: tuple[str, Any]) -> None:
        ms, seq, event = self.writer.write(self.now + pause - self.writer.now, op)
        self.now = ms
        waited, _ = advance(self.circuit, ms)
        untouched = msgspec.to_builtins(self.circuit)
        after, changes = apply(self.circuit, event, ms, seq)
        assert msgspec.to_builtins(self.circuit) == untouched
        self.naive.event(ms, seq, event)
        if isinstance(event, Outcome) and event.epoch != waited.epoch:
            assert but_checkpoint(after) == but_checkpoint(waited)
        if after.epoch == waited.epoch:
            self._same_round(waited, after, event)
        self.circuit = after
        self.changes += changes
        self._look()

    @rule(pause=pauses)
    def time_passes(self, pause: int) -> None:
        self.now += pause
        untouched = msgspec.to_builtins(self.circuit)
        after, changes = advance(self.circuit, self.now)
        assert msgspec.to_builtins(self.circuit) == untouched
        assert advance(after, self.now) == (after, [])
        self.naive.time_passes(self.now)
        self.circuit = after
        self.changes += changes
        self._look()

    def _same_round(self, before: Circuit, after: Circuit, event: Any) -> None:
        """What one event may do to the probes of a round that goes on."""
        gone = before.probes.keys() - after.probes.keys()
        if isinstance(event, ConfigChanged):
            assert after.probes == before.probes
        elif isinstance(event, ProbeStarted):
            started = after.probes.keys() - before.probes.keys()
            if started:
                used = len(after.probes) + after.probe_successes
                assert used <= after.config.half_open_max_calls
        elif isinstance(event, Outcome):
            assert gone <= {event.permit}
            if gone and event.result is Result.SUCCESS:
                self.spent |= gone

    def _look(self) -> None:
        circuit = self.circuit
        if circuit.epoch != self.round:
            self.round, self.limit, self.spent = circuit.epoch, 0, set()
        if circuit.state is CircuitState.HALF_OPEN:
            self.limit = max(self.limit, circuit.config.half_open_max_calls)
            assert len(self.spent) == circuit.probe_successes
            assert len(self.spent | circuit.probes.keys()) <= self.limit

    @invariant()
    def they_agree(self) -> None:
        if not hasattr(self, "circuit"):
            return
        circuit, naive = self.circuit, self.naive
        seen = circuit.at(self.now)
        assert circuit.state.value == naive.state
        assert summary(self.changes) == naive.story
        assert (seen.calls, seen.failures, seen.slow) == naive.seen(self.now)
        assert (circuit.mode, circuit.mode_until_ms or None) == (naive.mode, naive.mode_until)
        assert (circuit.opens_in_a_row, circuit.since_ms) == (naive.opens, naive.since)
        if naive.state == "closed":
            assert circuit.consecutive_failures == naive.streak()
        if naive.state == "open":
            assert circuit.open_until_ms == naive.open_until
        if naive.state == "half_open":
            assert circuit.probes == naive.out
            assert circuit.probe_successes == naive.good_probes
            assert circuit.probes_inconclusive == naive.lost_probes

    @invariant()
    def the_circuit_is_consistent(self) -> None:
        if not hasattr(self, "circuit"):
            return
        circuit = self.circuit
        twin = circuit.copy()
        twin.derive()
        assert twin == circuit
        assert circuit.next_deadline_ms > self.now
        assert circuit.epoch == len(summary(self.changes))
        sums = [sum(bucket[i] for bucket in circuit.buckets) for i in (1, 2, 3)]
        assert sums == [circuit.calls, circuit.failures, circuit.slow]
        indexes = [bucket[0] for bucket in circuit.buckets]
        assert indexes == sorted(set(indexes))
        assert len(indexes) <= 60
        assert bool(circuit.probes) <= (circuit.state is CircuitState.HALF_OPEN)

    def teardown(self) -> None:
        if hasattr(self, "circuit"):
            circuit, changes = fold(initial(self.writer.config), self.writer.entries)
            circuit, more = advance(circuit, self.now)
            assert changes + more == self.changes
            assert circuit == self.circuit


TwoBreakers.TestCase.settings = settings(
    laws, max_examples=100, stateful_step_count=60, deadline=None
)
TestTwoBreakers = TwoBreakers.TestCase
