"""The sliding window: at most 60 buckets of calls, failures and slow calls.

A bucket is `[index, calls, failures, slow]`; its index is the time divided by the bucket's width,
so two folds of the same log fill the same buckets whenever they run.
"""

from __future__ import annotations

from fuseline.core.config import CircuitBreakerConfig

MAX_BUCKETS = 60

Bucket = list[int]


def bucket_ms(config: CircuitBreakerConfig) -> int:
    """Width of one bucket in ms; the window is covered by at most `MAX_BUCKETS` of them."""
    return max(1, -(-round(config.window_size_seconds * 1000) // MAX_BUCKETS))


def bucket_count(config: CircuitBreakerConfig) -> int:
    """Number of buckets that cover the window."""
    return max(1, -(-round(config.window_size_seconds * 1000) // bucket_ms(config)))


def rescale(buckets: list[Bucket], old_ms: int, new_ms: int) -> list[Bucket]:
    """Moves the figures into buckets of another width; each by the time it began at."""
    if old_ms == new_ms:
        return buckets
    moved: dict[int, Bucket] = {}
    for index, calls, failures, slow in buckets:
        new_index = index * old_ms // new_ms
        bucket = moved.setdefault(new_index, [new_index, 0, 0, 0])
        bucket[1] += calls
        bucket[2] += failures
        bucket[3] += slow
    return [moved[index] for index in sorted(moved)]
