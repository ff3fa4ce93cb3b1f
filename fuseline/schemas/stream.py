"""The events of the live stream; each is the `data` of the server-sent event of its name."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from fuseline.schemas.circuits import CircuitSummary, Millis, Rate

Reason = Literal["first", "gap", "data_loss"]


class CircuitFigures(Struct, frozen=True, kw_only=True):
    """The figures of one circuit; the fields are those of `CircuitSummary`, put them over it."""

    agent: str
    trouble: Annotated[int, Meta(ge=0, le=6)]
    calls: int
    failures: int
    failure_rate: Rate
    slow_calls: int
    slow_call_rate: Rate
    consecutive_failures: int
    probes_out: int
    probe_successes: int
    spark: list[tuple[int, int]]


class StreamSnapshot(Struct, frozen=True, kw_only=True):
    """Event `snapshot`: all circuits of the filter; what was known before is void.

    Attributes:
        reason: `first`: nothing to resume from; `gap`: too much was missed; `data_loss`: the
            server holds other data than before.
        part: 1 for the first event of it: then forget all circuits.
        parts: how many events it has. Only the last has an id.
        now_ms: when it was taken.
        circuits: those in trouble first.
        unprojected_shards: nobody folds these now; the states of their circuits stand still.
    """

    reason: Reason
    part: int
    parts: int
    now_ms: Millis
    circuits: list[CircuitSummary]
    unprojected_shards: list[int]


class StreamChanges(Struct, frozen=True, kw_only=True):
    """Event `changes`: circuits whose state, mode or settings changed, and those that are new.

    An agent stands in at most one of the lists, once.

    Attributes:
        now_ms: when it was sent.
        circuits: as they are now.
        removed: agents that have left the registry.
        left: circuits that do not fit the filter `state` any more; after a resume also some that
            did not fit before.
    """

    now_ms: Millis
    circuits: list[CircuitSummary]
    removed: list[str] = []
    left: list[str] = []


class StreamFigures(Struct, frozen=True, kw_only=True):
    """Event `figures`: the windows of busy circuits, about once a second."""

    now_ms: Millis
    circuits: list[CircuitFigures]


class StreamHealth(Struct, frozen=True, kw_only=True):
    """Event `health`: first of all, and whenever it changes.

    Attributes:
        server: whether Redis or Valkey answers; while it does not, nothing changes.
        unprojected_shards: nobody folds these now.
    """

    server: bool
    unprojected_shards: list[int]


class StreamOverrun(Struct, frozen=True, kw_only=True):
    """Event `overrun`: the client reads too slowly, and the stream ends here.

    Attributes:
        reason: which bound was reached.
        resume: the id to resume from; null: nothing to resume from was delivered.
    """

    reason: str
    resume: str | None


class StreamClosing(Struct, frozen=True, kw_only=True):
    """Event `closing`: the stream ends here; connect again with the last id.

    Attributes:
        reason: `shutdown`; `max_age`: connect again, perhaps to another process; `access`: the
            token or session does not count any more.
    """

    reason: str


StreamEvent = (
    StreamSnapshot | StreamChanges | StreamFigures | StreamHealth | StreamOverrun | StreamClosing
)
