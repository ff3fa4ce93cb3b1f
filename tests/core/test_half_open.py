"""HALF_OPEN: probes, their places, their leases, and how a round ends."""

import pytest

from fuseline.core.events import (
    ProbeStarted,
    Result,
    Tick,
)
from tests.core.play import (
    BAD,
    CLOSED,
    HALF_OPEN,
    NO_EVIDENCE,
    OPEN,
    T0,
    Player,
    nothing_happens,
    outcome,
)

ALL = list(Result)


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
