"""Random logs for the laws: short windows, small limits, so that every rule is met often."""

from collections.abc import Iterable
from typing import Any

from hypothesis import strategies as st

from fuseline.core.circuit import Circuit
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import (
    AnyEvent,
    ConfigChanged,
    Mode,
    Outcome,
    OverrideSet,
    ProbeStarted,
    Result,
    Tick,
    UnknownEvent,
    UnreadableEvent,
)
from fuseline.core.fold import Entry, fold_in_place, initial

from tests.core.play import T0

configs: st.SearchStrategy[CircuitBreakerConfig] = st.builds(
    CircuitBreakerConfig,
    enabled=st.sampled_from([True, True, True, False]),
    failure_threshold=st.sampled_from([None, 1, 2, 3]),
    failure_rate_threshold=st.sampled_from([None, 0.3, 0.5, 1.0]),
    minimum_calls=st.integers(1, 6),
    window_size_seconds=st.sampled_from([0.05, 0.5, 1, 3.1, 10]),
    timeout_seconds=st.sampled_from([0.1, 0.5, 1]),
    timeout_multiplier=st.sampled_from([1.0, 1.5, 2.0]),  # exact in binary fractions
    timeout_max_seconds=st.sampled_from([0.2, 1.5, 4]),
    half_open_max_calls=st.integers(1, 3),
    minimum_workers=st.sampled_from([1, 1, 2, 3]),
    slow_call_seconds=st.sampled_from([None, 0.1, 0.3]),
    slow_call_rate_threshold=st.sampled_from([0.25, 0.5, 1.0]),
)

pauses = st.one_of(
    st.sampled_from([0, 0, 1]), st.integers(0, 300), st.integers(0, 2500), st.integers(0, 30_000)
)

results = st.sampled_from([*Result, Result.FAILURE, Result.FAILURE, Result.SUCCESS])

# How an event stands to the circuit it will meet: of its epoch or another, with a permit that is
# out, was out, or never was. Positions are resolved when the log is played.
epochs = st.sampled_from([0, 0, 0, 0, 0, -1, -2, 1])
permits = st.sampled_from(["none", "out", "out", "out", "stale", "forged"])


@st.composite
def outcomes(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    return "outcome", {
        "epoch": draw(epochs),
        "result": draw(results),
        "duration_ms": draw(st.sampled_from([0, 99, 100, 300, 5000])),
        "age_ms": draw(st.sampled_from([0, 0, 0, 1, 40, 400, 2000, 20_000])),
        "worker": draw(st.integers(1, 4)),
        "permit": draw(permits),
        "retry_after_ms": draw(st.sampled_from([0, 0, 0, 300, 3000])),
        "trace": draw(st.sampled_from([b"", b"t" * 24])),
    }


ops = st.one_of(
    outcomes(),
    outcomes(),
    outcomes(),
    st.tuples(st.just("probe"), st.tuples(epochs, st.sampled_from([0, 50, 400, 2000]))),
    st.tuples(st.just("probe"), st.tuples(st.just(0), st.sampled_from([400, 2000]))),
    st.tuples(st.just("due_probe"), st.just(None)),
    st.tuples(st.just("config"), configs),
    st.tuples(
        st.just("event"),
        st.one_of(
            st.builds(
                OverrideSet,
                mode=st.sampled_from(Mode),
                actor=st.just("ada"),
                expires_in_ms=st.sampled_from([0, 0, 200, 3000]),
                reset=st.booleans(),
            ),
            st.just(Tick()),
            st.just(UnknownEvent(99, b"\x91c")),
            st.just(UnreadableEvent(b"\xc1", "no event")),
            st.just(ConfigChanged(0, ["no"])),
        ),
    ),
)


class LogWriter:
    """Turns operations into events, as the workers and the script would append them."""

    def __init__(self, config: CircuitBreakerConfig) -> None:
        self.config = config
        self.circuit: Circuit = initial(config)
        self.now = T0
        self.seq = 0
        self.entries: list[Entry] = []
        self.permits: list[str] = []

    def write(self, pause: int, op: tuple[str, Any]) -> Entry:
        """Appends one event; sequence numbers are even, so that others fit in between."""
        self.now += pause
        self.seq += 2
        entry = (self.now, self.seq, self._event(*op))
        if isinstance(entry[2], ProbeStarted):
            self.permits.append(f"{self.now}-{self.seq}")
        self.entries.append(entry)
        fold_in_place(self.circuit, [entry])
        return entry

    def _event(self, kind: str, detail: Any) -> AnyEvent:
        epoch = self.circuit.epoch
        if kind == "outcome":
            permit = self._permit(detail["permit"])
            return Outcome(**{**detail, "epoch": epoch + detail["epoch"], "permit": permit})
        if kind == "probe":
            return ProbeStarted(epoch + detail[0], detail[1])
        if kind == "due_probe":
            due = self.circuit.state.value == "open" and self.circuit.open_until_ms <= self.now
            return ProbeStarted(epoch + due, 400)
        if kind == "config":
            return ConfigChanged(self.circuit.revision + 1, detail.to_wire())
        event: AnyEvent = detail
        return event

    def _permit(self, kind: str) -> str | None:
        out = sorted(self.circuit.probes)
        if kind == "out":
            return out[0] if out else None
        if kind == "stale":
            gone = [permit for permit in self.permits if permit not in out]
            return gone[-1] if gone else None
        return "1-1" if kind == "forged" else None


def write_log(
    config: CircuitBreakerConfig, steps: Iterable[tuple[int, tuple[str, Any]]]
) -> list[Entry]:
    writer = LogWriter(config)
    for pause, op in steps:
        writer.write(pause, op)
    return writer.entries


@st.composite
def logs(draw: st.DrawFn, max_size: int = 60) -> tuple[CircuitBreakerConfig, list[Entry]]:
    """A config and a log that was written under it."""
    config = draw(configs)
    steps = draw(st.lists(st.tuples(pauses, ops), max_size=max_size))
    return config, write_log(config, steps)
