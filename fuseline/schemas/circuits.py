"""Circuits as the API shows them: short in lists and in the stream, whole on their own."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from msgspec import Meta, Struct

from fuseline.core.adaptive import InForce
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.states import CircuitState

Millis = Annotated[int, Meta(description="ms since 1970 of the server's clock")]
Rate = Annotated[float, Meta(ge=0.0, le=1.0)]


class ModeName(StrEnum):
    """Who decides admission: the circuit's state, or an operator."""

    AUTO = "auto"
    FORCED_OPEN = "forced_open"
    FORCED_CLOSED = "forced_closed"


class Thresholds(Struct, frozen=True, kw_only=True):
    """What the figures are held against.

    Attributes:
        failure_threshold, failure_rate_threshold: those in force: while `adaptive`, and once it is
            known what is usual, they follow from that.
        usual_failure_rate: of this agent at this hour of the day; null: not adaptive, or not known.
    """

    enabled: bool
    failure_threshold: int | None
    failure_rate_threshold: float | None
    minimum_calls: int
    window_size_seconds: float
    slow_call_seconds: float | None
    slow_call_rate_threshold: float
    half_open_max_calls: int
    minimum_workers: int
    adaptive: bool = False
    usual_failure_rate: float | None = None

    @classmethod
    def of(cls, config: CircuitBreakerConfig, held: InForce) -> Thresholds:
        """Those of a circuit's settings, with what is in force."""
        return cls(
            enabled=config.enabled,
            failure_threshold=held.failure_threshold,
            failure_rate_threshold=rounded(held.rate_threshold),
            minimum_calls=config.minimum_calls,
            window_size_seconds=config.window_size_seconds,
            slow_call_seconds=config.slow_call_seconds,
            slow_call_rate_threshold=config.slow_call_rate_threshold,
            half_open_max_calls=config.half_open_max_calls,
            minimum_workers=config.minimum_workers,
            adaptive=config.adaptive,
            usual_failure_rate=rounded(held.baseline),
        )


def rounded(rate: float | None) -> float | None:
    """A rate as it is shown."""
    return None if rate is None else round(rate, 6)


class CircuitSummary(Struct, frozen=True, kw_only=True):
    """One circuit in a list or in the stream.

    Attributes:
        agent: name of the agent.
        trouble: 0 for most, 6 for none; lists begin with the lowest.
        problem: why the circuit cannot be read; then everything but the name is at its default.
        projected: false while no projector has folded anything of it.
        state: of the circuit, also while a mode is above it.
        mode: `auto`, or what an operator forced.
        mode_until_ms: when the mode ends by itself; null: not by itself.
        cause: of the last transition; null without one.
        epoch: number of transitions so far.
        since_ms: when the last transition was; 0 without one.
        open_until_ms: when OPEN ends; null in other states.
        recovering_until_ms: until then only a growing share of the calls is let through; null: no.
        calls, failures, slow_calls: of the window now.
        failure_rate, slow_call_rate: of the window now.
        consecutive_failures: in a row, up to now.
        probes_out, probe_successes: of the HALF_OPEN round.
        thresholds: what the figures are held against.
        revision: of the settings in force.
        spark: calls and failures of the window, oldest first, in at most 20 parts of equal length.
    """

    agent: str
    trouble: Annotated[int, Meta(ge=0, le=6)] = 0
    problem: str | None = None
    projected: bool = True
    state: CircuitState = CircuitState.CLOSED
    mode: ModeName = ModeName.AUTO
    mode_until_ms: Millis | None = None
    cause: str | None = None
    epoch: int = 0
    since_ms: Millis = 0
    open_until_ms: Millis | None = None
    recovering_until_ms: Millis | None = None
    calls: int = 0
    failures: int = 0
    failure_rate: Rate = 0.0
    slow_calls: int = 0
    slow_call_rate: Rate = 0.0
    consecutive_failures: int = 0
    probes_out: int = 0
    probe_successes: int = 0
    thresholds: Thresholds | None = None
    revision: int = 0
    spark: list[tuple[int, int]] = []


class Nearness(Struct, frozen=True, kw_only=True):
    """One rule, held against its threshold.

    Attributes:
        rule: consecutive_failures, failure_rate or slow_call_rate.
        value: its figure now.
        threshold: where it opens; null: the rule is off.
        nearness: value / threshold, at most 1; null: the rule is off. While adaptive, of the
            failure rate that the window surely shows.
        waits_for: what is missing for the rule to count at all; null: nothing.
    """

    rule: str
    value: float
    threshold: float | None
    nearness: float | None
    waits_for: str | None = None


class LastTransition(Struct, frozen=True, kw_only=True):
    """The last transition, with its cause in words.

    Attributes:
        id: of the entry in the history; `explain?transition=` takes it.
        at, at_ms: when it took effect.
        from_state, to_state: what it changed.
        cause: why.
        why: the same as a sentence, with figures and thresholds.
    """

    id: str
    at: str | None
    at_ms: Millis
    from_state: CircuitState
    to_state: CircuitState
    cause: str
    why: str


class CircuitDetail(Struct, frozen=True, kw_only=True):
    """One circuit, whole.

    Attributes:
        circuit: the figures and the state, as in lists.
        why: one sentence on why it stands as it does.
        since: when the last transition was; null without one.
        open_until: when OPEN ends; null in other states.
        open_left_seconds: until then; null in other states.
        opens_in_a_row: openings without a CLOSED in between.
        checkpoint: last event of the log that is folded.
        set_aside: events of the log that could not be read.
        settings: all settings in force.
        nearness: each rule with its figure and threshold.
        last_transition: null without one, or when the history is gone.
        buckets: the window, oldest first.
        now_ms: when this was read.
        removed: whether the agent has left the registry.
    """

    circuit: CircuitSummary
    why: str
    since: str | None
    open_until: str | None
    open_left_seconds: float | None
    opens_in_a_row: int
    checkpoint: str
    set_aside: int
    settings: dict[str, Any]
    nearness: list[Nearness]
    last_transition: LastTransition | None
    buckets: list[dict[str, int]]
    now_ms: Millis
    removed: bool = False


class CircuitList(Struct, frozen=True, kw_only=True):
    """A page of circuits, the ones in most trouble first.

    Attributes:
        items: the circuits.
        total: circuits that pass the filters, on all pages.
        counts: circuits by state, without filters.
        next_cursor: for the page after this one; null on the last.
        now_ms: when they were read.
        unprojected_shards: shards that nobody projects now; their circuits stand still.
    """

    items: list[CircuitSummary]
    total: int
    counts: dict[str, int]
    next_cursor: str | None
    now_ms: Millis
    unprojected_shards: list[int]


class Override(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An operator's word over a circuit's state.

    Attributes:
        mode: forced_open refuses all calls, forced_closed admits all, auto hands back.
        reason: why; it stands in the history.
        expires_in_seconds: for how long; absent: until changed. Not with auto.
        reset: with auto: also close the circuit, with an empty window.
    """

    mode: ModeName
    reason: Annotated[str, Meta(min_length=1, max_length=500, examples=["maintenance until 4"])]
    expires_in_seconds: Annotated[
        Annotated[float, Meta(ge=0.001, le=31_536_000)] | None, Meta(examples=[600])
    ] = None
    reset: bool = False


class OverrideAnswer(Struct, frozen=True, kw_only=True):
    """What an override did.

    Attributes:
        event_id: of the override in the log.
        in_force: whether a projector has folded it yet; false: it is in the log and waits.
        circuit: as it stands now.
    """

    event_id: str
    in_force: bool
    circuit: CircuitSummary


class StateAt(Struct, frozen=True, kw_only=True):
    """A circuit as it was at an instant, folded again from the log.

    Attributes:
        at, at_ms: the instant.
        events: events that were folded to get there.
        missing: events that are not kept any more and that the answer lacks; above 0 it is what the
            rest tells.
        trimmed_before_ms: of instants before it only the history tells: state, mode and settings,
            without figures; null: the log is kept from its start.
        circuit: as it was.
        settings: in force then.
        nearness: each rule with its figure and threshold then.
        open_left_seconds: until OPEN would have ended; null in other states.
    """

    at: str | None
    at_ms: Millis
    events: int
    missing: int
    trimmed_before_ms: Millis | None
    circuit: CircuitSummary
    settings: dict[str, Any]
    nearness: list[Nearness]
    open_left_seconds: float | None
