"""How few outcomes may change a state: never more than it really takes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuseline.core.circuit import Circuit, CircuitState, Mode
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Outcome, Result
from fuseline.core.fold import fold_in_place, initial
from fuseline.core.foresight import decisive_outcomes

NOW_MS = 1_000_000


def after(config: CircuitBreakerConfig, results: str) -> Circuit:
    """A circuit after successes (.) and failures (x) of one moment."""
    circuit = initial(config)
    fail(circuit, results)
    return circuit


def fail(circuit: Circuit, results: str) -> None:
    kinds = {".": Result.SUCCESS, "x": Result.FAILURE}
    for result in results:
        outcome = Outcome(circuit.epoch, kinds[result], 1, worker=1)
        fold_in_place(circuit, [(NOW_MS, circuit.last_seq + 1, outcome)])


@pytest.mark.parametrize(
    ("settings", "results", "fewest"),
    [
        ({"failure_threshold": 3}, "", 3),
        ({"failure_threshold": 3}, "xx", 1),
        ({"failure_threshold": 3}, "xx.", 3),
        ({"failure_threshold": None, "failure_rate_threshold": None}, "xxx", 0),
        ({"failure_threshold": 9, "minimum_calls": 4}, "", 4),
        ({"failure_threshold": 9, "minimum_calls": 4}, "......", 6),
        ({"failure_threshold": None, "failure_rate_threshold": 1.0, "minimum_calls": 4}, "xx", 2),
        ({"failure_threshold": None, "failure_rate_threshold": 1.0, "minimum_calls": 4}, "x.", 0),
        ({"failure_threshold": 5, "failure_rate_threshold": 1.0}, ".", 5),
        ({"failure_threshold": 1, "enabled": False}, "", 0),
    ],
)
def test_closed_circuits(settings: dict[str, object], results: str, fewest: int) -> None:
    config = CircuitBreakerConfig(**settings)  # type: ignore[arg-type]
    assert decisive_outcomes(after(config, results)) == fewest


def test_other_states() -> None:
    circuit = after(CircuitBreakerConfig(failure_threshold=1), "x")
    assert (circuit.state, decisive_outcomes(circuit)) == (CircuitState.OPEN, 0)
    circuit.state = CircuitState.HALF_OPEN
    assert decisive_outcomes(circuit) == 1
    circuit.mode = Mode.FORCED_CLOSED  # folding goes on underneath
    assert decisive_outcomes(circuit) == 1


@settings(deadline=None)
@given(
    results=st.text(".x", max_size=40),
    threshold=st.none() | st.integers(1, 12),
    rate=st.none() | st.floats(0.05, 0.95) | st.sampled_from([n / 20 for n in range(1, 21)]),
    minimum_calls=st.integers(1, 30),
    adaptive=st.booleans(),
)
def test_fewer_failures_never_open_and_so_many_do(
    results: str, threshold: int | None, rate: float | None, minimum_calls: int, adaptive: bool
) -> None:
    config = CircuitBreakerConfig(
        failure_threshold=threshold,
        failure_rate_threshold=rate,
        minimum_calls=minimum_calls,
        adaptive=adaptive and rate is not None,
    )
    circuit = after(config, results)
    fewest = decisive_outcomes(circuit)
    if circuit.state is CircuitState.OPEN or not fewest:
        return
    fail(circuit, "x" * (fewest - 1))
    assert circuit.state is CircuitState.CLOSED
    fail(circuit, "x")
    assert circuit.state is CircuitState.OPEN
