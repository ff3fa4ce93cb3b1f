"""How long OPEN lasts, and what a change of settings does to it and to the rest."""

import pytest

from fuseline.core.circuit import CircuitState
from fuseline.core.events import (
    ConfigChanged,
)
from tests.core.play import (
    CLOSED,
    HALF_OPEN,
    OPEN,
    T0,
    Player,
)


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
