"""Why a circuit changed, in words: the figures, and the thresholds they were held against."""

from __future__ import annotations

from fuseline.core.circuit import (
    Cause,
    Change,
    ConfigApplied,
    EventSetAside,
    Figures,
    ModeChanged,
    Rebuilt,
    ShadowChanged,
    ShadowTransition,
    Transition,
)
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import ConfigError
from fuseline.core.events import Mode

_BY_QUORUM = {Cause.CONSECUTIVE_FAILURES, Cause.FAILURE_RATE, Cause.SLOW_CALL_RATE}


def explain(change: Change, config: CircuitBreakerConfig | None) -> str:
    """One sentence without a full stop.

    Args:
        change: an entry of the history.
        config: the settings in force then; None if they are not known any more.
    """
    if isinstance(change, Transition):
        return _transition(change, config)
    if isinstance(change, ModeChanged):
        return _mode(change)
    if isinstance(change, ConfigApplied):
        if change.reason == "registered":
            return f"registered by {change.actor or 'unknown'}"
        return f"settings changed to revision {change.revision}{_by(change.actor, change.reason)}"
    if isinstance(change, EventSetAside):
        return f"event {change.event_id} cannot be read and was set aside: {change.error}"
    if isinstance(change, ShadowChanged):
        return _shadow(change)
    if isinstance(change, ShadowTransition):
        return _would_be(change)
    assert isinstance(change, Rebuilt)
    return (
        f"folded anew from the log up to {change.event_id or 'its start'} "
        f"(was at {change.previous_id or 'nothing'}): {change.reason}"
    )


def _transition(change: Transition, config: CircuitBreakerConfig | None) -> str:
    sentence = _cause(change, config)
    if config and config.minimum_workers > 1 and change.cause in _BY_QUORUM:
        seen = _count(change.figures.troubled_workers, "worker")
        sentence += f"; seen by {seen} (at least {config.minimum_workers})"
    if change.failure_kind:
        sentence += f"; last failure {change.failure_kind}"
    if change.open_until_ms:
        sentence += f"; open for {seconds((change.open_until_ms - change.at_ms) / 1000)}"
    return sentence


def _cause(change: Transition, config: CircuitBreakerConfig | None) -> str:
    figures = change.figures
    match change.cause:
        case Cause.CONSECUTIVE_FAILURES:
            failures = _count(figures.consecutive_failures, "failure")
            sentence = f"{failures} in a row{_streak_limit(figures, config)}"
        case Cause.FAILURE_RATE:
            rate = _rate(figures.failures, figures.calls, "failed", config)
            sentence = rate + _rate_limit(figures, config)
        case Cause.SLOW_CALL_RATE:
            limit = f" (threshold {percent(config.slow_call_rate_threshold)})" if config else ""
            sentence = _rate(figures.slow, figures.calls, "were slow", config) + limit
        case Cause.OPEN_TIME_OVER:
            probes = f"; up to {_count(config.half_open_max_calls, 'probe')}" if config else ""
            sentence = f"the open time is over{probes}"
        case Cause.PROBES_SUCCEEDED:
            limit = f" of {config.half_open_max_calls}" if config else ""
            sentence = f"{figures.probe_successes}{limit} probes succeeded"
        case Cause.PROBE_FAILED:
            sentence = "a probe failed"
        case Cause.PROBES_INCONCLUSIVE:
            sentence = f"{figures.probes_inconclusive} probes ended without a result"
        case Cause.RESET:
            sentence = f"reset{_by(change.actor, change.reason)}"
        case Cause.REMOVED:
            sentence = f"the agent was removed{_by(change.actor, change.reason)}"
        case Cause.DISABLED:
            sentence = f"the breaker was disabled{_by(change.actor, change.reason)}"
    return sentence


def _streak_limit(figures: Figures, config: CircuitBreakerConfig | None) -> str:
    if figures.failure_threshold is not None:
        usual = percent(figures.baseline or 0.0)
        return f" (threshold {figures.failure_threshold}, where {usual} is usual)"
    return f" (threshold {config.failure_threshold})" if config else ""


def _rate_limit(figures: Figures, config: CircuitBreakerConfig | None) -> str:
    if figures.rate_threshold is not None:
        usual = percent(figures.baseline or 0.0)
        return f" (surely at {percent(figures.rate_threshold)}, where {usual} is usual)"
    if config is None or config.failure_rate_threshold is None:
        return ""
    threshold = percent(config.failure_rate_threshold)
    return f" (threshold {threshold} from {config.minimum_calls} calls on)"


def _rate(part: int, calls: int, verb: str, config: CircuitBreakerConfig | None) -> str:
    window = f" in the last {seconds(config.window_size_seconds)}" if config else ""
    rate = percent(part / calls) if calls else "0 %"
    return f"{part} of {_count(calls, 'call')}{window} {verb}, {rate}"


def _mode(change: ModeChanged) -> str:
    if change.mode is Mode.AUTO:
        if not change.actor and not change.event_id:
            return "the override ran out"
        return f"handed back to the circuit{_by(change.actor, change.reason)}"
    word = "open" if change.mode is Mode.FORCED_OPEN else "closed"
    limit = ""
    if change.until_ms:
        limit = f" for {seconds((change.until_ms - change.at_ms) / 1000)}"
    return f"forced {word}{limit}{_by(change.actor, change.reason)}"


def _shadow(change: ShadowChanged) -> str:
    by = _by(change.actor, change.reason)
    if not change.settings:
        return f"the shadow ends{by}"
    settings = ", ".join(f"{name} {_value(value)}" for name, value in change.settings.items())
    return f"a shadow is folded along with {settings}{by}"


def _value(value: object) -> str:
    return "off" if value is None else str(value).lower() if isinstance(value, bool) else f"{value}"


def _would_be(change: ShadowTransition) -> str:
    figures, moved = change.figures, change.to_state.value.replace("_", " ")
    match change.cause:
        case Cause.CONSECUTIVE_FAILURES:
            cause = f"{_count(figures.consecutive_failures, 'failure')} in a row"
        case Cause.FAILURE_RATE:
            cause = _rate(figures.failures, figures.calls, "failed", None)
        case Cause.SLOW_CALL_RATE:
            cause = _rate(figures.slow, figures.calls, "were slow", None)
        case Cause.OPEN_TIME_OVER:
            cause = "the open time is over"
        case _:
            cause = change.cause.value.replace("_", " ")
    unless = "" if change.known else "; unless calls that nobody saw had gone otherwise"
    return f"the shadow would be {moved}: {cause}{unless}"


def _by(actor: str, reason: str) -> str:
    words = f" by {actor}" if actor else ""
    return f"{words}: {reason}" if reason else words


def config_of(change: ConfigApplied) -> CircuitBreakerConfig | None:
    """The settings a history entry holds; None if this release cannot read them."""
    try:
        return CircuitBreakerConfig.from_wire(change.config)
    except (ConfigError, TypeError):
        return None


def percent(rate: float) -> str:
    """A rate as "12 %"; one decimal place where rounding would hide the difference."""
    value = rate * 100
    return f"{value:.0f} %" if value >= 9.95 or value == int(value) else f"{value:.1f} %"


def seconds(value: float) -> str:
    """A length of time: "250 ms", "9.5 s", "2 min 5 s", "3 h 4 min", "2 d 3 h"."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 10 and round(value, 1) != round(value):
        return f"{value:.1f} s"
    whole = round(value)
    for name, size, rest_name, rest_size in (
        ("d", 86_400, "h", 3600),
        ("h", 3600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if whole >= size:
            rest = whole % size // rest_size
            return f"{whole // size} {name}" + (f" {rest} {rest_name}" if rest else "")
    return f"{whole} s"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
