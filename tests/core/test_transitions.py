"""The table of the breaker, cell by cell: events down, states across.

Every test plays a log; `Player` is at `T0` and moves only when told to.
"""

from typing import Any

import pytest

from fuseline.core.circuit import CircuitState, Figures, Transition
from fuseline.core.events import (
    ConfigChanged,
    Mode,
    Outcome,
    ProbeStarted,
    Result,
    Tick,
    UnknownEvent,
    UnreadableEvent,
)
from fuseline.core.fold import apply, fold, fold_in_place, initial

from tests.core.play import T0, Player, but_checkpoint

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN
BAD = [Result.FAILURE, Result.TIMEOUT]
NO_EVIDENCE = [Result.ABANDONED, Result.IGNORED, Result.NOT_SENT]
ALL = list(Result)


def nothing_happens(player: Player, event: Any) -> None:
    """Feeds the event and asserts that only the checkpoint moved."""
    before, reported = but_checkpoint(player.circuit), len(player.changes)
    event_id = player.feed(event)
    assert but_checkpoint(player.circuit) == before
    assert len(player.changes) == reported
    assert player.circuit.checkpoint == event_id


def outcome(player: Player, result: Result = Result.FAILURE, **fields: Any) -> Outcome:
    fields.setdefault("epoch", player.circuit.epoch)
    return Outcome(result=result, duration_ms=20, **fields)


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


class TestSlowCalls:
    def test_slow_calls_open_at_their_rate(self) -> None:
        p = Player(slow_call_seconds=2, slow_call_rate_threshold=0.5, minimum_calls=4)
        p.succeeds(2)
        p.succeeds(1, duration_ms=2000)
        assert p.state is CLOSED
        p.succeeds(1, duration_ms=9000)
        assert p.last.cause == "slow_call_rate"
        assert p.last.figures == Figures(4, 0, 2, 0, 1)

    @pytest.mark.parametrize("seconds", [0.001, 1, 2.007, 2.9, 8.203, 65.531])
    def test_a_call_of_exactly_the_limit_is_slow(self, seconds: float) -> None:
        p = Player(slow_call_seconds=seconds)
        p.succeeds(duration_ms=round(seconds * 1000) - 1)
        p.succeeds(duration_ms=round(seconds * 1000))
        assert p.figures == (2, 0, 1)

    def test_without_a_limit_no_call_is_slow(self) -> None:
        p = Player(slow_call_rate_threshold=0.001, minimum_calls=1)
        p.succeeds(10, duration_ms=10**9)
        assert p.figures == (10, 0, 0)
        assert p.state is CLOSED

    def test_a_slow_rate_waits_for_minimum_calls_too(self) -> None:
        p = Player(slow_call_seconds=1, minimum_calls=3)
        p.succeeds(2, duration_ms=1000)
        assert p.state is CLOSED
        p.succeeds(duration_ms=1000)
        assert p.state is OPEN

    def test_by_default_all_calls_must_be_slow(self) -> None:
        p = Player(slow_call_seconds=1)
        p.succeeds()
        p.succeeds(50, duration_ms=1000)
        assert p.state is CLOSED

    def test_a_slow_success_is_a_success_for_the_streak(self) -> None:
        p = Player(slow_call_seconds=1, failure_rate_threshold=None)
        p.fails(4)
        p.succeeds(duration_ms=1000)
        assert p.circuit.consecutive_failures == 0

    def test_a_slow_failure_is_both(self) -> None:
        p = Player(slow_call_seconds=1)
        p.fails(duration_ms=1000)
        assert p.figures == (1, 1, 1)
        assert (p.circuit.failure_rate, p.circuit.slow_call_rate) == (1.0, 1.0)


class TestWindow:
    def test_calls_leave_the_window_after_its_length(self) -> None:
        p = Player(failure_threshold=None, window_size_seconds=60)
        p.fails(3)
        p.wait(59.999)
        assert p.figures == (3, 3, 0)
        p.wait(0.001)
        assert p.figures == (0, 0, 0)

    def test_failures_that_have_left_do_not_open(self) -> None:
        p = Player(failure_threshold=None, window_size_seconds=60, minimum_calls=2)
        p.fails()
        p.wait(60)
        p.fails()
        assert p.state is CLOSED
        p.wait(59)
        p.fails()
        assert p.state is OPEN

    @pytest.mark.parametrize(
        ("window", "width"), [(0.001, 1), (0.06, 1), (0.061, 2), (1, 17), (60, 1000), (120, 2000)]
    )
    def test_at_most_60_buckets_of_whole_ms_cover_it(self, window: float, width: int) -> None:
        circuit = Player(window_size_seconds=window).circuit
        assert circuit.bucket_ms == width
        assert circuit.bucket_count <= 60
        ms = round(window * 1000)
        assert ms <= circuit.bucket_count * width < ms + width

    def test_a_spooled_outcome_counts_when_it_ended_not_when_it_came(self) -> None:
        p = Player(window_size_seconds=60)
        p.wait(100)
        p.fails(age_ms=50_000)
        assert p.figures == (1, 1, 0)
        p.wait(10)
        assert p.figures == (0, 0, 0)

    @pytest.mark.parametrize("result", ALL)
    def test_an_outcome_older_than_the_window_changes_nothing(self, result: Result) -> None:
        p = Player(window_size_seconds=60)
        p.fails(3)
        p.wait(1000)
        nothing_happens(p, outcome(p, result, age_ms=60_000))
        assert p.circuit.consecutive_failures == 3

    def test_an_outcome_of_the_windows_oldest_bucket_counts(self) -> None:
        p = Player(window_size_seconds=60)
        p.wait(1000)
        p.fails(age_ms=59_000)
        assert p.figures == (1, 1, 0)

    def test_late_outcomes_find_their_place_between_others(self) -> None:
        p = Player(window_size_seconds=60)
        p.wait(100)
        p.succeeds()
        p.fails(age_ms=30_000)
        p.succeeds(age_ms=10_000)
        p.fails(age_ms=30_000)
        now = p.now // 1000
        assert p.circuit.buckets == [[now - 30, 2, 2, 0], [now - 10, 1, 0, 0], [now, 1, 0, 0]]

    def test_the_window_starts_at_the_transition_to_closed(self) -> None:
        p = Player(half_open_max_calls=1)
        p.half_opened()
        p.succeeds(permit=p.probe())
        assert p.state is CLOSED
        assert p.figures == (0, 0, 0)
        assert p.circuit.consecutive_failures == 0

    def test_no_outcome_lands_before_the_start_of_the_window(self) -> None:
        """Rounding alone can say so: the call began after the transition."""
        p = Player(half_open_max_calls=1, window_size_seconds=60)
        p.half_opened()
        p.succeeds(permit=p.probe())
        closed_at = p.now
        p.wait(5)
        p.fails(age_ms=6000)
        assert p.circuit.buckets == [[closed_at // 1000, 1, 1, 0]]

    def test_memory_is_flat(self) -> None:
        p = Player(failure_threshold=None, failure_rate_threshold=None)
        for number in range(2000):
            p.wait(0.9)
            p.fails(worker=number)
        assert len(p.circuit.buckets) <= 60
        assert len(p.circuit.troubled_workers) == 16


class TestQuorum:
    """minimum_workers: one worker with a broken network can't open it for all."""

    def test_one_worker_alone_does_not_open(self) -> None:
        p = Player(minimum_workers=2)
        p.fails(100, worker=1)
        assert p.state is CLOSED
        p.fails(worker=2)
        assert p.state is OPEN
        assert p.last.figures.troubled_workers == 2

    def test_the_quorum_holds_for_rates_too(self) -> None:
        p = Player(minimum_workers=3, failure_threshold=None, slow_call_seconds=1)
        p.fails(50, worker=1)
        p.succeeds(50, worker=2, duration_ms=1000)
        assert p.state is CLOSED
        p.fails(worker=3)
        assert p.last.cause == "failure_rate"

    def test_successes_make_no_witness(self) -> None:
        p = Player(minimum_workers=2, failure_threshold=None)
        p.fails(50, worker=1)
        p.succeeds(50, worker=2)
        p.fails(50, worker=1)
        assert p.state is CLOSED

    def test_a_witness_counts_while_its_failure_is_in_the_window(self) -> None:
        p = Player(minimum_workers=2, failure_rate_threshold=None, window_size_seconds=60)
        p.fails(5, worker=1)
        p.wait(60)
        p.fails(worker=2)
        assert p.state is CLOSED
        p.wait(59)
        p.fails(worker=1)
        assert p.state is OPEN

    def test_an_older_report_does_not_make_a_witness_older(self) -> None:
        p = Player(minimum_workers=2, failure_rate_threshold=None, window_size_seconds=60)
        p.wait(100)
        p.fails(4, worker=1)
        p.fails(1, worker=1, age_ms=50_000)
        p.wait(30)
        p.fails(worker=2)
        assert p.state is OPEN

    def test_sixteen_witnesses_are_enough_for_any_quorum(self) -> None:
        p = Player(minimum_workers=16, failure_threshold=20, failure_rate_threshold=None)
        for number in range(20):
            p.wait(2)
            p.fails(worker=number)
        assert p.state is OPEN
        assert set(p.circuit.troubled_workers) == set(range(4, 20))

    def test_witnesses_are_forgotten_when_it_closes(self) -> None:
        p = Player(minimum_workers=2, half_open_max_calls=1, failure_rate_threshold=None)
        p.fails(4, worker=1)
        p.fails(worker=2)
        p.tick(60)
        p.succeeds(permit=p.probe(), worker=1)
        p.fails(10, worker=1)
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


class TestNoEvidence:
    @pytest.mark.parametrize("result", NO_EVIDENCE)
    def test_in_closed_it_is_history_only(self, result: Result) -> None:
        p = Player(slow_call_seconds=0.001)
        p.fails(3)
        nothing_happens(p, outcome(p, result))
        assert p.circuit.consecutive_failures == 3

    @pytest.mark.parametrize("result", NO_EVIDENCE)
    def test_in_half_open_the_place_is_given_back(self, result: Result) -> None:
        p = Player()
        p.half_opened()
        permits = [p.probe() for _ in range(3)]
        assert p.circuit.probe_places == 0
        p.ends(result, permit=permits[1])
        assert p.circuit.probe_places == 1
        assert p.circuit.probes_inconclusive == 1
        assert p.state is HALF_OPEN

    @pytest.mark.parametrize("limit", [1, 3])
    def test_three_rounds_of_such_probes_open_it_again(self, limit: int) -> None:
        p = Player(half_open_max_calls=limit)
        p.half_opened()
        for _ in range(3 * limit - 1):
            p.ends(Result.ABANDONED, permit=p.probe())
        assert p.state is HALF_OPEN
        last = p.ends(Result.IGNORED, permit=p.probe(), trace=b"t" * 24)
        assert p.state is OPEN
        assert p.last.cause == "probes_inconclusive"
        assert (p.last.event_id, p.last.trace) == (last, b"t" * 24)
        assert p.circuit.opens_in_a_row == 2

    def test_the_count_of_such_probes_starts_new_each_round(self) -> None:
        p = Player(half_open_max_calls=1)
        for _ in range(2):
            p.half_opened() if p.state is CLOSED else p.tick(60)
            assert p.circuit.probes_inconclusive == 0
            for _ in range(2):
                p.ends(Result.ABANDONED, permit=p.probe())
            assert p.state is HALF_OPEN
            p.fails(permit=p.probe())

    def test_a_storm_of_cancellations_without_permit_changes_nothing(self) -> None:
        p = Player()
        p.half_opened()
        for _ in range(100):
            nothing_happens(p, outcome(p, Result.ABANDONED))


class TestProbes:
    def test_all_probes_succeed_and_it_closes(self) -> None:
        p = Player()
        p.half_opened()
        for number in (1, 2):
            p.succeeds(permit=p.probe())
            assert (p.state, p.circuit.probe_successes) == (HALF_OPEN, number)
        p.succeeds(permit=p.probe())
        assert p.state is CLOSED
        assert p.last.cause == "probes_succeeded"
        assert p.last.figures.probe_successes == 3
        assert (p.circuit.opens_in_a_row, p.circuit.open_until_ms) == (0, 0)

    @pytest.mark.parametrize("result", BAD)
    def test_one_failed_probe_opens_it_again(self, result: Result) -> None:
        p = Player()
        p.half_opened()
        p.succeeds(2, permit=p.probe())
        p.ends(result, permit=p.probe())
        assert p.state is OPEN
        assert p.last.cause == "probe_failed"
        assert p.circuit.opens_in_a_row == 2
        assert not p.circuit.probes

    def test_a_new_round_counts_its_successes_from_none(self) -> None:
        p = Player(half_open_max_calls=2)
        p.half_opened()
        p.succeeds(permit=p.probe())
        p.fails(permit=p.probe())
        p.tick(60)
        assert p.circuit.probe_successes == 0
        p.succeeds(permit=p.probe())
        assert p.state is HALF_OPEN

    def test_a_probe_takes_a_place_until_its_lease_ends(self) -> None:
        p = Player()
        p.half_opened()
        permit = p.probe(lease=10)
        assert p.circuit.probes == {permit: p.now + 10_000}
        assert p.circuit.probe_places == 2
        p.tick(9.999)
        assert p.circuit.probe_places == 2
        p.tick(0.001)
        assert p.circuit.probe_places == 3
        assert p.circuit.probes_inconclusive == 1

    def test_a_succeeded_probe_keeps_its_place(self) -> None:
        p = Player()
        p.half_opened()
        p.succeeds(permit=p.probe())
        assert p.circuit.probe_places == 2

    @pytest.mark.parametrize("result", ALL)
    def test_a_result_after_the_lease_changes_nothing(self, result: Result) -> None:
        p = Player()
        p.half_opened()
        permit = p.probe(lease=10)
        p.tick(10)
        nothing_happens(p, outcome(p, result, permit=permit))

    def test_a_vanished_holders_place_comes_back_under_any_traffic(self) -> None:
        """No tick: the next event finds the lease over, whatever the event is."""
        p = Player(half_open_max_calls=1)
        p.half_opened()
        p.probe(lease=10)
        p.wait(10)
        p.fails(epoch=0)
        assert p.circuit.probe_places == 1
        p.succeeds(permit=p.probe())
        assert p.state is CLOSED

    def test_enough_vanished_holders_open_it_at_the_last_lease(self) -> None:
        p = Player(half_open_max_calls=2)
        p.half_opened()
        for lease in (1, 2, 3):
            p.probe(lease=lease)
            last = p.probe(lease=lease + 0.5)
            start = p.now
            p.tick(3.9)
        p.wait(100)
        p.feed(Tick())
        assert [t.to_state for t in p.transitions[2:]] == [OPEN, HALF_OPEN]
        inconclusive = p.transitions[2]
        assert inconclusive.cause == "probes_inconclusive"
        assert (inconclusive.event_id, inconclusive.at_ms) == (last, start + 3500)

    def test_no_more_probes_than_the_limit_take_places(self) -> None:
        p = Player()
        p.half_opened()
        for _ in range(3):
            p.probe()
        nothing_happens(p, ProbeStarted(p.circuit.epoch, 10_000))

    def test_a_success_leaves_no_room_for_a_fourth_probe(self) -> None:
        p = Player()
        p.half_opened()
        p.succeeds(permit=p.probe())
        p.probe()
        p.probe()
        nothing_happens(p, ProbeStarted(p.circuit.epoch, 10_000))

    @pytest.mark.parametrize("result", ALL)
    @pytest.mark.parametrize("permit", [None, "", "1-1", f"{T0}-1"])
    def test_a_result_without_a_permit_that_is_out_changes_nothing(
        self, permit: str | None, result: Result
    ) -> None:
        p = Player()
        p.half_opened()
        p.probe()
        nothing_happens(p, outcome(p, result, permit=permit))

    def test_a_permit_is_spent_once(self) -> None:
        p = Player()
        p.half_opened()
        permit = p.probe()
        p.succeeds(permit=permit)
        nothing_happens(p, outcome(p, Result.SUCCESS, permit=permit))
        nothing_happens(p, outcome(p, Result.FAILURE, permit=permit))

    def test_a_probes_result_counts_until_its_lease_however_small_the_window(self) -> None:
        p = Player(half_open_max_calls=1, window_size_seconds=1)
        p.half_opened()
        permit = p.probe(lease=60)
        p.wait(30)
        p.succeeds(permit=permit, age_ms=29_000)
        assert p.state is CLOSED

    @pytest.mark.parametrize("epoch", [0, 1])
    def test_a_probe_in_closed_changes_nothing(self, epoch: int) -> None:
        nothing_happens(Player(), ProbeStarted(epoch, 10_000))

    @pytest.mark.parametrize("epoch", [0, 1, 2])
    def test_a_probe_in_open_changes_nothing_before_time(self, epoch: int) -> None:
        p = Player()
        p.opened()
        p.wait(59.999)
        nothing_happens(p, ProbeStarted(epoch, 10_000))

    def test_a_probe_in_open_when_due_is_the_first_of_its_round(self) -> None:
        """The script may be ahead of the projector; the round's epoch is the next one."""
        p = Player()
        p.opened()
        p.wait(60)
        permit = p.probe(epoch=p.circuit.epoch + 1)
        assert p.state is HALF_OPEN
        assert list(p.circuit.probes) == [permit]

    @pytest.mark.parametrize("epoch", [0, 1, 3])
    def test_a_probe_of_another_epoch_takes_no_place(self, epoch: int) -> None:
        p = Player()
        p.half_opened()
        nothing_happens(p, ProbeStarted(epoch, 10_000))

    def test_a_lease_that_is_over_at_once_is_a_place_given_back(self) -> None:
        p = Player()
        p.half_opened()
        p.probe(lease=0)
        assert (p.circuit.probe_places, p.circuit.probes_inconclusive) == (3, 1)


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


class TestOpenTime:
    def test_each_reopening_lasts_longer_up_to_the_cap(self) -> None:
        p = Player(timeout_seconds=10, timeout_multiplier=2, timeout_max_seconds=35)
        p.opened()
        lasted = [p.open_seconds]
        for _ in range(3):
            p.tick(p.open_seconds)
            p.fails(permit=p.probe())
            lasted.append(p.open_seconds)
        assert lasted == [10, 20, 35, 35]

    def test_closing_ends_the_growth(self) -> None:
        p = Player(timeout_seconds=10, timeout_multiplier=2, half_open_max_calls=1)
        p.half_opened()
        p.fails(permit=p.probe())
        p.tick(20)
        p.succeeds(permit=p.probe())
        p.opened()
        assert (p.open_seconds, p.circuit.opens_in_a_row) == (10, 1)

    def test_retry_after_lengthens_open(self) -> None:
        p = Player(timeout_seconds=10)
        p.fails(4)
        p.fails(retry_after_ms=45_000)
        assert p.open_seconds == 45

    def test_retry_after_is_capped(self) -> None:
        p = Player(timeout_seconds=10, timeout_max_seconds=30)
        p.fails(5, retry_after_ms=3_600_000)
        assert p.open_seconds == 30

    def test_retry_after_never_shortens(self) -> None:
        p = Player(timeout_seconds=10)
        p.fails(5, retry_after_ms=3000)
        assert p.open_seconds == 10

    def test_retry_after_counts_from_the_answer_that_named_it(self) -> None:
        p = Player(timeout_seconds=10)
        p.fails(retry_after_ms=40_000)
        p.wait(15)
        p.fails(4)
        assert p.open_seconds == 25

    def test_a_spooled_retry_after_is_as_old_as_its_outcome(self) -> None:
        p = Player(timeout_seconds=10)
        p.wait(100)
        p.fails(5, retry_after_ms=60_000, age_ms=40_000)
        assert p.open_seconds == 20

    def test_the_latest_moment_asked_for_counts(self) -> None:
        p = Player(timeout_seconds=10)
        p.fails(retry_after_ms=50_000)
        p.fails(4, retry_after_ms=20_000)
        assert p.open_seconds == 50

    def test_a_failed_probes_retry_after_lengthens_too(self) -> None:
        p = Player(timeout_seconds=10)
        p.half_opened()
        p.fails(permit=p.probe(), retry_after_ms=33_000)
        assert p.open_seconds == 33

    def test_a_successs_retry_after_means_nothing(self) -> None:
        p = Player(timeout_seconds=10)
        p.succeeds(retry_after_ms=99_000)
        p.fails(5)
        assert p.open_seconds == 10

    def test_closing_forgets_what_was_asked_for(self) -> None:
        p = Player(timeout_seconds=10, timeout_max_seconds=20, half_open_max_calls=1)
        p.fails(5, retry_after_ms=900_000)
        p.tick(20)
        p.succeeds(permit=p.probe())
        p.fails(5)
        assert p.open_seconds == 10


class TestConfigChanged:
    def test_in_closed_figures_stay_and_thresholds_are_tested_at_the_next_failure(self) -> None:
        p = Player(failure_rate_threshold=None)
        p.fails(4)
        p.configure(failure_threshold=3)
        assert (p.state, p.figures, p.circuit.revision) == (CLOSED, (4, 4, 0), 1)
        p.fails()
        assert p.state is OPEN
        assert p.last.revision == 1

    def test_a_wider_window_keeps_the_figures(self) -> None:
        p = Player(window_size_seconds=60, failure_rate_threshold=None, slow_call_seconds=1)
        p.fails(2, duration_ms=1000)
        p.wait(30)
        p.succeeds()
        p.configure(window_size_seconds=120)
        assert p.figures == (3, 2, 2)
        p.wait(80)
        assert p.figures == (3, 2, 2)
        p.wait(20)
        assert p.figures == (1, 0, 0)

    def test_buckets_that_fall_together_are_added(self) -> None:
        p = Player(window_size_seconds=60, slow_call_seconds=1)
        p.fails(duration_ms=1000)
        p.wait(1)
        p.succeeds()
        p.configure(window_size_seconds=120)
        assert p.circuit.buckets == [[T0 // 2000, 2, 1, 1]]

    def test_a_narrower_window_drops_what_is_older(self) -> None:
        p = Player(window_size_seconds=60, failure_rate_threshold=None)
        p.fails(2)
        p.wait(30)
        p.fails()
        p.configure(window_size_seconds=6)
        assert p.figures == (1, 1, 0)

    def test_witnesses_keep_their_time_in_another_window(self) -> None:
        p = Player(window_size_seconds=60, minimum_workers=2, failure_rate_threshold=None)
        p.fails(4, worker=1)
        p.wait(10)
        p.configure(window_size_seconds=30)
        p.fails(worker=2)
        assert p.state is OPEN

    def test_in_open_the_end_is_counted_again_from_its_start(self) -> None:
        p = Player(timeout_seconds=60)
        p.opened()
        p.wait(20)
        p.configure(timeout_seconds=30)
        assert p.state is OPEN
        assert p.open_seconds == 30
        p.configure(timeout_seconds=90)
        assert p.open_seconds == 90

    def test_in_open_a_time_that_is_over_already_ends_it_at_once(self) -> None:
        p = Player(timeout_seconds=60)
        p.opened()
        p.wait(20)
        p.configure(timeout_seconds=10)
        assert p.state is HALF_OPEN
        assert (p.last.cause, p.last.at_ms) == ("open_time_over", p.now)

    def test_in_open_a_retry_after_still_holds(self) -> None:
        p = Player(timeout_seconds=60)
        p.fails(4)
        p.fails(retry_after_ms=90_000)
        p.wait(20)
        p.configure(timeout_seconds=10)
        assert p.open_seconds == 90
        p.configure(timeout_max_seconds=70)
        assert p.open_seconds == 70

    def test_in_open_growth_is_counted_again_too(self) -> None:
        p = Player(timeout_seconds=10, timeout_multiplier=2)
        p.half_opened()
        p.fails(permit=p.probe())
        assert p.open_seconds == 20
        p.configure(timeout_multiplier=3)
        assert p.open_seconds == 30

    def test_in_half_open_a_lower_limit_revokes_no_probe(self) -> None:
        p = Player()
        p.half_opened()
        permits = {p.probe() for _ in range(3)}
        p.configure(half_open_max_calls=1)
        assert set(p.circuit.probes) == permits
        assert p.circuit.probe_places == 0
        p.succeeds(permit=min(permits))
        assert p.state is CLOSED

    def test_in_half_open_a_limit_that_is_reached_already_closes(self) -> None:
        p = Player()
        p.half_opened()
        p.succeeds(permit=p.probe())
        p.succeeds(permit=p.probe())
        changed = p.configure(half_open_max_calls=2)
        assert p.state is CLOSED
        assert (p.last.cause, p.last.event_id) == ("probes_succeeded", changed)
        assert (p.last.actor, p.last.reason) == ("ada", "tuning")

    def test_in_half_open_a_higher_limit_asks_for_more_successes(self) -> None:
        p = Player(half_open_max_calls=1)
        p.half_opened()
        p.configure(half_open_max_calls=2)
        p.succeeds(permit=p.probe())
        assert p.state is HALF_OPEN
        p.succeeds(permit=p.probe())
        assert p.state is CLOSED

    def test_it_is_reported(self) -> None:
        p = Player()
        changed = p.configure(failure_threshold=9)
        wire = p.circuit.config.to_wire()
        (change,) = p.changes
        assert type(change).__name__ == "ConfigApplied"
        assert (change.at_ms, change.event_id) == (T0, changed)
        assert (change.revision, change.config) == (1, wire)  # type: ignore[union-attr]
        assert (change.actor, change.reason) == ("ada", "tuning")  # type: ignore[union-attr]

    def test_settings_nobody_can_use_are_set_aside(self) -> None:
        p = Player()
        before = p.circuit.config
        event_id = p.feed(ConfigChanged(7, ["no", 0]))
        (change,) = p.changes
        assert type(change).__name__ == "EventSetAside"
        assert change.event_id == event_id
        assert "enabled" in change.error  # type: ignore[union-attr]
        assert (p.circuit.config, p.circuit.revision, p.circuit.set_aside) == (before, 0, 1)


class TestEnabled:
    def test_a_disabled_breaker_counts_and_never_opens(self) -> None:
        p = Player(enabled=False, slow_call_seconds=0.001)
        p.fails(100)
        assert p.figures == (100, 100, 100)
        assert p.circuit.consecutive_failures == 100
        assert not p.transitions

    @pytest.mark.parametrize("state", [OPEN, HALF_OPEN])
    def test_disabling_closes(self, state: CircuitState) -> None:
        p = Player()
        p.opened() if state is OPEN else p.half_opened()
        changed = p.configure(enabled=False)
        assert p.state is CLOSED
        assert (p.last.cause, p.last.event_id, p.last.actor) == ("disabled", changed, "ada")
        assert p.figures == (0, 0, 0)

    def test_disabling_a_closed_one_is_no_transition(self) -> None:
        p = Player()
        p.fails(3)
        p.configure(enabled=False)
        assert not p.transitions
        assert p.figures == (3, 3, 0)

    def test_enabling_again_keeps_the_figures_and_tests_at_the_next_failure(self) -> None:
        p = Player(enabled=False)
        p.fails(20)
        p.configure(enabled=True)
        assert p.state is CLOSED
        p.fails()
        assert p.state is OPEN


class TestOverride:
    @pytest.mark.parametrize("mode", [Mode.FORCED_OPEN, Mode.FORCED_CLOSED])
    def test_a_mode_stands_above_the_state_and_folding_goes_on(self, mode: Mode) -> None:
        p = Player()
        p.override(mode)
        assert (p.circuit.mode, p.circuit.mode_until_ms, p.state) == (mode, 0, CLOSED)
        p.fails(5)
        assert p.state is OPEN
        p.tick(60)
        assert (p.state, p.circuit.mode) == (HALF_OPEN, mode)

    def test_a_mode_without_expiry_stays(self) -> None:
        p = Player()
        p.override(Mode.FORCED_OPEN)
        p.tick(10**7)
        assert p.circuit.mode is Mode.FORCED_OPEN

    def test_a_mode_expires_at_its_time(self) -> None:
        p = Player()
        p.override(Mode.FORCED_OPEN, expires=30)
        assert p.circuit.mode_until_ms == T0 + 30_000
        p.tick(29.999)
        assert p.circuit.mode is Mode.FORCED_OPEN
        p.tick(100)
        assert (p.circuit.mode, p.circuit.mode_until_ms) == (Mode.AUTO, 0)
        gone = p.changes[-1]
        assert type(gone).__name__ == "ModeChanged"
        assert (gone.at_ms, gone.event_id) == (T0 + 30_000, "")
        assert gone.actor == ""  # type: ignore[union-attr]

    def test_a_new_mode_replaces_the_old_one_and_its_expiry(self) -> None:
        p = Player()
        p.override(Mode.FORCED_OPEN, expires=30)
        p.override(Mode.FORCED_CLOSED)
        p.tick(100)
        assert p.circuit.mode is Mode.FORCED_CLOSED

    @pytest.mark.parametrize("state", [CLOSED, OPEN, HALF_OPEN])
    def test_auto_returns_to_what_the_log_says(self, state: CircuitState) -> None:
        p = Player()
        if state is CLOSED:
            p.fails(3)
        else:
            p.opened() if state is OPEN else p.half_opened()
        before = but_checkpoint(p.circuit)
        p.override(Mode.FORCED_CLOSED, expires=5)
        p.override(Mode.AUTO)
        assert but_checkpoint(p.circuit) == before

    def test_auto_has_no_expiry(self) -> None:
        p = Player()
        p.override(Mode.AUTO, expires=5)
        assert p.circuit.mode_until_ms == 0
        p.tick(10)
        assert len(p.changes) == 1

    @pytest.mark.parametrize("state", [OPEN, HALF_OPEN])
    def test_auto_with_reset_closes(self, state: CircuitState) -> None:
        p = Player(timeout_multiplier=2)
        p.opened() if state is OPEN else p.half_opened()
        p.override(Mode.FORCED_OPEN)
        event_id = p.override(Mode.AUTO, reset=True)
        assert (p.state, p.circuit.mode) == (CLOSED, Mode.AUTO)
        assert (p.last.cause, p.last.event_id) == ("reset", event_id)
        assert (p.last.actor, p.last.reason) == ("ada", "incident 7")
        assert (p.figures, p.circuit.opens_in_a_row) == ((0, 0, 0), 0)

    def test_reset_of_a_closed_circuit_empties_its_window(self) -> None:
        p = Player()
        p.fails(4)
        p.override(Mode.AUTO, reset=True)
        assert (p.figures, p.circuit.consecutive_failures) == ((0, 0, 0), 0)
        assert not p.transitions
        p.fails(4)
        assert p.state is CLOSED

    @pytest.mark.parametrize("mode", [Mode.FORCED_OPEN, Mode.FORCED_CLOSED])
    def test_reset_means_nothing_with_a_forced_mode(self, mode: Mode) -> None:
        p = Player()
        p.opened()
        p.override(mode, reset=True)
        assert p.state is OPEN

    def test_it_is_reported(self) -> None:
        p = Player()
        event_id = p.override(Mode.FORCED_OPEN, expires=30)
        (change,) = p.changes
        assert type(change).__name__ == "ModeChanged"
        assert (change.at_ms, change.event_id) == (T0, event_id)
        assert change.mode is Mode.FORCED_OPEN  # type: ignore[union-attr]
        assert change.until_ms == T0 + 30_000  # type: ignore[union-attr]
        assert (change.actor, change.reason) == ("ada", "incident 7")  # type: ignore[union-attr]

    def test_expiry_and_end_of_open_happen_each_at_its_time(self) -> None:
        p = Player()
        p.override(Mode.FORCED_CLOSED, expires=70)
        p.opened()
        p.tick(100)
        assert [change.at_ms - T0 for change in p.changes] == [0, 0, 60_000, 70_000]


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


class TestExplanations:
    """Every transition names its event, the figures, the revision and the trace."""

    def test_opening(self) -> None:
        p = Player(slow_call_seconds=1, failure_rate_threshold=None)
        p.configure()
        p.succeeds(2, duration_ms=1000, worker=3)
        p.fails(4, worker=1)
        p.wait(1)
        event_id = p.fails(worker=2, failure_kind="http_503", trace=b"x" * 24)
        assert p.last == Transition(
            at_ms=T0 + 1000,
            from_state=CLOSED,
            to_state=OPEN,
            cause=p.last.cause,
            epoch=1,
            revision=1,
            event_id=event_id,
            figures=Figures(7, 5, 2, 5, 3),
            failure_kind="http_503",
            worker=2,
            trace=b"x" * 24,
            open_until_ms=T0 + 61_000,
        )
        assert p.circuit.cause == p.last.cause == "consecutive_failures"

    def test_half_opening(self) -> None:
        p = Player()
        p.half_opened()
        assert p.last == Transition(
            at_ms=T0 + 60_000,
            from_state=OPEN,
            to_state=HALF_OPEN,
            cause=p.last.cause,
            epoch=2,
            revision=0,
            event_id="",
            figures=Figures(5, 5, 0, 5, 1),
        )

    def test_closing(self) -> None:
        p = Player(half_open_max_calls=1)
        p.half_opened()
        event_id = p.succeeds(permit=p.probe(), worker=4, trace=b"y" * 24)
        assert p.last == Transition(
            at_ms=p.now,
            from_state=HALF_OPEN,
            to_state=CLOSED,
            cause=p.last.cause,
            epoch=3,
            revision=0,
            event_id=event_id,
            figures=Figures(5, 5, 0, 5, 1, 1),
            worker=4,
            trace=b"y" * 24,
        )

    def test_reopening(self) -> None:
        p = Player(timeout_multiplier=2)
        p.half_opened()
        p.succeeds(permit=p.probe())
        p.ends(Result.ABANDONED, permit=p.probe())
        event_id = p.ends(Result.TIMEOUT, permit=p.probe(), failure_kind="TimeoutError")
        assert (p.last.from_state, p.last.to_state) == (HALF_OPEN, OPEN)
        assert (p.last.event_id, p.last.failure_kind) == (event_id, "TimeoutError")
        assert p.last.open_until_ms == p.now + 120_000
        assert p.last.figures.probe_successes == 1
        assert p.last.figures.probes_inconclusive == 1
