"""A typed client of the HTTP API, for programs elsewhere."""

from fuseline.client.client import FuselineClient
from fuseline.client.errors import (
    ApiError,
    ClientError,
    Conflict,
    Forbidden,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    PreconditionFailed,
    TooManyAttempts,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from fuseline.client.stream import EventStream

__all__ = [
    "ApiError",
    "ClientError",
    "Conflict",
    "EventStream",
    "Forbidden",
    "FuselineClient",
    "InvalidInput",
    "NotAuthenticated",
    "NotFound",
    "PreconditionFailed",
    "TooManyAttempts",
    "Unavailable",
    "UnexpectedAnswer",
    "Unreachable",
]
