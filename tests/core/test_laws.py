"""The laws of the fold, on random logs."""

import itertools
import random
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from fuseline.core.circuit import Cause, Change, Circuit, CircuitState, Transition
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.counting import count_successes
from fuseline.core.events import Entry, Outcome, Result, Tick
from fuseline.core.fold import advance, apply, fold, initial
from tests.core.logs import configs, enabled_configs, logs, ops, pauses, random_config, random_op
from tests.core.naive import NaiveBreaker, recount
from tests.core.play import T0, but_checkpoint
from tests.core.twins import Twins, summary

pytestmark = pytest.mark.usefixtures("soon_usual")

LATER = 100_000_000
"""Long after every deadline of any log here."""

laws = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None
)

Log = tuple[CircuitBreakerConfig, list[Entry]]


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
    for start, end in itertools.pairwise(places):
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
    circuit, _ = fold(initial(config), entries[:cut])
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
@given(logs(), st.integers(1, 20), st.integers(-1, 1), st.integers(0, 5000))
def test_counting_quick_successes_at_once_is_folding_them(
    log: Log, count: int, off: int, pause: int
) -> None:
    circuit, _ = fold(initial(log[0]), log[1])
    now = max(circuit.last_ms, T0) + pause
    circuit, _ = advance(circuit, now)
    epoch, seq = circuit.epoch + off, circuit.last_seq
    one_by_one, changes = fold(
        circuit, [(now, seq + i + 1, Outcome(epoch, Result.SUCCESS, 0)) for i in range(count)]
    )
    count_successes(circuit, count, epoch, now, seq + count)
    assert circuit == one_by_one
    assert not changes


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
        # A removal is a transition from CLOSED too: what was under way must not count any more.
        assert change.to_state is not change.from_state or change.cause is Cause.REMOVED
        states.append(change.to_state)
        assert (change.event_id == "") == (change.cause == "open_time_over")
        assert not change.event_id or ids[change.event_id] <= change.at_ms
        assert (change.open_until_ms > change.at_ms) == (change.to_state is CircuitState.OPEN)
        assert change.figures.failures <= change.figures.calls >= change.figures.slow


@pytest.mark.parametrize("seed", range(60))
def test_the_fold_and_the_naive_breaker_never_differ_in_a_long_life(seed: int) -> None:
    """Hypothesis shrinks well and lives short; these logs open and close hundreds of times."""
    rng = random.Random(seed)
    twins = Twins(random_config(rng))
    for _ in range(300):
        pause = rng.choice((0, 1, rng.randint(0, 60), rng.randint(0, 2500)))
        if rng.random() < 0.15:
            twins.wait(pause)
        else:
            twins.live(pause, random_op(rng))
    twins.end()


class TwoBreakers(RuleBasedStateMachine):
    """The same with shrinking: whatever happens, in whatever order."""

    twins: Twins | None = None

    @initialize(config=enabled_configs)
    def start(self, config: CircuitBreakerConfig) -> None:
        self.twins = Twins(config)

    @rule(pause=pauses, op=ops)
    def something_happens(self, pause: int, op: tuple[str, Any]) -> None:
        assert self.twins is not None
        self.twins.live(pause, op)

    @rule(pause=pauses)
    def time_passes(self, pause: int) -> None:
        assert self.twins is not None
        self.twins.wait(pause)

    def teardown(self) -> None:
        if self.twins is not None:
            self.twins.end()


TwoBreakers.TestCase.settings = settings(
    laws, max_examples=60, stateful_step_count=50, deadline=None
)
TestTwoBreakers = TwoBreakers.TestCase
