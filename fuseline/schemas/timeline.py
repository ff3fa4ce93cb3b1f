"""Timelines as the API shows them: items, counts, spans of states, explanations."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from fuseline.core.states import CircuitState
from fuseline.schemas.circuits import Millis, ModeName


class Kind(StrEnum):
    """What an item of a timeline is."""

    TRANSITION = "transition"
    OVERRIDE = "override"
    CONFIG = "config"
    SET_ASIDE = "set_aside"
    REBUILT = "rebuilt"
    SHADOW = "shadow"
    SHADOW_SET = "shadow_set"
    SUCCESS = "success"
    FAILURE = "failure"
    TIMEOUT = "timeout"
    ABANDONED = "abandoned"
    IGNORED = "ignored"
    NOT_SENT = "not_sent"
    PROBE = "probe"


class TimelineItem(Struct, frozen=True, kw_only=True, rename={"from_": "from"}):
    """One thing that happened; which members there are depends on `kind`.

    Attributes:
        kind: transition, override, config, set_aside and rebuilt are changes of the circuit;
            shadow is a transition that there would have been under other settings, and
            shadow_set says which are tried from here on; probe is a probe that began; the others
            are how calls ended.
        id: of the entry; of a transition, `explain?transition=` takes it. A change and a call may
            have the same: only together with `kind` is it nothing else's.
        at, at_ms: when it took effect.
        why: a change in one sentence.
        from, to: the states of a transition.
        cause: of a transition.
        figures: of the window at a transition; while adaptive also the usual failure rate
            (`baseline`) and the thresholds it made.
        thresholds: that the figures were held against.
        details: what beside the breaker's settings a change changed, [before, after] by name.
        settings: of a shadow, what would be others; empty: it ends.
        known: false for a transition of a shadow that calls which nobody saw may have prevented.
        ended_at: when the call ended; before `at` if it was recorded late.
        sequence: the worker's number of this outcome.
    """

    at: str | None
    at_ms: Millis
    kind: Kind
    id: str
    why: str | UnsetType = UNSET
    from_: CircuitState | UnsetType = UNSET
    to: CircuitState | UnsetType = UNSET
    cause: str | UnsetType = UNSET
    epoch: int | UnsetType = UNSET
    revision: int | UnsetType = UNSET
    event_id: str | UnsetType | None = UNSET
    previous_id: str | UnsetType = UNSET
    figures: dict[str, int | float] | UnsetType = UNSET
    thresholds: dict[str, Any] | UnsetType | None = UNSET
    failure_kind: str | UnsetType | None = UNSET
    open_until: str | UnsetType | None = UNSET
    actor: str | UnsetType | None = UNSET
    reason: str | UnsetType | None = UNSET
    mode: ModeName | UnsetType = UNSET
    until: str | UnsetType | None = UNSET
    config: dict[str, Any] | UnsetType | None = UNSET
    details: dict[str, list[Any]] | UnsetType = UNSET
    error: str | UnsetType = UNSET
    settings: dict[str, Any] | UnsetType = UNSET
    known: bool | UnsetType = UNSET
    ended_at: str | UnsetType | None = UNSET
    duration_ms: int | UnsetType = UNSET
    permit: str | UnsetType | None = UNSET
    retry_after_seconds: float | UnsetType | None = UNSET
    sequence: int | UnsetType = UNSET
    lease_seconds: float | UnsetType = UNSET
    worker: str | UnsetType | None = UNSET
    trace_id: str | UnsetType | None = UNSET
    span_id: str | UnsetType | None = UNSET


class TimelinePage(Struct, frozen=True, kw_only=True):
    """A page of a timeline, the oldest first.

    Attributes:
        items: what happened.
        older: as `before` gives the page before this one; null: there is nothing older.
        newer: as `after` gives the page after this one, also what does not exist yet.
        has_newer: whether there is something newer by now.
        partial: there may be more in this direction though the page is not full; go on from the
            cursor.
        scanned_to_ms: up to where, in the direction asked for, everything was looked at.
    """

    items: list[TimelineItem]
    older: str | None
    newer: str
    has_newer: bool
    partial: bool
    scanned_to_ms: Millis


class CountBucket(Struct, frozen=True, kw_only=True):
    """What happened in one part of a range.

    Attributes:
        from_ms: when it begins.
        success, failure, timeout, abandoned, ignored, not_sent: calls by how they ended.
        probes: probes that began.
        p50_ms, p95_ms, p99_ms: durations of finished calls, estimated; null without calls.
        longest_ms: the longest finished call.
    """

    from_ms: Millis
    success: int
    failure: int
    timeout: int
    abandoned: int
    ignored: int
    not_sent: int
    probes: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    longest_ms: int


class TimelineCounts(Struct, frozen=True, kw_only=True):
    """A range in buckets; those in which nothing happened are left out.

    Attributes:
        from_ms, to_ms: the range, widened to whole buckets.
        bucket_ms: width of a bucket.
        buckets: in order of time.
        complete_from_ms: before it, entries are no longer kept or were too many to read.
        complete_to_ms: from it on, entries were too many to read; they wait to be folded.
        note: why the buckets are wider than the range would allow; "" if they are not.
    """

    from_ms: Millis
    to_ms: Millis
    bucket_ms: int
    buckets: list[CountBucket]
    complete_from_ms: Millis
    complete_to_ms: Millis
    note: str


class Band(Struct, frozen=True, kw_only=True):
    """A span in which state and mode stayed the same.

    Attributes:
        state: of the circuit.
        mode: above it.
        from_ms: when it began, or where the range does.
        to_ms: when it ended, or where the range does.
    """

    state: CircuitState
    mode: ModeName
    from_ms: Millis
    to_ms: Millis


class TimelineBands(Struct, frozen=True, kw_only=True):
    """The states of a range.

    Attributes:
        from_ms, to_ms: the range.
        bands: in order of time, without gaps.
        truncated: there were too many; those at the beginning are left out.
    """

    from_ms: Millis
    to_ms: Millis
    bands: list[Band]
    truncated: bool


class Explanation(Struct, frozen=True, kw_only=True):
    """Why a transition happened.

    Attributes:
        transition: the transition with figures and thresholds, or the override.
        why: the same in one sentence.
        settings: in force then; null if nothing tells them any more.
        settings_changed: when, by whom and why those settings were set; null if that is gone.
        events: what made the figures, the oldest first: the failures in a row, the failed or slow
            calls of the window, or the results of the round's probes.
        events_total: how many there were; more than `events` where they were too many.
        complete: whether the total is all; else the log has lost some or there were too many.
        opened_by: for the end of an open time: the transition that began it.
    """

    transition: TimelineItem
    why: str
    settings: dict[str, Any] | None
    settings_changed: TimelineItem | None
    events: list[TimelineItem]
    events_total: int
    complete: bool
    opened_by: TimelineItem | None = None
