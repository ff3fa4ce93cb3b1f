"""Calls on no record, because the recorded circuit refused them: what is assumed of them."""

from __future__ import annotations

from enum import StrEnum

from fuseline.core.circuit import CircuitState, Transition
from fuseline.core.config import CircuitBreakerConfig

DEFAULT_INTERVAL_MS = 1000.0
"""Between unseen calls, where nothing of the traffic before is known."""


class Assumption(StrEnum):
    """What became of the calls that the recorded circuit refused and the proposed one would not."""

    NONE = "none"  # nobody called
    SUCCEEDED = "succeeded"
    FAILED = "failed"


def call_interval_ms(opened: Transition, config: CircuitBreakerConfig, closed_ms: int) -> float:
    """Mean time between calls in the window that a circuit had when it left CLOSED.

    Args:
        opened: the transition out of CLOSED.
        config: in force then.
        closed_ms: when CLOSED, or what is known of it, began.
    """
    calls = opened.figures.calls
    if opened.from_state is not CircuitState.CLOSED or not calls:
        return DEFAULT_INTERVAL_MS
    length_ms = min(config.window_size_seconds * 1000, opened.at_ms - closed_ms)
    return max(1.0, length_ms / calls)
