"""Errors as documents: Problem Details (RFC 9457)."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct, UnsetType


class FieldProblem(Struct, frozen=True):
    """One value that was refused.

    Attributes:
        field: its path, e.g. `circuit_breaker_config.failure_threshold`.
        value: what was sent; `***` where it may be a secret.
        allowed: what would have been accepted, in words.
    """

    field: str
    value: Any
    allowed: str


class Problem(Struct, frozen=True, kw_only=True):
    """What went wrong with a request.

    Attributes:
        type: a URN that names the kind of problem.
        title: the kind in words; the same for all of a kind.
        status: the HTTP status.
        detail: this one in words.
        instance: path of the request.
        request_id: also in the header X-Request-ID, and in the log.
        errors: values that were refused.
    """

    type: str
    title: str
    status: int
    detail: str
    instance: str
    request_id: str
    errors: list[FieldProblem] | UnsetType = UNSET
