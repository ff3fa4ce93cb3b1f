"""Callers, sessions and tokens as the API shows them; no secret but a new token's, once."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from msgspec import Meta, Struct

MAX_TOKEN_SECONDS = 366 * 86_400


class Role(StrEnum):
    """What a caller may do; each role may do what those before it may."""

    VIEWER = "viewer"  # look
    CALLER = "caller"  # also ask whether to call, report outcomes and hand in tasks
    OPERATOR = "operator"  # also override circuits, and change alert rules
    ADMIN = "admin"  # also change agents and tokens


class Me(Struct, frozen=True, kw_only=True):
    """Who the request comes from.

    Attributes:
        name: of the token; "local" without one.
        role: what it allows.
        kind: token, session or local.
        actor: what stands in the history for changes.
        csrf_token: for X-CSRF-Token in unsafe requests of a session; null for others.
        trace_url: where a viewer shows the trace {trace_id}; null if the API has not been told.
    """

    name: str
    role: Role
    kind: str
    actor: str
    csrf_token: str | None = None
    trace_url: str | None = None


class Login(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What opens a session: an API token."""

    token: Annotated[str, Meta(min_length=1, max_length=200, examples=["fl_..."])]


class TokenCreate(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new token.

    Attributes:
        name: what stands in the history for its changes.
        role: what it allows.
        expires_in_seconds: its life; absent: until it is revoked.
    """

    name: Annotated[str, Meta(min_length=1, max_length=200, examples=["ci-deploy"])]
    role: Role
    expires_in_seconds: Annotated[
        Annotated[float, Meta(ge=1, le=MAX_TOKEN_SECONDS)] | None, Meta(examples=[7_776_000])
    ] = None


class TokenResponse(Struct, frozen=True, kw_only=True):
    """One token, without its secret."""

    id: str
    name: str
    role: Role
    created_at: str | None
    created_by: str
    expires_at: str | None
    revoked_at: str | None
    last_used_at: str | None
    valid: bool


class TokenList(Struct, frozen=True, kw_only=True):
    """All tokens, the oldest first."""

    items: list[TokenResponse]


class TokenCreated(Struct, frozen=True, kw_only=True):
    """A new token; `text` is shown this once and kept nowhere."""

    token: TokenResponse
    text: str
