"""What a caller may do, and who a caller is."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from fuseline.schemas.access import Role as Role

_RANK = {role: rank for rank, role in enumerate(Role)}


def allows(role: Role, needed: Role) -> bool:
    """Whether a caller of one role may do what needs another."""
    return _RANK[role] >= _RANK[needed]


class Caller(Struct, frozen=True, kw_only=True):
    """Who sends a request, proven.

    Attributes:
        name: of the token, also in a session that was opened with it; "local" without one.
        role: what the token allows now.
        kind: how it was proven.
        token_id: public id of the token; None in the local mode.
    """

    name: str
    role: Role
    kind: Literal["token", "session", "local"]
    token_id: str | None = None

    @property
    def actor(self) -> str:
        """What stands in the history for what this caller changes, e.g. "token:ci-deploy"."""
        return self.name if self.kind == "local" else f"{self.kind}:{self.name}"


LOCAL = Caller(name="local", role=Role.ADMIN, kind="local")
"""Everybody, where no token is needed."""
