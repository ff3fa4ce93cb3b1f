"""What can go wrong when the API is asked; the problem it told of comes along."""

# ruff: noqa: N818 - callers read `except NotFound`, and what these are says their base class

from __future__ import annotations

from collections.abc import Sequence

from fuseline.core.errors import FuselineError
from fuseline.schemas.problems import FieldProblem, Problem


class ClientError(FuselineError):
    """Base class of all errors of the client."""


class Unreachable(ClientError):
    """The API gave no answer: no connection, a connection that broke, or no time left."""


class UnexpectedAnswer(ClientError):
    """What answered is not a Fuseline API, or one of another version."""


class ApiError(ClientError):
    """The API refused a request, or could not serve it.

    Attributes:
        status: of HTTP.
        problem: what the API said of it (RFC 9457).
        retry_after_seconds: when asking again makes sense; None: the API did not say.
    """

    def __init__(
        self, status: int, problem: Problem, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(status, problem, retry_after_seconds)
        self.status = status
        self.problem = problem
        self.retry_after_seconds = retry_after_seconds

    @property
    def errors(self) -> Sequence[FieldProblem]:
        """Values that were refused."""
        return self.problem.errors or ()

    @property
    def request_id(self) -> str:
        """Under which the API's log tells of the request."""
        return self.problem.request_id

    def __str__(self) -> str:
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.problem.title}: {self.problem.detail}{request}"


class InvalidInput(ApiError):
    """A value, or the whole body, is not allowed; `errors` names each value."""


class NotAuthenticated(ApiError):
    """No token, or none that counts."""


class Forbidden(ApiError):
    """The token's role does not allow it."""


class NotFound(ApiError, LookupError):
    """There is no such agent, task, token or transition."""


class Conflict(ApiError):
    """It is there already, or was changed at the same moment."""


class PreconditionFailed(ApiError):
    """It has been changed since the revision that was given; read it again."""


class TooManyAttempts(ApiError):
    """Too many wrong tokens came from this address of late."""


class Unavailable(ApiError):
    """The API runs, but its Redis server is away, or it is full."""


KINDS: dict[int, type[ApiError]] = {
    400: InvalidInput,
    401: NotAuthenticated,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
    413: InvalidInput,
    415: InvalidInput,
    422: InvalidInput,
    429: TooManyAttempts,
    503: Unavailable,
}
"""The error of each status; others are plain `ApiError`."""
