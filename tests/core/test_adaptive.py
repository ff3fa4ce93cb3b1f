"""Adaptive thresholds: what is usual, what is sure, and what opens then."""

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuseline.core.adaptive import calls_needed, in_force, lower_bound
from fuseline.core.baseline import ENOUGH_CALLS, ENOUGH_IN_SLOT, Baseline, step_ms
from fuseline.core.circuit import Cause, Circuit, Transition
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import ConfigChanged, Entry, Outcome, Result
from fuseline.core.fold import fold, initial
from tests.core import naive
from tests.core.play import T0

DAY_MS = 86_400_000
HALF_LIFE = 259_200.0
ADAPTIVE = CircuitBreakerConfig(adaptive=True, failure_threshold=None)


def steady(
    circuit: Circuit, rate_of: Iterator[bool], calls: int, every_ms: int = 100
) -> tuple[Circuit, list[Transition]]:
    """Folds calls of the circuit's epoch at a steady pace; `rate_of` says which fail."""
    found: list[Transition] = []
    at = max(circuit.last_ms, T0)
    for failed in itertools.islice(rate_of, calls):
        at += every_ms
        result = Result.FAILURE if failed else Result.SUCCESS
        circuit, changes = fold(circuit, [(at, 0, Outcome(circuit.epoch, result, 5))])
        found += [change for change in changes if isinstance(change, Transition)]
    return circuit, found


def each(every: int) -> Iterator[bool]:
    """Every so many fails."""
    return (number % every == every - 1 for number in itertools.count())


def learned(config: CircuitBreakerConfig = ADAPTIVE, every: int = 20) -> Circuit:
    """A circuit that knows what is usual: by default one call of twenty fails."""
    circuit, changes = steady(initial(config), each(every), 4000)
    assert changes == []
    return circuit


class TestBaseline:
    def test_a_half_life_halves(self) -> None:
        one = Baseline()
        one.learn(T0, 1000, 100, HALF_LIFE)
        one.learn(T0 + round(HALF_LIFE * 1000), 0, 0, HALF_LIFE)
        assert sum(one.calls) == pytest.approx(500)
        assert sum(one.failures) == pytest.approx(50)

    def test_what_comes_late_has_faded_as_much(self) -> None:
        in_order, late = Baseline(), Baseline()
        for at in (T0, T0 + DAY_MS):
            in_order.learn(at, 100, 10, HALF_LIFE)
        for at in (T0 + DAY_MS, T0):
            late.learn(at, 100, 10, HALF_LIFE)
        assert late.calls == pytest.approx(in_order.calls)

    def test_what_is_very_old_is_forgotten(self) -> None:
        one = Baseline()
        one.learn(T0, 1_000_000, 0, 600)
        one.learn(T0 + 400 * DAY_MS, 1, 1, 600)
        assert sum(one.calls) == 1

    def test_nothing_is_known_of_few_calls(self) -> None:
        one = Baseline()
        one.learn(T0, ENOUGH_CALLS - 1, 50, HALF_LIFE)
        assert one.rate(T0) is None
        one.learn(T0, 1, 0, HALF_LIFE)
        assert one.rate(T0) == (50 + 1) / (ENOUGH_CALLS + 2)

    def test_an_hour_with_enough_calls_counts_by_itself(self) -> None:
        one = Baseline()
        one.learn(T0, 2 * ENOUGH_IN_SLOT, ENOUGH_IN_SLOT, 90 * 86_400)
        one.learn(T0 + DAY_MS // 2, 10_000, 0, 90 * 86_400)
        noon = one.rate(T0)
        assert noon == pytest.approx(0.5, abs=0.01)
        midnight = one.rate(T0 + DAY_MS // 2)
        assert midnight is not None
        assert midnight < 0.001
        other = one.rate(T0 + DAY_MS // 4)  # an hour nobody has called in: all hours together
        assert other == pytest.approx(ENOUGH_IN_SLOT / 10_800, rel=0.05)

    def test_an_agent_never_seen_to_fail_is_not_expected_never_to(self) -> None:
        one = Baseline()
        one.learn(T0, 98 + ENOUGH_CALLS, 0, HALF_LIFE)
        assert one.rate(T0) == 1 / (ENOUGH_CALLS + 100)

    def test_another_half_life_goes_on_from_what_is_there(self) -> None:
        one = Baseline()
        one.learn(T0, 1000, 0, HALF_LIFE)
        one.rescale(HALF_LIFE, 600)
        assert one.step == T0 // step_ms(HALF_LIFE) * step_ms(HALF_LIFE) // step_ms(600) or (
            abs(one.step - T0 // step_ms(600)) <= step_ms(HALF_LIFE) // step_ms(600)
        )
        one.learn(T0 + 600_000, 0, 0, 600)
        assert 0 < sum(one.calls) < 501


class TestConfidence:
    @given(st.integers(1, 500), st.floats(0, 1), st.sampled_from([0.9, 0.99, 0.9999, 0.999999]))
    def test_the_bound_is_the_rate_whose_interval_just_reaches_what_was_seen(
        self, calls: int, share: float, confidence: float
    ) -> None:
        failures = round(calls * share)
        expected = naive.lower_bound(failures, calls, confidence)
        assert lower_bound(failures, calls, confidence) == pytest.approx(expected, abs=1e-7)

    def test_no_calls_prove_nothing(self) -> None:
        assert lower_bound(0, 0, 0.99) == 0.0

    @given(st.floats(0.01, 0.99), st.sampled_from([0.9, 0.99, 0.9999, 0.999999]))
    def test_calls_needed_is_the_fewest_that_can_open(
        self, threshold: float, confidence: float
    ) -> None:
        needed = calls_needed(threshold, confidence)
        assert lower_bound(needed, needed, confidence) >= threshold - 1e-9
        if needed > 1:
            assert lower_bound(needed - 1, needed - 1, confidence) < threshold + 1e-9


class TestThresholds:
    def test_they_lie_a_margin_above_what_is_usual_between_floor_and_ceiling(self) -> None:
        for usual, expected in ((0.0, 0.1), (0.2, 0.25), (0.7, 0.5)):
            one = Baseline()
            one.learn(T0, 1_000_000, round(usual * 1_000_000), HALF_LIFE)
            held = in_force(CircuitBreakerConfig(adaptive=True), one, T0)
            assert held.baseline == pytest.approx(usual, abs=1e-5)
            assert held.rate_threshold == pytest.approx(expected, abs=1e-5)

    def test_a_streak_must_be_no_chance_either(self) -> None:
        for usual, expected in ((0.0, 5), (0.1, 5), (0.3, 8), (0.9, 88), (1.0, 1000)):
            one = Baseline()
            one.learn(T0, 10_000_000, round(usual * 10_000_000), HALF_LIFE)
            held = in_force(CircuitBreakerConfig(adaptive=True), one, T0)
            assert held.failure_threshold == expected

    def test_what_is_off_stays_off(self) -> None:
        one = Baseline()
        one.learn(T0, 1000, 10, HALF_LIFE)
        off = CircuitBreakerConfig(
            adaptive=True, failure_threshold=None, failure_rate_threshold=None
        )
        held = in_force(off, one, T0)
        assert (held.rate_threshold, held.failure_threshold) == (None, None)

    def test_until_something_is_known_the_fixed_thresholds_hold(self) -> None:
        config = CircuitBreakerConfig(adaptive=True, failure_threshold=None, minimum_calls=10)
        circuit, changes = steady(initial(config), itertools.repeat(True), 9)
        assert changes == []
        circuit, changes = steady(circuit, itertools.repeat(True), 1)
        assert [change.cause for change in changes] == [Cause.FAILURE_RATE]
        assert changes[0].figures.baseline is None


class TestOpening:
    def test_what_is_usual_does_not_open(self) -> None:
        circuit = learned(every=4)  # a quarter of all calls fails, as always
        assert circuit.state.value == "closed"
        assert circuit.baseline is not None
        assert circuit.baseline.rate(circuit.last_ms) == pytest.approx(0.25, abs=0.01)

    def test_what_is_unusual_opens_long_before_the_fixed_threshold(self) -> None:
        opened, changes = steady(learned(), each(2), 400)
        (opening,) = changes
        assert opening.cause is Cause.FAILURE_RATE
        figures = opening.figures
        assert figures.failures / figures.calls < 0.25
        assert figures.baseline == pytest.approx(0.05, abs=0.01)
        assert figures.rate_threshold == pytest.approx(0.1, abs=0.01)
        assert figures.failure_threshold is None
        bound = lower_bound(figures.failures, figures.calls, 0.9999)
        assert figures.rate_threshold is not None
        assert bound >= figures.rate_threshold
        assert opened.baseline is not None

    def test_what_opened_it_is_learned_and_then_nothing_until_it_is_closed(self) -> None:
        circuit = learned()
        assert circuit.baseline is not None
        before = sum(circuit.baseline.calls)
        opened, _ = steady(circuit, each(2), 400)
        assert opened.baseline is not None
        assert sum(opened.baseline.calls) > before + opened.calls - 1
        at = sum(opened.baseline.calls)
        later = opened.at(opened.last_ms + 3_600_000)
        assert later.baseline is not None
        assert sum(later.baseline.calls) == at

    def test_switched_off_it_forgets(self) -> None:
        circuit = learned()
        off = ConfigChanged(2, CircuitBreakerConfig().to_wire())
        entry: Entry = (circuit.last_ms + 1, 0, off)
        circuit, _ = fold(circuit, [entry])
        assert circuit.baseline is None

    def test_the_figures_of_a_fixed_breaker_name_no_baseline(self) -> None:
        _, changes = steady(initial(CircuitBreakerConfig()), itertools.repeat(True), 5)
        assert changes[0].figures.rate_threshold is None


class TestRecovery:
    def test_it_lasts_from_successful_probes_on(self) -> None:
        circuit = Circuit(
            config=CircuitBreakerConfig(recovery_seconds=30),
            since_ms=T0,
            cause=Cause.PROBES_SUCCEEDED.value,
        )
        assert circuit.recovering_until_ms == T0 + 30_000

    @pytest.mark.parametrize(
        ("cause", "settings"),
        [
            (Cause.RESET, {"recovery_seconds": 30}),
            (Cause.PROBES_SUCCEEDED, {}),
            (Cause.PROBES_SUCCEEDED, {"recovery_seconds": 30, "enabled": False}),
        ],
    )
    def test_there_is_none(self, cause: Cause, settings: dict[str, object]) -> None:
        config = CircuitBreakerConfig.from_mapping(settings)
        circuit = Circuit(config=config, since_ms=T0, cause=cause.value)
        assert circuit.recovering_until_ms == 0
