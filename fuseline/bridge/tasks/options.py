"""Settings of a worker, checked once."""

from __future__ import annotations

from msgspec import Struct

from fuseline.bridge.tasks.store import RESULT_TTL_SECONDS
from fuseline.core.errors import ConfigError
from fuseline.core.retention import Retention

_BOUNDS = {
    "concurrency": (1, 10_000),
    "per_agent": (1, 10_000),
    "lease_seconds": (0.2, 86_400.0),
    "drain_seconds": (0.0, 86_400.0),
    "result_ttl_seconds": (1.0, 30 * 86_400.0),
    "dead_letter_days": (0.0, 36_500.0),
}


class WorkerOptions(Struct, frozen=True, kw_only=True):
    """How a worker works.

    Attributes:
        concurrency: most tasks in flight.
        per_agent: most tasks in flight of one agent whose `max_concurrent_calls` is not lower;
            None: no cap.
        lease_seconds: a worker that is silent for this long has died; its tasks go to others.
        drain_seconds: how long calls in flight may go on when the worker is stopped.
        result_ttl_seconds: how long results are kept.
        dead_letter_days: how long tasks that were given up are kept; 0: for ever.

    Raises:
        ConfigError: a value is not allowed.
    """

    concurrency: int = 32
    per_agent: int | None = None
    lease_seconds: float = 30.0
    drain_seconds: float = 20.0
    result_ttl_seconds: float = RESULT_TTL_SECONDS
    dead_letter_days: float = Retention().dead_letter_days

    def __post_init__(self) -> None:
        for name, (low, high) in _BOUNDS.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ConfigError(name, value, f"a number from {low:g} to {high:.10g}")
