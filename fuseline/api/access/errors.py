"""Why a request is turned away. No message holds a secret, or says which part of one was wrong."""

from __future__ import annotations

import math

from fuseline.api.access.roles import Role
from fuseline.core.errors import FuselineError


class AccessError(FuselineError):
    """Base class: the request is turned away before it does anything.

    Attributes:
        status: the HTTP status that says so.
    """

    status = 403


class NotAuthenticatedError(AccessError):
    """No credentials, or none that count (any more): 401."""

    status = 401

    def __init__(
        self, detail: str = "send a token as 'Authorization: Bearer fl_...', or sign in"
    ) -> None:
        super().__init__(detail)


class ForbiddenError(AccessError):
    """The caller is known and may not do this: 403."""


class RoleError(ForbiddenError):
    """It needs another role."""

    def __init__(self, role: Role, needed: Role) -> None:
        self.role = role
        self.needed = needed
        super().__init__(f"this needs the role {needed.value}; yours is {role.value}")

    def __reduce__(self) -> tuple[type[RoleError], tuple[Role, Role]]:
        return type(self), (self.role, self.needed)


class CsrfError(AccessError):
    """The request may have been made by another web site in the caller's browser: 403."""


class TooManyAttemptsError(AccessError):
    """Too many failed attempts of late; nothing was checked: 429.

    Attributes:
        retry_after_seconds: when asking again can succeed, in whole seconds.
    """

    status = 429

    def __init__(self, retry_after_seconds: float) -> None:
        self.retry_after_seconds = max(1, math.ceil(retry_after_seconds))
        super().__init__(
            f"too many failed attempts to sign in; try again in {self.retry_after_seconds} s"
        )

    def __reduce__(self) -> tuple[type[TooManyAttemptsError], tuple[float]]:
        return type(self), (self.retry_after_seconds,)
