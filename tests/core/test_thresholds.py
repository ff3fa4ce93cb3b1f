"""What opens a closed circuit: rates of slow calls, and the quorum of workers."""

import pytest

from fuseline.core.circuit import Figures
from tests.core.play import CLOSED, OPEN, Player


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
