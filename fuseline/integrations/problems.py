"""A refused call as an HTTP answer: 503, Retry-After, Problem Details (RFC 9457)."""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import msgspec
from msgspec import Struct

from fuseline.core.errors import CallRefusedError, CircuitBreakerOpenError

MEDIA_TYPE = "application/problem+json"
STATUS = 503

_UNKNOWN_SECONDS = 1  # a refusal that names no time may be over at once


class RefusedProblem(Struct, frozen=True, kw_only=True):
    """The body.

    Attributes:
        type: a URN that names the kind of problem.
        title: the kind in words.
        status: the HTTP status.
        detail: the refusal in words, with the agent's name.
        instance: path of the request.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str


class Answer(NamedTuple):
    """What to send."""

    status: int
    headers: dict[str, str]
    body: bytes


def answer_to(refused: CallRefusedError, path: str) -> Answer:
    """The answer for a call that a breaker refused.

    It names the agent and the cause; where callers must not know these, make one of your own from
    `refused`.

    Args:
        refused: by the circuit, or by a full bulkhead.
        path: of the request.
    """
    seconds = _UNKNOWN_SECONDS
    kind, title = "bulkhead-full", "Too many calls are in flight"
    if isinstance(refused, CircuitBreakerOpenError):
        kind, title = "circuit-open", "An agent is not called at the moment"
        seconds = max(seconds, ceil(refused.retry_after_seconds))
    problem = RefusedProblem(
        type=f"urn:fuseline:problem:{kind}",
        title=title,
        status=STATUS,
        detail=str(refused),
        instance=path,
    )
    headers = {"Content-Type": MEDIA_TYPE, "Retry-After": str(seconds)}
    return Answer(STATUS, headers, msgspec.json.encode(problem))
