"""The circuit: everything the fold knows of one agent, and the changes it reports."""

from __future__ import annotations

from copy import copy
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from fuseline.core.adaptive import InForce, in_force
from fuseline.core.baseline import Baseline
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Mode
from fuseline.core.states import CircuitState as CircuitState
from fuseline.core.window import Bucket, bucket_count, bucket_ms

NEVER_MS = 1 << 62
"""A deadline that does not come."""


class Cause(StrEnum):
    """Why a transition happened."""

    CONSECUTIVE_FAILURES = "consecutive_failures"
    FAILURE_RATE = "failure_rate"
    SLOW_CALL_RATE = "slow_call_rate"
    OPEN_TIME_OVER = "open_time_over"
    PROBES_SUCCEEDED = "probes_succeeded"
    PROBE_FAILED = "probe_failed"
    PROBES_INCONCLUSIVE = "probes_inconclusive"
    RESET = "reset"
    DISABLED = "disabled"
    REMOVED = "removed"


class Circuit(Struct):
    """State of one circuit breaker after the event `last_ms`-`last_seq` of its log.

    `fold.apply` and `fold.advance` never change the circuit they are given.
    All times are ms of Redis's clock.
    """

    config: CircuitBreakerConfig
    revision: int = 0  # of the config; 0: no ConfigChanged seen, the defaults apply
    last_ms: int = 0
    last_seq: int = 0
    state: CircuitState = CircuitState.CLOSED
    epoch: int = 0  # number of transitions so far
    since_ms: int = 0  # effective time of the last transition
    cause: str = ""  # of the last transition
    open_until_ms: int = 0
    opens_in_a_row: int = 0
    consecutive_failures: int = 0
    calls: int = 0  # sums over `buckets`
    failures: int = 0
    slow: int = 0
    buckets: list[Bucket] = msgspec.field(default_factory=list)
    troubled_workers: dict[int, int] = msgspec.field(default_factory=dict)  # id -> last bucket
    retry_until_ms: int = 0  # latest moment a Retry-After named since CLOSED began
    probes: dict[str, int] = msgspec.field(default_factory=dict)  # permit -> lease deadline
    probe_successes: int = 0
    probes_inconclusive: int = 0
    mode: Mode = Mode.AUTO
    mode_until_ms: int = 0  # 0: until changed
    set_aside: int = 0  # unreadable events met so far
    removed: bool = False  # the agent is not registered any more
    baseline: Baseline | None = None  # what is usual for the agent, while `adaptive`
    # Derived from the fields above, kept because the fold needs them for every event:
    next_deadline_ms: int = NEVER_MS  # when time alone changes something
    bucket_ms: int = 0
    bucket_count: int = 0
    slow_ms: float = NEVER_MS

    def __post_init__(self) -> None:
        self.derive()

    def derive(self) -> None:
        """Recomputes the derived fields."""
        config = self.config
        self.bucket_ms = bucket_ms(config)
        self.bucket_count = bucket_count(config)
        slow = config.slow_call_seconds
        # 2.007 s are 2007 ms, not the 2006.9999999999998 or 2007.0000000000002 of binary fractions.
        self.slow_ms = NEVER_MS if slow is None else round(slow * 1000, 6)
        self.derive_deadline()

    def derive_deadline(self) -> None:
        """Recomputes `next_deadline_ms`."""
        deadline = self.mode_until_ms or NEVER_MS
        if self.state is CircuitState.OPEN:
            deadline = min(deadline, self.open_until_ms)
        elif self.probes:
            deadline = min(deadline, *self.probes.values())
        self.next_deadline_ms = deadline

    @property
    def position(self) -> tuple[int, int]:
        """The last event folded, as numbers that compare."""
        return self.last_ms, self.last_seq

    @property
    def checkpoint(self) -> str:
        """Stream id of the last event folded."""
        return f"{self.last_ms}-{self.last_seq}"

    @property
    def failure_rate(self) -> float:
        """failures / calls of the window; 0.0 without calls."""
        return self.failures / self.calls if self.calls else 0.0

    @property
    def slow_call_rate(self) -> float:
        """slow / calls of the window; 0.0 without calls."""
        return self.slow / self.calls if self.calls else 0.0

    def in_force(self, now_ms: int) -> InForce:
        """The thresholds the figures are held against at a moment."""
        return in_force(self.config, self.baseline, now_ms)

    @property
    def recovering_until_ms(self) -> int:
        """When, after successful probes, every call is let through again; 0: no such time."""
        seconds = self.config.recovery_seconds
        if (
            seconds is None
            or self.state is not CircuitState.CLOSED
            or self.cause != Cause.PROBES_SUCCEEDED
            or not self.config.enabled
        ):
            return 0
        return self.since_ms + round(seconds * 1000)

    @property
    def probe_places(self) -> int:
        """Probes that may still be started in this HALF_OPEN round."""
        used = len(self.probes) + self.probe_successes
        return max(0, self.config.half_open_max_calls - used)

    def copy(self) -> Circuit:
        """An independent copy."""
        twin = copy(self)  # unlike `msgspec.structs.replace` it derives nothing again
        twin.buckets = [bucket.copy() for bucket in self.buckets]
        twin.troubled_workers = self.troubled_workers.copy()
        twin.probes = self.probes.copy()
        if self.baseline is not None:
            twin.baseline = self.baseline.copy()
        return twin

    def at(self, now_ms: int) -> Circuit:
        """A copy whose window shows the figures of `now_ms`; state and counters are not touched.

        The fold drops old buckets at the next outcome only, so readers ask here.
        """
        twin = self.copy()
        twin.expire_buckets(now_ms // self.bucket_ms)
        return twin

    def expire_buckets(self, now_index: int) -> None:
        """Drops the buckets that have left the window when `now_index` is the current one."""
        oldest = now_index - self.bucket_count
        buckets = self.buckets
        learns = self.config.adaptive and self.state is CircuitState.CLOSED
        while buckets and buckets[0][0] <= oldest:
            bucket = buckets.pop(0)
            _, calls, failures, slow = bucket
            self.calls -= calls
            self.failures -= failures
            self.slow -= slow
            if learns:
                self.learn(bucket)

    def learn(self, bucket: Bucket) -> None:
        """Adds a bucket of the window to what is usual for the agent."""
        if self.baseline is None:
            self.baseline = Baseline()
        index, calls, failures, _ = bucket
        half_life = self.config.adaptive_half_life_seconds
        self.baseline.learn(index * self.bucket_ms, calls, failures, half_life)

    def clear_window(self) -> None:
        """Empties the window and everything that is counted with it."""
        self.buckets = []
        self.calls = self.failures = self.slow = 0
        self.consecutive_failures = 0
        self.troubled_workers = {}
        self.retry_until_ms = 0


class Figures(Struct, frozen=True, array_like=True):
    """The window and the counters at one moment, for explanations."""

    calls: int
    failures: int
    slow: int
    consecutive_failures: int
    troubled_workers: int = 0
    probe_successes: int = 0
    probes_inconclusive: int = 0
    baseline: float | None = None  # the usual failure rate; None: not adaptive, or not known
    rate_threshold: float | None = None  # what `adaptive` made of the settings, like the next
    failure_threshold: int | None = None


class Transition(Struct, frozen=True, array_like=True, tag="transition"):
    """The circuit changed state."""

    at_ms: int  # effective time: the event's, or the deadline that time reached
    from_state: CircuitState
    to_state: CircuitState
    cause: Cause
    epoch: int  # after the transition
    revision: int  # config revision in force
    event_id: str  # the event that caused it; the permit of a lease; "" for OPEN_TIME_OVER
    figures: Figures
    failure_kind: str = ""
    worker: int = 0
    trace: bytes = b""
    open_until_ms: int = 0
    actor: str = ""
    reason: str = ""


class ModeChanged(Struct, frozen=True, array_like=True, tag="override"):
    """An override was set, taken back or ran out (then `actor` is empty)."""

    at_ms: int
    mode: Mode
    event_id: str
    actor: str = ""
    reason: str = ""
    until_ms: int = 0


class ConfigApplied(Struct, frozen=True, array_like=True, tag="config"):
    """New settings are in force from here on."""

    at_ms: int
    revision: int
    config: list[Any]
    event_id: str
    actor: str = ""
    reason: str = ""
    details: dict[str, list[Any]] = {}  # what else changed: [before, after] by name, no secret


class EventSetAside(Struct, frozen=True, array_like=True, tag="set_aside"):
    """An entry of the log could not be read; it was skipped."""

    at_ms: int
    event_id: str
    error: str


class Rebuilt(Struct, frozen=True, array_like=True, tag="rebuilt"):
    """The projection was folded anew from the log; what was written before may be repeated.

    Not made by the fold: it stands in the history where the log had lost folded events
    (a failover) or an operator asked for it.
    """

    at_ms: int
    event_id: str  # the checkpoint reached
    previous_id: str  # the checkpoint before
    reason: str


class ShadowChanged(Struct, frozen=True, array_like=True, tag="shadow_set"):
    """Other settings are folded beside those in force from here on, or none any more."""

    at_ms: int
    settings: dict[str, Any]  # what would be others, by name; empty: no shadow
    event_id: str
    actor: str = ""
    reason: str = ""


class ShadowTransition(Struct, frozen=True, array_like=True, tag="shadow"):
    """The circuit would have changed state under the settings of its shadow.

    Not made by the fold of the circuit: see `what_if.shadow`.
    """

    at_ms: int
    from_state: CircuitState
    to_state: CircuitState
    cause: Cause
    event_id: str  # as of a `Transition`
    figures: Figures
    known: bool = True  # False: only if nobody had called where nobody saw it
    open_until_ms: int = 0


Change = (
    Transition
    | ModeChanged
    | ConfigApplied
    | EventSetAside
    | Rebuilt
    | ShadowChanged
    | ShadowTransition
)
"""What a fold reports; the entries of an agent's history."""
