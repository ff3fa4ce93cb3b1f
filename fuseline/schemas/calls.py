"""Calls that other programs make themselves: whether they may, and how they ended."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

from fuseline.core.states import CircuitState

MAX_OUTCOMES = 1000
"""Most outcomes of one report."""

_NUMBER = Meta(ge=1, le=(1 << 53) - 1)
_LONGEST_MS = 7 * 86_400_000
_TICKET = r"^(-1|[0-9]{1,16})(:[0-9]{1,16}-[0-9]{1,16})?$"
_TRACEPARENT = r"^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$"
_WORKER = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$"


class ResultName(StrEnum):
    """How a call ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    TIMEOUT = "timeout"  # the caller's own deadline; a failure
    ABANDONED = "abandoned"  # the caller went away; says nothing about the agent
    IGNORED = "ignored"  # no evidence, as the caller judges it
    NOT_SENT = "not_sent"  # failed before a byte left


class CallAdmission(Struct, frozen=True, kw_only=True):
    """Whether a call may be made now.

    Attributes:
        agent: name of the agent.
        admitted: make the call, and report how it ended; or do not make it.
        ticket: for the report; null unless admitted.
        state: of the circuit, as it decided.
        probe: the call is one of the few that a circuit lets through to find out whether the agent
            is well again.
        ends_in_seconds: a probe must have ended, and been reported, by then; null: not a probe.
        cause: why it is refused, e.g. consecutive_failures or forced_open; "" if admitted.
        retry_after_seconds: when asking again can succeed; 0: unknown, or admitted.
    """

    agent: str
    admitted: bool
    ticket: str | None
    state: CircuitState
    probe: bool = False
    ends_in_seconds: float | None = None
    cause: str = ""
    retry_after_seconds: float = 0.0


class OutcomeReport(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one call ended.

    Attributes:
        ticket: of its admission.
        result: success, failure, timeout, abandoned, ignored or not_sent.
        duration_ms: how long it took.
        ago_ms: how long ago it ended.
        failure_kind: short name of what went wrong, e.g. http_503.
        retry_after_seconds: what the agent asked for, e.g. by Retry-After.
        traceparent: the call's place in a trace, as W3C's header has it.
    """

    ticket: Annotated[
        Annotated[str, Meta(pattern=_TICKET, examples=["4"])],
        Meta(extra={"allowed": "the ticket of an admission, as it is"}),
    ]
    result: ResultName
    duration_ms: Annotated[int, Meta(ge=0, le=_LONGEST_MS)]
    ago_ms: Annotated[int, Meta(ge=0, le=_LONGEST_MS)] = 0
    failure_kind: Annotated[
        Annotated[str, Meta(pattern=r"^[ -~]{0,100}$")],
        Meta(extra={"allowed": "at most 100 printable ASCII characters"}),
    ] = ""
    retry_after_seconds: Annotated[float, Meta(ge=0, le=_LONGEST_MS / 1000)] = 0.0
    traceparent: Annotated[
        Annotated[str, Meta(pattern=_TRACEPARENT)] | None,
        Meta(extra={"allowed": "as the header traceparent of W3C Trace Context"}),
    ] = None


class OutcomesRecord(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Outcomes of one process, for one agent, in order.

    Attributes:
        worker: name of the process, as operators see it; no other process uses it.
        run: grows each time the process starts, e.g. seconds since 1970; its numbers begin anew.
        sequence: number of the first outcome; 1 in a new run, then one more for each outcome that
            this process reports of this agent. What the log has under a number is not taken twice.
        outcomes: what ended, 1 to 1000.
    """

    worker: Annotated[
        Annotated[str, Meta(pattern=_WORKER, examples=["shop-7"])],
        Meta(extra={"allowed": "1 to 100 letters, digits and . _ -, a letter or digit first"}),
    ]
    run: Annotated[int, _NUMBER]
    sequence: Annotated[int, _NUMBER]
    outcomes: Annotated[list[OutcomeReport], Meta(min_length=1, max_length=MAX_OUTCOMES)]


class OutcomesRecorded(Struct, frozen=True, kw_only=True):
    """What is in the log now.

    Attributes:
        sequence: the outcomes up to this number are in the log; go on with the next.
        state: of the circuit, with these outcomes counted.
        retry_after_seconds: when a call can be admitted again; 0: now, or unknown.
    """

    sequence: int
    state: CircuitState
    retry_after_seconds: float = 0.0
