"""The events of a circuit's log: this file is the wire schema.

Every event is a tagged msgpack array. Rules for change: tags and positions never get another
meaning, new fields are added at the end with a default, so old logs stay readable for ever and
older readers skip what newer writers add. `tests/events/test_codec.py` holds golden bytes.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Annotated, Any

from msgspec import Meta, Struct

# Anything beyond is no event but poison: its sums would not fit a projection.
Millis = Annotated[int, Meta(ge=0, le=1 << 53)]


class Result(IntEnum):
    """How a guarded call ended."""

    SUCCESS = 0
    FAILURE = 1
    TIMEOUT = 2  # the breaker's or executor's own deadline; a failure
    ABANDONED = 3  # the caller went away (cancellation); says nothing about the agent
    IGNORED = 4  # the classifier said: no evidence
    NOT_SENT = 5  # failed locally before a byte left


class Mode(IntEnum):
    """Who decides admission: the circuit's state, or an operator."""

    AUTO = 0
    FORCED_OPEN = 1
    FORCED_CLOSED = 2


class Outcome(Struct, array_like=True, tag=1, gc=False):
    """A call ended.

    The time is the entry's id minus `age_ms`: one clock, Redis's. Not frozen, because the recorder
    fills in age and sequence when it sends; nobody else changes one.
    """

    epoch: int  # the circuit's epoch when the call was admitted
    result: Result
    duration_ms: Millis
    age_ms: Millis = 0  # how long ago it ended when it was encoded
    worker: int = 0  # producer id
    seq: int = 0  # the producer's number in this shard; with `worker` the outcome's identity
    failure_kind: str = ""  # e.g. "TimeoutError", "http_503"
    permit: str | None = None  # id of the ProbeStarted entry, for a probe
    retry_after_ms: Millis = 0  # what the agent asked for
    trace: bytes = b""  # W3C trace id and span id, 24 bytes, or nothing


class ProbeStarted(Struct, frozen=True, array_like=True, tag=2):
    """A probe was let through; its permit is this entry's id."""

    epoch: int
    lease_ms: Millis
    worker: int = 0
    trace: bytes = b""


class ConfigChanged(Struct, frozen=True, array_like=True, tag=3):
    """The agent was registered, or its settings were changed."""

    revision: int
    config: list[Any]  # CircuitBreakerConfig.to_wire()
    actor: str = ""
    reason: str = ""
    details: dict[str, list[Any]] = {}  # what else changed: [before, after] by name, no secret


class OverrideSet(Struct, frozen=True, array_like=True, tag=4):
    """An operator forced the breaker, or handed it back."""

    mode: Mode
    actor: str = ""
    reason: str = ""
    expires_in_ms: Millis = 0  # 0: until changed
    reset: bool = False  # with AUTO: also back to CLOSED


class Tick(Struct, frozen=True, array_like=True, tag=5):
    """Time passed a deadline. Changes nothing that time alone would not: see `fold.advance`."""


class AgentRemoved(Struct, frozen=True, array_like=True, tag=6):
    """The agent left the registry: what comes later is no longer judged."""

    revision: int
    actor: str = ""
    reason: str = ""


class ShadowSet(Struct, frozen=True, array_like=True, tag=7):
    """Other settings are folded beside the agent's own from here on, or none any more."""

    settings: dict[str, Any]  # by name, what would be others; empty: no shadow
    actor: str = ""
    reason: str = ""


class UnknownEvent(Struct, frozen=True):
    """An event of a kind this version does not know; carried, never folded."""

    tag: int
    raw: bytes


class UnreadableEvent(Struct, frozen=True):
    """Bytes that are no event; set aside with their id, the rest goes on."""

    raw: bytes
    error: str


Event = Outcome | ProbeStarted | ConfigChanged | OverrideSet | Tick | AgentRemoved | ShadowSet
"""The kinds this version writes."""

AnyEvent = Event | UnknownEvent | UnreadableEvent
"""What reading a log can give."""

Entry = tuple[int, int, AnyEvent]
"""An event with the two numbers of its stream id: ms, seq."""
