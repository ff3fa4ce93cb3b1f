"""The sliding window: which call counts when."""

import pytest

from fuseline.core.counting import count_successes
from fuseline.core.events import (
    Result,
)
from tests.core.play import (
    CLOSED,
    OPEN,
    Player,
    nothing_happens,
    outcome,
)

ALL = list(Result)


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

    def test_many_quick_successes_at_once_are_as_many_outcomes(self) -> None:
        p = Player(window_size_seconds=60)
        p.fails(3)
        p.wait(61)
        at_once = p.circuit.copy()
        count_successes(at_once, 5, 0, p.now, p.seq + 5)
        p.succeeds(5)
        assert at_once == p.circuit
        assert at_once.buckets == [[p.now // 1000, 5, 0, 0]]
