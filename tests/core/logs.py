"""Random logs for the laws: short windows, small limits, so that every rule is met often."""

import random
from collections.abc import Iterable
from typing import Any

import msgspec
from hypothesis import strategies as st

from fuseline.core.circuit import Circuit, CircuitState
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import (
    AgentRemoved,
    AnyEvent,
    ConfigChanged,
    Entry,
    Mode,
    Outcome,
    OverrideSet,
    ProbeStarted,
    Result,
    Tick,
    UnknownEvent,
    UnreadableEvent,
)
from fuseline.core.fold import advance, fold_in_place, initial
from tests.core.play import T0

configs: st.SearchStrategy[CircuitBreakerConfig] = st.builds(
    CircuitBreakerConfig,
    enabled=st.sampled_from([True, True, True, False]),
    failure_threshold=st.sampled_from([1, 2, 3, None]),
    failure_rate_threshold=st.sampled_from([None, 0.3, 0.5, 1.0]),
    minimum_calls=st.integers(1, 6),
    window_size_seconds=st.sampled_from([0.05, 0.5, 1, 3.1, 10]),
    timeout_seconds=st.sampled_from([0.1, 0.5, 1]),
    timeout_multiplier=st.sampled_from([1.0, 1.5, 2.0]),  # exact in binary fractions
    timeout_max_seconds=st.sampled_from([0.2, 1.5, 4]),
    half_open_max_calls=st.integers(1, 3),
    minimum_workers=st.sampled_from([1, 1, 1, 2, 3]),
    slow_call_seconds=st.sampled_from([None, 0.1, 0.3]),
    slow_call_rate_threshold=st.sampled_from([0.25, 0.5, 1.0]),
    adaptive=st.booleans(),
    adaptive_margin=st.sampled_from([0.0, 0.03, 0.25]),
    adaptive_floor=st.sampled_from([0.01, 0.1, 0.4]),
    adaptive_confidence=st.sampled_from([0.9, 0.99, 0.9999]),
    adaptive_half_life_seconds=st.sampled_from([600, 900, 100_000]),
)

# A disabled circuit is met after a change of config often enough.
enabled_configs = configs.map(lambda config: msgspec.structs.replace(config, enabled=True))

pauses = st.one_of(
    st.sampled_from([0, 0, 1]), st.integers(0, 50), st.integers(0, 300), st.integers(0, 5000)
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


# "apt" is what leads on in the state the circuit is in; without it few logs get far.
ops = st.one_of(
    st.tuples(st.just("apt"), results),
    st.tuples(st.just("apt"), st.sampled_from([Result.SUCCESS, Result.FAILURE])),
    outcomes(),
    outcomes(),
    st.tuples(st.just("probe"), st.tuples(epochs, st.sampled_from([0, 50, 400, 2000]))),
    st.tuples(st.just("probe"), st.tuples(st.just(0), st.sampled_from([400, 2000]))),
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
            st.just(AgentRemoved(9, "ada")),
            st.just(UnknownEvent(99, b"\x91c")),
            st.just(UnreadableEvent(b"\xc1", "no event")),
            st.just(ConfigChanged(0, ["no"])),
        ),
    ),
)


def random_op(rng: random.Random) -> tuple[str, Any]:
    """Like `ops`, without hypothesis; half of them lead on."""
    kind = rng.random()
    result = rng.choice((*Result, Result.FAILURE, Result.SUCCESS, Result.SUCCESS))
    if kind < 0.5:
        return "apt", result
    if kind < 0.8:
        return "outcome", {
            "epoch": rng.choice((0, 0, 0, 0, -1, -2, 1)),
            "result": result,
            "duration_ms": rng.choice((0, 99, 100, 300)),
            "age_ms": rng.choice((0, 0, 1, 40, 400, 20_000)),
            "worker": rng.randint(1, 4),
            "permit": rng.choice(("none", "out", "stale", "forged")),
            "retry_after_ms": rng.choice((0, 0, 0, 300, 3000)),
        }
    if kind < 0.93:
        return "probe", (rng.choice((0, 0, 0, -1, 1)), rng.choice((0, 50, 400, 2000)))
    if kind < 0.96:
        return "config", random_config(rng)
    mode = rng.choice(list(Mode))
    override = OverrideSet(mode, "ada", "", rng.choice((0, 200, 3000)), rng.random() < 0.3)
    others = (
        *(UnknownEvent(99, b""), UnreadableEvent(b"", "no event"), ConfigChanged(0, ["no"])),
        AgentRemoved(9, "ada"),
    )
    return "event", rng.choice((override, override, override, *others))


def random_config(rng: random.Random) -> CircuitBreakerConfig:
    """Like `configs`, without hypothesis."""
    return CircuitBreakerConfig(
        enabled=rng.random() < 0.9,
        failure_threshold=rng.choice((1, 2, 3, None)),
        failure_rate_threshold=rng.choice((None, 0.3, 0.5, 1.0)),
        minimum_calls=rng.randint(1, 6),
        window_size_seconds=rng.choice((0.05, 0.5, 1, 3.1, 10)),
        timeout_seconds=rng.choice((0.1, 0.5, 1)),
        timeout_multiplier=rng.choice((1.0, 1.5, 2.0)),
        timeout_max_seconds=rng.choice((0.2, 1.5, 4)),
        half_open_max_calls=rng.randint(1, 3),
        minimum_workers=rng.choice((1, 1, 1, 2)),
        slow_call_seconds=rng.choice((None, 0.1, 0.3)),
        slow_call_rate_threshold=rng.choice((0.25, 0.5, 1.0)),
        adaptive=rng.random() < 0.5,
        adaptive_margin=rng.choice((0.0, 0.03, 0.25)),
        adaptive_floor=rng.choice((0.01, 0.1, 0.4)),
        adaptive_confidence=rng.choice((0.9, 0.99, 0.9999)),
        adaptive_half_life_seconds=rng.choice((600, 900, 100_000)),
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
        event = self._event(*op)  # may wait
        entry = (self.now, self.seq, event)
        if isinstance(event, ProbeStarted):
            self.permits.append(f"{self.now}-{self.seq}")
        self.entries.append(entry)
        fold_in_place(self.circuit, [entry])
        return entry

    def _event(self, kind: str, detail: Any) -> AnyEvent:
        circuit, _ = advance(self.circuit, self.now)
        epoch = circuit.epoch
        if kind == "apt":
            return self._apt(circuit, detail)
        if kind == "outcome":
            permit = self._permit(circuit, detail["permit"])
            return Outcome(**{**detail, "epoch": epoch + detail["epoch"], "permit": permit})
        if kind == "probe":
            return ProbeStarted(epoch + detail[0], detail[1])
        if kind == "config":
            return ConfigChanged(circuit.revision + 1, detail.to_wire())
        event: AnyEvent = detail
        return event

    def _apt(self, circuit: Circuit, result: Result) -> AnyEvent:
        if circuit.state is CircuitState.OPEN:
            self.now = max(self.now, circuit.open_until_ms)
            return ProbeStarted(circuit.epoch + 1, 5000)
        if circuit.state is CircuitState.HALF_OPEN and circuit.probe_places:
            return ProbeStarted(circuit.epoch, 5000)
        return Outcome(circuit.epoch, result, 20, permit=self._permit(circuit, "out"))

    def _permit(self, circuit: Circuit, kind: str) -> str | None:
        out = sorted(circuit.probes)
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
def logs(draw: st.DrawFn) -> tuple[CircuitBreakerConfig, list[Entry]]:
    """A config and a log that was written under it."""
    config = draw(enabled_configs)
    size = draw(st.integers(0, 50))  # lists left alone are short: most logs would never open
    steps = draw(st.lists(st.tuples(pauses, ops), min_size=size, max_size=size))
    return config, write_log(config, steps)
