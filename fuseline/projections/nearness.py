"""How near each rule of a circuit is to opening it."""

from __future__ import annotations

from fuseline.core.adaptive import calls_needed, lower_bound
from fuseline.core.circuit import Circuit
from fuseline.schemas.circuits import Nearness


def nearness(circuit: Circuit, now_ms: int) -> list[Nearness]:
    """The rules in the order in which they are tested; `circuit` shows the figures of `now_ms`."""
    config, held = circuit.config, circuit.in_force(now_ms)
    missing = _missing(config.minimum_calls - circuit.calls)
    slow = None if config.slow_call_seconds is None else config.slow_call_rate_threshold
    rate_missing, sure = missing, circuit.failure_rate
    if held.baseline is not None and held.rate_threshold is not None:
        needed = calls_needed(held.rate_threshold, config.adaptive_confidence)
        rate_missing = _missing(needed - circuit.calls)
        sure = lower_bound(circuit.failures, circuit.calls, config.adaptive_confidence)
    streak = circuit.consecutive_failures
    return [
        _one("consecutive_failures", streak, streak, held.failure_threshold, None),
        _one("failure_rate", circuit.failure_rate, sure, held.rate_threshold, rate_missing),
        _one("slow_call_rate", circuit.slow_call_rate, circuit.slow_call_rate, slow, missing),
    ]


def _missing(calls: int) -> str | None:
    return f"{calls} more call{'s' if calls != 1 else ''} in the window" if calls > 0 else None


def _one(
    rule: str, value: float, counts: float, threshold: float | None, waits_for: str | None
) -> Nearness:
    return Nearness(
        rule=rule,
        value=round(value, 6),
        threshold=None if threshold is None else round(threshold, 6),
        nearness=None if threshold is None else round(min(1.0, counts / threshold), 6),
        waits_for=None if threshold is None else waits_for,
    )
