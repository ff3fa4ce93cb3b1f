"""Errors of requests that no other package has."""

from __future__ import annotations

from fuseline.core.errors import FuselineError


class MalformedBodyError(FuselineError):
    """The body is no JSON, or not the kind of value that is wanted."""


class TransitionNotFoundError(FuselineError, LookupError):
    """The history has no such transition or override, or not any more."""

    def __str__(self) -> str:
        return f"the history has no transition or override {self.args[0]!r}"


class PreconditionFailedError(FuselineError):
    """The revision in If-Match is not the current one."""
