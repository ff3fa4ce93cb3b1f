"""Every error as one shape: Problem Details (RFC 9457), with the fields that were wrong."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from msgspec import UNSET, Struct, UnsetType

from fuseline.alerts.errors import (
    AlertExistsError,
    AlertNotFoundError,
    ChannelInUseError,
    NoNotifierError,
)
from fuseline.api.access.errors import AccessError, TooManyAttemptsError
from fuseline.api.access.tokens import TokenNotFoundError
from fuseline.api.errors import MalformedBodyError, PreconditionFailedError, TransitionNotFoundError
from fuseline.api.refusals import in_words, of_parameters, of_settings
from fuseline.api.stream.errors import TooManyStreamsError
from fuseline.archive.store import ArchiveError
from fuseline.bridge.remote import ReportConflictError
from fuseline.core.errors import (
    AgentNotFoundError,
    BackendError,
    BackendUnavailableError,
    ConfigError,
    FuselineError,
    NotReproducedError,
    RevisionConflictError,
    TaskNotFoundError,
)
from fuseline.registry.errors import AgentExistsError
from fuseline.schemas.problems import FieldProblem, Problem
from fuseline.telemetry.logs import get_logger

MEDIA_TYPE = "application/problem+json"

_UNAVAILABLE_SECONDS = 1

_log = get_logger("api")


class _Kind(Struct, frozen=True):
    slug: str
    title: str
    status: int


_INVALID = _Kind("invalid-input", "A value is not allowed", 422)
_KINDS: tuple[tuple[type[FuselineError], _Kind], ...] = (
    (ConfigError, _INVALID),
    (MalformedBodyError, _Kind("malformed-body", "The body cannot be read", 400)),
    (AgentExistsError, _Kind("agent-exists", "The agent is registered already", 409)),
    (AgentNotFoundError, _Kind("agent-not-found", "There is no such agent", 404)),
    (TokenNotFoundError, _Kind("token-not-found", "There is no such token", 404)),
    (
        TransitionNotFoundError,
        _Kind("transition-not-found", "There is no such transition", 404),
    ),
    (AlertNotFoundError, _Kind("alert-not-found", "There is no such rule or channel", 404)),
    (AlertExistsError, _Kind("alert-exists", "There is such a rule or channel already", 409)),
    (ChannelInUseError, _Kind("channel-in-use", "Rules name the channel", 409)),
    (NoNotifierError, _Kind("no-notifier", "Nobody sends alerts", 409)),
    (
        ReportConflictError,
        _Kind("report-conflict", "The numbers do not follow what the log has", 409),
    ),
    (TaskNotFoundError, _Kind("task-not-found", "There is no such task", 404)),
    (
        PreconditionFailedError,
        _Kind("precondition-failed", "It has been changed since it was read", 412),
    ),
    (
        RevisionConflictError,
        _Kind("revision-conflict", "It has been changed since it was read", 409),
    ),
    (
        NotReproducedError,
        _Kind("not-reproduced", "The log does not give the history again", 409),
    ),
    (ArchiveError, _Kind("archive-damaged", "The archive cannot be read", 503)),
    (TooManyStreamsError, _Kind("too-many-streams", "No more streams can be served", 503)),
    (BackendUnavailableError, _Kind("server-away", "The Redis server does not answer", 503)),
    (BackendError, _Kind("server-refuses", "The Redis server cannot be used", 503)),
)


def problem_of(request: Request[Any, Any, Any], error: Exception) -> Response[Problem]:
    """The answer that tells of an error; what is not the caller's fault is logged."""
    headers: dict[str, str] = {}
    errors: list[FieldProblem] | UnsetType = UNSET
    detail = str(error)
    request_id = str(request.scope.get("request_id", ""))
    told = {"path": request.url.path, "request_id": request_id}
    if isinstance(error, AccessError):
        kind = _Kind(
            {401: "not-authenticated", 429: "too-many-attempts"}.get(error.status, "forbidden"),
            {401: "Who you are is not known", 429: "Too many failed attempts"}.get(
                error.status, "This is not allowed to you"
            ),
            error.status,
        )
        if error.status == HTTPStatus.UNAUTHORIZED:
            headers["WWW-Authenticate"] = 'Bearer realm="fuseline"'
        if isinstance(error, TooManyAttemptsError):
            headers["Retry-After"] = str(error.retry_after_seconds)
    elif isinstance(error, ValidationException):
        kind, errors = _INVALID, of_parameters(request, error)
        detail = in_words(errors) or "a parameter is not allowed"
    elif isinstance(error, HTTPException):
        kind = _http_kind(error.status_code)
        headers |= error.headers or {}
        detail = error.detail or kind.title
    elif (found := _known(error)) is not None:
        kind = found
        if isinstance(error, ConfigError):
            errors = of_settings(request, error)
            detail = in_words(errors)
        if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
            headers["Retry-After"] = str(_UNAVAILABLE_SECONDS)
            _log.warning("request_failed", **told, error=detail)
    else:
        kind = _Kind("internal-error", "Something in Fuseline failed", 500)
        detail = "this is a bug; the log of the API process tells more under the request id"
        _log.error("request_failed", **told, exc_info=error)
    return Response(
        Problem(
            type=f"urn:fuseline:problem:{kind.slug}",
            title=kind.title,
            status=kind.status,
            detail=detail,
            instance=request.url.path,
            request_id=request_id,
            errors=errors,
        ),
        status_code=kind.status,
        media_type=MEDIA_TYPE,
        headers=headers,
    )


def _known(error: Exception) -> _Kind | None:
    for cls, kind in _KINDS:
        if isinstance(error, cls):
            return kind
    return None


def _http_kind(status: int) -> _Kind:
    known = HTTPStatus(status)
    return _Kind(known.phrase.lower().replace(" ", "-"), known.phrase, status)


HANDLERS: dict[Any, Callable[[Request[Any, Any, Any], Exception], Response[Problem]]] = {
    Exception: problem_of,
    HTTPException: problem_of,
}


def answers(*statuses: int) -> dict[int, ResponseSpec]:
    """Declares the problems a route may answer with, beside those that any route may.

    Args:
        statuses: of the route's own; one that reads a body names 400.
    """
    body = (413, 415) if 400 in statuses else ()
    about = {
        400: "The body cannot be read.",
        401: "No credentials, or none that count.",
        403: "The role does not allow this, or the request may come from another site.",
        404: "There is no such thing.",
        409: "It is there already, or was changed meanwhile.",
        412: "The revision in If-Match is not the current one.",
        413: "The body is too large.",
        415: "The body is not application/json, or is compressed.",
        422: "A value is not allowed; `errors` names each.",
        429: "Too many failed attempts.",
        503: "The Redis server is away, or no more can be served.",
    }
    return {
        status: ResponseSpec(
            Problem, description=about[status], media_type=MEDIA_TYPE, generate_examples=False
        )
        for status in sorted({*statuses, *body, 401, 403, 422, 429, 503})
    }
