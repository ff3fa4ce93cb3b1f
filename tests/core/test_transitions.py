"""The table of the breaker, row by row: events down, states across.

Thresholds, window, probes, open times and overrides have files of their own beside this one.
"""

import pytest

from fuseline.core.circuit import Figures
from fuseline.core.events import (
    Mode,
    Outcome,
    Result,
    Tick,
    UnknownEvent,
    UnreadableEvent,
)
from fuseline.core.fold import apply, fold, fold_in_place, initial
from tests.core.play import (
    BAD,
    CLOSED,
    HALF_OPEN,
    OPEN,
    T0,
    Player,
    nothing_happens,
    outcome,
)

ALL = list(Result)


class TestSuccessInClosed:
    def test_a_circuit_starts_closed_and_empty(self) -> None:
        p = Player()
        assert (p.state, p.circuit.epoch, p.figures) == (CLOSED, 0, (0, 0, 0))
        assert p.circuit.checkpoint == "0-0"

    def test_successes_fill_the_window_and_change_nothing_else(self) -> None:
        p = Player()
        p.succeeds(100)
        assert p.figures == (100, 0, 0)
        assert not p.changes

    def test_a_success_ends_the_streak(self) -> None:
        p = Player(failure_rate_threshold=None)
        p.fails(4)
        p.succeeds()
        assert p.circuit.consecutive_failures == 0
        p.fails(4)
        assert p.state is CLOSED
        p.fails()
        assert p.state is OPEN

    def test_a_success_is_never_what_opens(self) -> None:
        """Nine calls, eight of them failures: the tenth makes the rate count, and is a success."""
        p = Player(failure_threshold=None, minimum_calls=10)
        p.fails(9)
        p.succeeds()
        assert p.state is CLOSED
        p.fails()
        assert p.last.cause == "failure_rate"


class TestFailureInClosed:
    @pytest.mark.parametrize("result", BAD)
    def test_failures_and_timeouts_count(self, result: Result) -> None:
        p = Player()
        p.ends(result)
        assert p.figures == (1, 1, 0)
        assert p.circuit.consecutive_failures == 1

    @pytest.mark.parametrize("threshold", [1, 2, 5])
    def test_the_streak_opens_at_its_threshold_and_not_before(self, threshold: int) -> None:
        p = Player(failure_threshold=threshold, failure_rate_threshold=None)
        p.fails(threshold - 1)
        assert p.state is CLOSED
        p.fails()
        assert p.state is OPEN
        assert p.last.cause == "consecutive_failures"

    def test_the_streak_knows_no_window(self) -> None:
        p = Player(window_size_seconds=10)
        for _ in range(5):
            p.wait(1000)
            p.fails()
        assert p.last.cause == "consecutive_failures"
        assert p.figures == (1, 1, 0)

    def test_the_rate_opens_at_its_threshold(self) -> None:
        p = Player(failure_threshold=None, failure_rate_threshold=0.3)
        p.succeeds(7)
        p.fails(2)
        assert p.state is CLOSED
        p.fails()
        assert p.last.cause == "failure_rate"
        assert p.last.figures == Figures(10, 3, 0, 3, 1)

    def test_a_rate_below_its_threshold_does_not_open(self) -> None:
        p = Player(failure_threshold=None, failure_rate_threshold=0.3)
        p.succeeds(8)
        p.fails(3)
        assert p.circuit.failure_rate < 0.3
        assert p.state is CLOSED

    def test_a_rate_counts_from_minimum_calls_on(self) -> None:
        p = Player(failure_threshold=None, minimum_calls=4)
        p.fails(3)
        assert p.state is CLOSED
        p.fails()
        assert p.state is OPEN

    def test_minimum_calls_is_asked_of_the_window_not_of_all_time(self) -> None:
        p = Player(failure_threshold=None, minimum_calls=4, window_size_seconds=10)
        p.succeeds(50)
        p.wait(11)
        p.fails(3)
        assert p.state is CLOSED

    def test_both_tests_turned_off_never_open(self) -> None:
        p = Player(failure_threshold=None, failure_rate_threshold=None)
        p.fails(1000)
        assert p.state is CLOSED

    def test_either_threshold_opens(self) -> None:
        streak = Player(failure_threshold=3, minimum_calls=100)
        streak.fails(3)
        assert streak.last.cause == "consecutive_failures"
        rate = Player(failure_threshold=100, minimum_calls=3)
        rate.fails(3)
        assert rate.last.cause == "failure_rate"

    def test_the_streak_is_named_when_both_thresholds_are_reached_at_once(self) -> None:
        p = Player(failure_threshold=3, minimum_calls=3)
        p.fails(3)
        assert p.last.cause == "consecutive_failures"

    def test_the_streak_is_in_stream_order_not_in_order_of_time(self) -> None:
        p = Player(failure_threshold=2, failure_rate_threshold=None)
        p.wait(10)
        p.fails()
        p.succeeds(age_ms=5000)
        p.fails()
        assert p.state is CLOSED


class TestOutcomesOfAnotherEpoch:
    @pytest.mark.parametrize("result", ALL)
    @pytest.mark.parametrize("epoch", [0, 1, 3, 99])
    def test_a_call_of_another_epoch_changes_nothing_in_closed(
        self, epoch: int, result: Result
    ) -> None:
        p = Player(failure_threshold=1)
        p.opened()
        p.override(Mode.AUTO, reset=True)
        assert (p.state, p.circuit.epoch) == (CLOSED, 2)
        nothing_happens(p, outcome(p, result, epoch=epoch))

    @pytest.mark.parametrize("result", ALL)
    @pytest.mark.parametrize("epoch", [0, 1, 2])
    def test_no_outcome_of_any_epoch_changes_anything_in_open(
        self, epoch: int, result: Result
    ) -> None:
        p = Player()
        p.opened()
        nothing_happens(p, outcome(p, result, epoch=epoch, retry_after_ms=99_000))

    @pytest.mark.parametrize("result", ALL)
    @pytest.mark.parametrize("epoch", [0, 1, 3])
    def test_a_call_of_another_epoch_changes_nothing_in_half_open(
        self, epoch: int, result: Result
    ) -> None:
        p = Player()
        p.half_opened()
        permit = p.probe()
        nothing_happens(p, outcome(p, result, epoch=epoch, permit=permit))
        assert permit in p.circuit.probes

    @pytest.mark.parametrize("result", ALL)
    def test_a_probe_of_an_older_round_changes_nothing(self, result: Result) -> None:
        p = Player()
        p.half_opened()
        first, second = p.probe(), p.probe()
        round_1 = p.circuit.epoch
        p.fails(permit=first)
        p.tick(60)
        assert p.state is HALF_OPEN
        nothing_happens(p, outcome(p, result, epoch=round_1, permit=second))
        nothing_happens(p, outcome(p, result, permit=second))


class TestTime:
    def test_open_ends_exactly_at_its_time(self) -> None:
        p = Player()
        p.opened()
        p.tick(59.999)
        assert p.state is OPEN
        p.tick(0.001)
        assert p.state is HALF_OPEN
        assert p.last.cause == "open_time_over"

    def test_any_event_finds_open_over(self) -> None:
        p = Player()
        p.opened()
        p.wait(60)
        p.feed(Tick())
        assert p.state is HALF_OPEN

    def test_a_late_tick_changes_at_the_deadlines_own_time(self) -> None:
        p = Player()
        p.opened()
        p.tick(5000)
        assert p.last.at_ms == p.circuit.since_ms == T0 + 60_000

    def test_closed_waits_for_nothing(self) -> None:
        p = Player()
        p.fails(3)
        before = p.circuit
        p.tick(10**6)
        assert p.circuit == before

    def test_a_half_open_circuit_without_probes_waits_for_ever(self) -> None:
        p = Player()
        p.half_opened()
        before = p.circuit
        p.tick(10**6)
        assert p.circuit == before


class TestOtherEvents:
    def test_an_unknown_kind_is_carried_and_changes_nothing(self) -> None:
        p = Player()
        p.fails(3)
        nothing_happens(p, UnknownEvent(99, b"?"))

    def test_an_unreadable_entry_is_set_aside_with_its_id(self) -> None:
        p = Player()
        p.fails(3)
        event_id = p.feed(UnreadableEvent(b"?", "truncated"))
        (change,) = p.changes
        assert (change.at_ms, change.event_id) == (T0, event_id)
        assert change.error == "truncated"  # type: ignore[union-attr]
        assert p.circuit.set_aside == 1
        assert p.figures == (3, 3, 0)

    def test_an_id_already_folded_changes_nothing(self) -> None:
        p = Player()
        p.fails(3)
        for ms, seq in ((T0, 3), (T0, 2), (T0 - 1, 99), (0, 0)):
            twin, changes = apply(p.circuit, outcome(p), ms, seq)
            assert twin == p.circuit
            assert not changes

    def test_the_next_id_may_have_a_smaller_sequence_number(self) -> None:
        p = Player()
        p.fails(3)
        twin, _ = apply(p.circuit, outcome(p), T0 + 1, 0)
        assert (twin.calls, twin.checkpoint) == (4, f"{T0 + 1}-0")

    def test_folding_in_place_is_folding(self) -> None:
        entries = [(T0 + i, 0, Outcome(0, Result.FAILURE, 20)) for i in range(5)]
        circuit = initial()
        copy, changes = fold(circuit, entries)
        assert circuit == initial()
        assert fold_in_place(circuit, entries) == changes
        assert circuit == copy
