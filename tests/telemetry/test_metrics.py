"""The figures: what a run exports, their names, and how many series there can be."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from fuseline.core.circuit import Circuit, CircuitState
from fuseline.core.config import CircuitBreakerConfig
from fuseline.telemetry import instruments, observed
from fuseline.telemetry.circuits import Circuits
from fuseline.telemetry.instruments import METRICS, Metric, Type
from fuseline.telemetry.observed import OTHER, AgentNames, Figure, Labels, Observed
from tests.telemetry.exported import exported, families, label_names, value

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "telemetry.md"
PROMTOOL = shutil.which("promtool")


async def test_a_run_exports_every_metric_of_the_table(redis_url: str, namespace: str) -> None:
    text = await exported(redis_url, namespace)
    found = families(text)
    known = {metric.prometheus_name: metric for metric in METRICS}
    ours = {name for name in found if name.startswith(("fuseline_", "http_", "db_"))}
    assert ours == set(known)
    for name, metric in known.items():
        labels = {attribute.replace(".", "_") for attribute in metric.attributes}
        assert all(one == labels for one in label_names(found[name])), name
        assert found[name].documentation == metric.meaning

    def agent(name: str, **labels: str) -> float:
        return value(text, name, fuseline_agent="billing", **labels)

    assert agent("fuseline_calls_total", fuseline_outcome="failure") >= 2
    assert agent("fuseline_calls_rejected_total", fuseline_reason="circuit") >= 1
    assert agent("fuseline_probes_total", fuseline_outcome="success") >= 3
    states = [
        agent("fuseline_circuit_state", fuseline_state=state.value)
        for state in (CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN)
    ]
    assert states == [1, 0, 0]
    assert value(text, "fuseline_outcomes_dropped_total") == 0
    opened = {"fuseline_transition_to": "open", "fuseline_transition_cause": "consecutive_failures"}
    assert agent("fuseline_transitions_total", **opened) >= 1
    assert value(text, "fuseline_projector_shards") == 4
    assert value(text, "fuseline_feed_lag_seconds_count") >= 3
    assert value(text, "fuseline_append_size_count") >= 1

    if PROMTOOL is None:
        pytest.skip("promtool is not installed (Debian's package prometheus); the rest holds")
    assert promtool_says(text) == (0, "")


def promtool_says(text: str) -> tuple[int, str]:
    """Its verdict on what is exported."""
    assert PROMTOOL is not None
    ended = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


class Counting:
    """A source with calls of some agents."""

    def __init__(self, **calls: int) -> None:
        self.calls = calls

    def figures(self, metric: str) -> list[Figure]:
        return [(n, ((observed.AGENT, agent),)) for agent, n in self.calls.items()]


def sums(observing: Observed, metric: str = "calls") -> dict[str, float]:
    callback = observing.counter(metric)
    return {
        str((one.attributes or {})[observed.AGENT]): one.value
        for one in callback(None)  # type: ignore[arg-type]
    }


def test_agents_beyond_the_limit_share_a_series_and_none_is_lost() -> None:
    observing = Observed(AgentNames(2))
    observing.add(Counting(a=1, b=2, c=4, d=8))
    observing.add(Counting(b=16, d=32))
    assert sums(observing) == {"a": 1, "b": 18, OTHER: 44}


def test_what_was_counted_outlives_its_source() -> None:
    observing = Observed(AgentNames(9))
    first, second = Counting(a=1, b=2), Counting(a=4)
    observing.add(first)
    observing.add(second)
    assert sums(observing) == {"a": 5, "b": 2}
    observing.remove(first)
    observing.remove(first)
    assert sums(observing) == {"a": 5, "b": 2}
    second.calls["a"] = 10
    assert sums(observing) == {"a": 11, "b": 2}


def test_circuits_that_share_a_series_are_counted_by_state_with_one_rate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(observed.observed, "names", AgentNames(1))

    def circuit(state: CircuitState, calls: int, failures: int) -> Circuit:
        return Circuit(CircuitBreakerConfig(), state=state, calls=calls, failures=failures)

    known = {
        "a": circuit(CircuitState.OPEN, 4, 4),
        "b": circuit(CircuitState.CLOSED, 30, 3),
        "c": circuit(CircuitState.CLOSED, 10, 7),
        "d": circuit(CircuitState.OPEN, 0, 0),
    }
    circuits = Circuits()
    circuits.add(lambda: dict(list(known.items())[:2]))
    circuits.add(lambda: known)  # the API knows all of them once more

    def total(metric: str) -> dict[Labels, float]:
        found: dict[Labels, float] = {}
        for number, labels in circuits.figures(metric):
            key = tuple((n, observed.observed.names(str(v)) if n == observed.AGENT else v)
                        for n, v in labels)  # fmt: skip
            found[key] = found.get(key, 0) + number
        return found

    states = total(instruments.CIRCUIT_STATE)
    of_others = {str(key[1][1]): n for key, n in states.items() if key[0][1] == OTHER}
    assert of_others == {"closed": 2, "open": 1, "half_open": 0}
    rates = {str(key[0][1]): rate for key, rate in total(instruments.FAILURE_RATE).items()}
    assert rates == {"a": 1.0, OTHER: 0.25}


def row(metric: Metric) -> str:
    """A metric as the guide has it."""
    unit = metric.unit.strip("{}")
    attributes = ", ".join(f"`{name}`" for name in metric.attributes)
    cells = (
        f"`{metric.name}`", f"`{metric.prometheus_name}`", metric.type.value, unit,
        attributes, metric.source, metric.meaning,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"


def test_the_guide_has_the_table() -> None:
    rows = [row(metric) for metric in METRICS]
    table = re.findall(r"^\| `[a-z_.]+` \| `.*$", GUIDE.read_text(), re.MULTILINE)
    assert table == rows


def test_names_follow_the_rules_of_prometheus() -> None:
    for metric in METRICS:
        name = metric.prometheus_name
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert name.endswith("_total") == (metric.type is Type.COUNTER)
        assert metric.meaning.endswith(".")
        assert (metric.type is Type.HISTOGRAM) == bool(metric.buckets)
