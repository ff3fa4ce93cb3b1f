"""The thresholds in force of a circuit whose settings say `adaptive`.

The rate test becomes a statistical one: it opens when the window is too bad to be chance, that is
when even the lower confidence bound of its failure rate (Wilson 1927, one-sided) is at the
threshold, which lies a margin above what is usual for the agent, between a floor and the fixed
threshold. How many calls that needs follows from the confidence. A streak counts when it is as
unlikely as that under the usual rate.
"""

from __future__ import annotations

from functools import lru_cache
from math import sqrt
from statistics import NormalDist

from msgspec import Struct

from fuseline.core.baseline import Baseline
from fuseline.core.config import CircuitBreakerConfig

_LONGEST_STREAK = 1000


class InForce(Struct, frozen=True):
    """What a circuit is held against now.

    Attributes:
        baseline: the usual failure rate; None: not adaptive, or not known yet.
        rate_threshold: failure rate that opens; None: test off.
        failure_threshold: streak that opens; None: test off.
    """

    baseline: float | None = None
    rate_threshold: float | None = None
    failure_threshold: int | None = None


def in_force(config: CircuitBreakerConfig, baseline: Baseline | None, now_ms: int) -> InForce:
    """The thresholds at a moment."""
    usual = baseline.rate(now_ms) if config.adaptive and baseline is not None else None
    if usual is None:
        return InForce(None, config.failure_rate_threshold, config.failure_threshold)
    return InForce(
        usual, _rate_threshold(config, usual), _streak(config.failure_threshold, config, usual)
    )


def rate_is_unusual(
    config: CircuitBreakerConfig, threshold: float, calls: int, failures: int
) -> bool:
    """Whether the window's failure rate is surely at the threshold."""
    return lower_bound(failures, calls, config.adaptive_confidence) >= threshold


def lower_bound(failures: int, calls: int, confidence: float) -> float:
    """The failure rate that the true one is above, with this confidence (Wilson score)."""
    if not calls:
        return 0.0
    z = _quantile(confidence)
    rate, square = failures / calls, z * z
    middle = rate + square / (2 * calls)
    spread = z * sqrt(rate * (1 - rate) / calls + square / (4 * calls * calls))
    return max(0.0, (middle - spread) / (1 + square / calls))


def calls_needed(threshold: float, confidence: float) -> int:
    """Calls after which the window can open at all: when every one of them fails."""
    if threshold >= 1.0:
        return 0
    square = _quantile(confidence) ** 2
    return max(1, -int(-(square * threshold / (1 - threshold)) // 1))


def _rate_threshold(config: CircuitBreakerConfig, usual: float) -> float | None:
    ceiling = config.failure_rate_threshold
    if ceiling is None:
        return None
    return min(ceiling, max(config.adaptive_floor, usual + config.adaptive_margin))


def _streak(fixed: int | None, config: CircuitBreakerConfig, usual: float) -> int | None:
    """The shortest streak, from the fixed one on, that is no chance under the usual rate."""
    if fixed is None:
        return None
    chance, length = 1.0, 0
    unlikely = 1.0 - config.adaptive_confidence
    while length < fixed or (chance > unlikely and length < _LONGEST_STREAK):
        chance *= usual
        length += 1
    return length


@lru_cache(maxsize=64)
def _quantile(confidence: float) -> float:
    # Rounded, so that the last bits of the machine's logarithm decide nothing.
    return round(NormalDist().inv_cdf(confidence), 9)
