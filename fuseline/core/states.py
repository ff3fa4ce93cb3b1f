"""The three states."""

from __future__ import annotations

from enum import StrEnum


class CircuitState(StrEnum):
    """The three states of a circuit breaker (Nygard, Release It!)."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
