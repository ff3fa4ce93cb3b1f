"""How wide the buckets of a zoomed-out timeline are."""

from __future__ import annotations

from fuseline.core.errors import ConfigError
from fuseline.projections.tally import UNITS

_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000

SIZES = (
    *(_SECOND, 2 * _SECOND, 5 * _SECOND, 10 * _SECOND, 30 * _SECOND),
    *(_MINUTE, 2 * _MINUTE, 5 * _MINUTE, 10 * _MINUTE, 30 * _MINUTE),
    *(_HOUR, 2 * _HOUR, 6 * _HOUR, 12 * _HOUR),
    *(_DAY, 2 * _DAY, 5 * _DAY, 10 * _DAY, 30 * _DAY, 100 * _DAY, 1000 * _DAY),
)
"""The sizes that are chosen from, in ms."""

FINEST_COUNTED = UNITS[0][1]
"""Below this, in ms, every entry has to be read."""

MAX_BUCKETS = 300
_MOST_BUCKETS = 2000
MAX_MS = 1 << 48


def check_range(since_ms: int, until_ms: int) -> None:
    """Refuses a span of time that is none.

    Raises:
        ConfigError: under the name since_ms or until_ms.
    """
    if not _is_whole(since_ms, 0, MAX_MS - 1):
        raise ConfigError("since_ms", since_ms, f"a whole number from 0 to {MAX_MS - 1}")
    if not _is_whole(until_ms, since_ms + 1, MAX_MS):
        raise ConfigError("until_ms", until_ms, f"a whole number from {since_ms + 1} to {MAX_MS}")


def check_max_buckets(max_buckets: int) -> None:
    """Refuses a number of buckets that nobody can draw.

    Raises:
        ConfigError: under the name max_buckets.
    """
    if not _is_whole(max_buckets, 1, _MOST_BUCKETS):
        raise ConfigError("max_buckets", max_buckets, f"a whole number from 1 to {_MOST_BUCKETS}")


def check_size(bucket_ms: int, since_ms: int, until_ms: int, max_buckets: int) -> None:
    """Refuses a size that does not fit the units or the range.

    Raises:
        ConfigError: under the name bucket_ms.
    """
    if not _is_whole(bucket_ms, _SECOND, MAX_MS) or (
        bucket_ms % FINEST_COUNTED and FINEST_COUNTED % bucket_ms
    ):
        allowed = "1000, 2000, 2500 or 5000, or a multiple of 10000"
        raise ConfigError("bucket_ms", bucket_ms, allowed)
    if count(bucket_ms, since_ms, until_ms) > max_buckets:
        fitting = choose_size(since_ms, until_ms, max_buckets)
        raise ConfigError(
            "bucket_ms", bucket_ms, f"{fitting} or more, for at most {max_buckets} buckets"
        )


def count(bucket_ms: int, since_ms: int, until_ms: int) -> int:
    """How many aligned buckets hold a span."""
    return -(-until_ms // bucket_ms) - since_ms // bucket_ms


def choose_size(
    since_ms: int, until_ms: int, max_buckets: int = MAX_BUCKETS, at_least_ms: int = 0
) -> int:
    """The smallest of `SIZES` that needs at most `max_buckets` buckets."""
    for size in SIZES:
        if size >= at_least_ms and count(size, since_ms, until_ms) <= max_buckets:
            return size
    size = SIZES[-1]
    while count(size, since_ms, until_ms) > max_buckets:
        size *= 2
    return size


def _is_whole(value: object, low: int, high: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
