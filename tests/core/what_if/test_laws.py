"""Laws of what-if: the recorded settings give the record, stricter ones give the truth."""

import random
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuseline.core.circuit import Circuit, CircuitState, Transition
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Entry, Outcome, Result
from fuseline.core.fold import advance, fold, initial
from fuseline.core.what_if.comparing import Comparison, WhatIf
from fuseline.core.what_if.spans import StateSpan
from tests.core.logs import configs, logs, random_config, random_op, write_log
from tests.core.play import T0
from tests.core.what_if.world import Call, live, traffic

NAMES = CircuitBreakerConfig.__struct_fields__


pytestmark = pytest.mark.usefixtures("soon_usual")


def compare(
    config: CircuitBreakerConfig,
    log: Sequence[Entry],
    patch: dict[str, object],
    since_ms: int = T0,
    until_ms: int | None = None,
    page: int = 7,
) -> tuple[WhatIf, Comparison]:
    end_ms = (log[-1][0] if log else T0) + 20_000 if until_ms is None else until_ms
    asked = WhatIf(initial(config), patch, since_ms, end_ms)
    for start in range(0, len(log), page):
        asked.take(log[start : start + page])
    return asked, asked.finish()


def is_the_record(found: Comparison) -> None:
    """Nothing differs, and nothing is unknown."""
    for figures in (found.total, *(day.figures for day in found.days)):
        for name in ("openings", "open_ms", "failures", "good_refused"):
            amount = getattr(figures, name)
            assert amount.recorded == amount.low == amount.high, name
    assert found.proposed == found.recorded
    assert found.unobserved == []
    assert found.unseen_calls == 0


def is_the_fold(asked: WhatIf, folded: Circuit, end_ms: int) -> None:
    """The record is folded in columns, and comes to what the fold comes to."""
    assert asked.record.recorded.circuit.at(end_ms) == advance(folded, end_ms)[0].at(end_ms)


@settings(max_examples=60, deadline=None)
@given(logs(), st.integers(0, 30), st.booleans(), st.integers(1, 60))
def test_the_recorded_settings_give_the_record(
    made: tuple[CircuitBreakerConfig, list[Entry]], skipped: int, named: bool, page: int
) -> None:
    config, log = made
    changed = any(type(event).__name__ == "ConfigChanged" for _, _, event in log)
    patch = {name: getattr(config, name) for name in NAMES} if named and not changed else {}
    since_ms = log[min(skipped, len(log) - 1)][0] if log else T0
    asked, found = compare(config, log, patch, since_ms, page=page)
    is_the_record(found)
    end_ms = (log[-1][0] if log else T0) + 20_000
    folded, changes = fold(initial(config), log)
    is_the_fold(asked, folded, end_ms)
    told = [c for c in changes if isinstance(c, Transition) and c.at_ms >= since_ms]
    assert asked.record.transitions()[: len(told)] == told
    assert end_ms == found.until_ms


@pytest.mark.parametrize("seed", range(12))
def test_the_recorded_settings_give_the_record_of_long_logs(seed: int) -> None:
    rng = random.Random(seed)
    config = msgspec.structs.replace(random_config(rng), enabled=True)
    log = write_log(config, ((rng.choice((0, 1, 40, 300)), random_op(rng)) for _ in range(1500)))
    asked, found = compare(config, log, {}, log[rng.randrange(700)][0], page=100)
    is_the_record(found)
    folded, changes = fold(initial(config), log)
    is_the_fold(asked, folded, found.until_ms)
    assert found.total.openings.recorded > 10
    openings = [
        c
        for c in changes
        if isinstance(c, Transition)
        and c.to_state is CircuitState.OPEN
        and c.at_ms >= found.since_ms
    ]
    assert found.total.openings.recorded >= len(openings)


LENIENT = CircuitBreakerConfig(
    failure_threshold=None, failure_rate_threshold=None, minimum_calls=3, timeout_seconds=0.4
)


@pytest.mark.parametrize("seed", range(25))
def test_where_everything_was_seen_the_answer_is_the_truth(seed: int) -> None:
    # The record never opens, so nothing is hidden from any other settings.
    rng = random.Random(seed)
    calls = traffic(rng, 400)
    patch = {
        "failure_threshold": rng.choice((2, 3, 4, None)),
        "failure_rate_threshold": rng.choice((0.3, 0.5, 0.8)),
        "minimum_calls": rng.randint(2, 8),
        "window_size_seconds": rng.choice((0.5, 2.0, 10.0)),
        "timeout_seconds": rng.choice((0.1, 0.5, 1.5)),
        "half_open_max_calls": rng.randint(1, 3),
    }
    lag_ms = rng.choice((0, 7, 45))
    seen = live(LENIENT, calls, lag_ms)
    truth = live(msgspec.structs.replace(LENIENT, **patch), calls, lag_ms)
    end_ms = calls[-1].began_ms + 1000
    _, found = compare(LENIENT, seen.log, patch, until_ms=end_ms)
    assert seen.transitions == []
    assert len(truth.transitions) > 3
    assert found.unobserved == []
    _, changes = advance(truth.circuit, end_ms - 1)  # what time alone decides after the last call
    transitions = [*truth.transitions, *changes]
    assert edges(found.proposed) == [(t.at_ms, t.to_state) for t in transitions]
    refused = [call for n, call in enumerate(calls) if n not in truth.admitted]
    good = sum(call.result is Result.SUCCESS for call in refused)
    failed = sum(calls[n].result is Result.FAILURE for n in truth.admitted)
    assert (found.total.good_refused.low, found.total.good_refused.high) == (good, good)
    assert (found.total.failures.low, found.total.failures.high) == (failed, failed)
    opened = sum(t.to_state is CircuitState.OPEN for t in truth.transitions)
    assert found.total.openings.low == found.total.openings.high == opened


def edges(spans: list[StateSpan]) -> list[tuple[int, CircuitState]]:
    assert all(one.to_ms == other.from_ms for one, other in pairwise(spans))
    return [(span.from_ms, span.state) for span in spans[1:]]


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("fate", [Result.SUCCESS, Result.FAILURE])
def test_bounds_hold_the_truth_when_the_agent_was_all_well_or_all_ill(
    seed: int, fate: Result
) -> None:
    # One outage: after the opening on record every call has the same fate until it closes.
    rng = random.Random(seed)
    strict = CircuitBreakerConfig(
        failure_threshold=2, failure_rate_threshold=None, timeout_seconds=2, half_open_max_calls=1
    )
    lax = {"failure_threshold": rng.choice((4, 6, 9)), "timeout_seconds": rng.choice((0.5, 2, 4))}
    calls = [Call(T0 + 100 * n, 10, Result.SUCCESS) for n in range(20)]
    calls += [Call(T0 + 2000 + 100 * n, 10, Result.FAILURE) for n in range(2)]
    calls += [Call(T0 + 2200 + 100 * n, 10, fate) for n in range(20)]
    calls += [Call(T0 + 4300 + 100 * n, 10, Result.SUCCESS) for n in range(100)]
    seen = live(strict, calls)
    truth = live(msgspec.structs.replace(strict, **lax), calls)
    _, found = compare(strict, seen.log, lax)
    assert found.unobserved
    opened = sum(t.to_state is CircuitState.OPEN for t in truth.transitions)
    assert found.total.openings.low <= opened <= found.total.openings.high
    failed = sum(calls[n].result is Result.FAILURE for n in truth.admitted)
    assert found.total.failures.low <= failed <= found.total.failures.high + 1
    if fate is Result.FAILURE:
        assert found.total.failures.high > found.total.failures.recorded


@settings(max_examples=60, deadline=None)
@given(logs(), configs, st.integers(0, 20))
def test_any_settings_give_whole_bands_and_ordered_bounds(
    made: tuple[CircuitBreakerConfig, list[Entry]], other: CircuitBreakerConfig, skipped: int
) -> None:
    config, log = made
    patch = {name: getattr(other, name) for name in NAMES}
    since_ms = log[min(skipped, len(log) - 1)][0] if log else T0
    _, found = compare(config, log, patch, since_ms)
    for band in (found.recorded, found.proposed):
        assert band[0].from_ms == since_ms
        assert band[-1].to_ms == found.until_ms
        assert all(a.to_ms == b.from_ms and a.state is not b.state for a, b in pairwise(band))
    for name in ("openings", "open_ms", "failures", "good_refused"):
        amount = getattr(found.total, name)
        assert 0 <= amount.low <= amount.high, name
        assert sum(getattr(day.figures, name).recorded for day in found.days) == amount.recorded
    good = sum(
        isinstance(event, Outcome) and event.result is Result.SUCCESS and ms >= since_ms
        for ms, _, event in log
    )
    assert found.total.good_refused.high <= good
    for start, end in found.unobserved:
        assert since_ms <= start < end <= found.until_ms
    pages = [compare(config, log, patch, since_ms, page=page)[1] for page in (1, 50)]
    assert pages == [found, found]


def test_disabled_settings_never_open() -> None:
    calls = traffic(random.Random(3), 400)
    seen = live(CircuitBreakerConfig(failure_threshold=2, timeout_seconds=0.5), calls)
    _, found = compare(initial().config, seen.log, {"enabled": False})
    assert found.total.openings.high == found.total.open_ms.high == 0
