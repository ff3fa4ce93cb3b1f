"""How commands end: exit codes, and errors as one line on stderr."""

from __future__ import annotations

import json
import sys
from enum import IntEnum
from typing import Any

from typer.exceptions import TyperException

from fuseline.alerts.errors import AlertNotFoundError
from fuseline.core.errors import (
    AgentNotFoundError,
    BackendError,
    ConfigError,
    EmbeddedServerError,
    FuselineError,
)


class Exit(IntEnum):
    """Exit codes."""

    OK = 0
    FAILED = 1
    BAD_INPUT = 2
    BACKEND = 3
    NOT_FOUND = 4
    INTERNAL = 70
    INTERRUPTED = 130


EPILOG = (
    "Exit codes: 0 well, 1 a check failed, 2 bad input, 3 the server is not reachable or cannot be "
    "used, 4 no such agent, rule or channel, 130 interrupted. Errors are one line on stderr; with "
    "--json an object under the key error. What each means and what to do: docs/troubleshooting.md."
)


def exit_code(error: FuselineError) -> Exit:
    """The exit code that tells of an error."""
    if isinstance(error, ConfigError):
        return Exit.BAD_INPUT
    if isinstance(error, AgentNotFoundError | AlertNotFoundError):
        return Exit.NOT_FOUND
    if isinstance(error, BackendError | EmbeddedServerError):
        return Exit.BACKEND
    return Exit.FAILED


def report(error: FuselineError, *, as_json: bool) -> Exit:
    """Writes an error to stderr; returns the exit code."""
    code = exit_code(error)
    report_text(str(error), type(error).__name__, code, as_json=as_json)
    return code


def report_usage(error: TyperException, *, as_json: bool) -> Exit:
    """Writes to stderr what is wrong with the command line; returns the exit code."""
    words = [" ".join(error.format_message().split()).rstrip(".")]
    # Where Pydantic is installed Typer lets it check values, and its words leave the value out.
    details: list[dict[str, Any]] = getattr(error.__cause__, "errors", list)()
    words += [repr(one["input"]) for one in details if str(one["input"]) not in words[0]]
    if words[0]:  # else there were no arguments, and the help stands there already
        context = getattr(error, "ctx", None)
        where = context.command_path if context else "fuseline"
        text = f"{', not '.join(words)}; see '{where} --help'"
        report_text(text, "UsageError", Exit.BAD_INPUT, as_json=as_json)
    return Exit.BAD_INPUT


def report_text(text: str, kind: str, code: Exit, *, as_json: bool) -> None:
    """Writes an error that is no exception of ours to stderr."""
    if as_json:
        document = {"error": {"type": kind, "message": text, "exit_code": int(code)}}
        print(json.dumps(document), file=sys.stderr)
    else:
        print(f"fuseline: {' '.join(text.split())}", file=sys.stderr)
