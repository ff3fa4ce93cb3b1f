"""How near each rule of a circuit is to opening it."""

from __future__ import annotations

from fuseline.core.circuit import Circuit
from fuseline.schemas.circuits import Nearness


def nearness(circuit: Circuit) -> list[Nearness]:
    """The rules in the order in which they are tested; `circuit` shows the figures of now."""
    config = circuit.config
    calls = max(0, config.minimum_calls - circuit.calls)
    missing = f"{calls} more call{'s' if calls != 1 else ''} in the window" if calls else None
    slow = None if config.slow_call_seconds is None else config.slow_call_rate_threshold
    return [
        _one("consecutive_failures", circuit.consecutive_failures, config.failure_threshold, None),
        _one("failure_rate", circuit.failure_rate, config.failure_rate_threshold, missing),
        _one("slow_call_rate", circuit.slow_call_rate, slow, missing),
    ]


def _one(rule: str, value: float, threshold: float | None, waits_for: str | None) -> Nearness:
    return Nearness(
        rule=rule,
        value=round(value, 6),
        threshold=threshold,
        nearness=None if threshold is None else round(min(1.0, value / threshold), 6),
        waits_for=None if threshold is None else waits_for,
    )
