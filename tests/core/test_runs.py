"""A run of quick successes, counted at once, comes to what each of them would have come to."""

import random

import msgspec
import pytest

from fuseline.core.circuit import Change, Circuit
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Entry, Outcome, ProbeStarted, Result, Tick
from fuseline.core.fold import fold, initial
from tests.core.play import T0

CONFIGS = [
    CircuitBreakerConfig(failure_threshold=4, timeout_seconds=0.05),
    CircuitBreakerConfig(
        failure_threshold=None, failure_rate_threshold=0.2, timeout_seconds=0.05, minimum_calls=5
    ),
    CircuitBreakerConfig(slow_call_seconds=0.2, slow_call_rate_threshold=0.3, timeout_seconds=0.1),
    CircuitBreakerConfig(adaptive=True, window_size_seconds=1.0, timeout_seconds=0.05),
    CircuitBreakerConfig(failure_threshold=3, window_size_seconds=0.1, timeout_seconds=0.02),
]


def dense(chance: random.Random, count: int) -> list[Entry]:
    """Many entries of each ms, most of them quick successes; some late, too old, or twice."""
    entries: list[Entry] = []
    ms, seq, epoch = T0, 0, 0
    for _ in range(count):
        step = chance.choices([0, 1, 3, 40, 900], [60, 30, 8, 1.5, 0.5])[0]
        ms, seq = ms + step, seq + 1 if not step else 0
        result = chance.choices(list(Result), [86, 8, 3, 1, 1, 1][: len(Result)])[0]
        age_ms = chance.choices([0, 2, 90, 70_000], [80, 5, 3, 12])[0]
        duration_ms = chance.choices([1, 199, 200, 5000], [90, 4, 3, 3])[0]
        epoch += chance.random() < 0.01
        event: Outcome | Tick | ProbeStarted = Outcome(
            max(0, epoch - (chance.random() < 0.05)), result, duration_ms, age_ms, 7
        )
        if chance.random() < 0.02:
            event = Tick()
        entries.append((ms, seq, event))
        if chance.random() < 0.01:
            entries.append(entries[-1])  # read twice
    return entries


def one_by_one(config: CircuitBreakerConfig, log: list[Entry]) -> tuple[Circuit, list[Change]]:
    circuit, changes = initial(config), list[Change]()
    for entry in log:
        circuit, more = fold(circuit, [entry])
        changes += more
    return circuit, changes


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("seed", range(20))
def test_folding_at_once_is_folding_one_by_one(config: CircuitBreakerConfig, seed: int) -> None:
    log = dense(random.Random(seed), 1500)
    circuit, changes = fold(initial(config), log)
    expected, expected_changes = one_by_one(config, log)
    assert changes == expected_changes
    assert msgspec.structs.asdict(circuit) == msgspec.structs.asdict(expected)


def test_some_of_these_logs_change_a_state() -> None:
    states = {
        change.to_state  # type: ignore[union-attr]
        for config in CONFIGS
        for seed in range(20)
        for change in fold(initial(config), dense(random.Random(seed), 1500))[1]
    }
    assert len(states) >= 2


def test_a_success_that_is_too_old_for_the_window_does_not_hide_those_after_it() -> None:
    config = CircuitBreakerConfig(failure_threshold=5, window_size_seconds=1.0)
    results = [(Result.FAILURE, 0)] * 3 + [(Result.SUCCESS, 5000), (Result.SUCCESS, 0)]
    log: list[Entry] = [
        (T0, seq, Outcome(0, result, 1, age_ms, 7)) for seq, (result, age_ms) in enumerate(results)
    ]
    assert fold(initial(config), log)[0].consecutive_failures == 0
    assert fold(initial(config), log[:-1])[0].consecutive_failures == 3
