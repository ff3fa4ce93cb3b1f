"""Loggers: structlog's calling style, the standard library's levels and handlers.

A library must not print on its own: an application that configures nothing sees warnings on stderr,
one that configures `logging` sees Fuseline's lines with all others. Fuseline's own processes call
`configure_logging`: everything to stderr, as text or as JSON lines. Each line says the agent and
the trace it was written in, if there is one, and no secrets.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import MutableMapping
from enum import StrEnum
from typing import Any, cast

import structlog
from opentelemetry import trace
from structlog.tracebacks import ExceptionDictTransformer

from fuseline.core.errors import ConfigError
from fuseline.telemetry.call_span import CallSpan
from fuseline.telemetry.redaction import redact, redact_text

_LEVEL_VARIABLE = "FUSELINE_LOG_LEVEL"
_FORMAT_VARIABLE = "FUSELINE_LOG_FORMAT"


class LogLevel(StrEnum):
    """Levels of the log lines on stderr."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger under the name `fuseline.<name>`."""
    logger = structlog.wrap_logger(
        logging.getLogger(f"fuseline.{name}"),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            bind_trace,
            redact,
            structlog.stdlib.render_to_log_kwargs,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return cast("structlog.stdlib.BoundLogger", logger)


def bind_trace(
    _logger: Any, _method: str, line: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A processor of structlog: the trace that is current, and the agent of a guarded call."""
    span = trace.get_current_span()
    if span is trace.INVALID_SPAN:
        return line
    if isinstance(span, CallSpan):
        line.setdefault("agent", span.agent)
    context = span.get_span_context()
    if context.is_valid:
        line.setdefault("trace_id", trace.format_trace_id(context.trace_id))
        line.setdefault("span_id", trace.format_span_id(context.span_id))
    return line


class _Stderr(logging.StreamHandler[Any]):
    """Writes to what `sys.stderr` is now: a live view replaces it while it is shown."""

    def __init__(self) -> None:
        logging.Handler.__init__(self)

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, value: Any) -> None:
        """Ignored: the stream is always stderr."""


class _Redacting(structlog.stdlib.ProcessorFormatter):
    """Also what the renderer adds, an exception with its message, holds no secret."""

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        return redact_text(text) if record.exc_info or record.exc_text else text


def configure_logging(level: LogLevel | None, default: LogLevel) -> None:
    """Sets up the root logger.

    Args:
        level: from the command line; None: FUSELINE_LOG_LEVEL, else `default`.
        default: the command's own default.

    Raises:
        ConfigError: a variable holds no level or format.
    """
    chosen = level or _from_env() or default
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        bind_trace,
        redact,  # lines of other libraries; ours come redacted
    ]
    handler = _Stderr()
    handler.setFormatter(
        _Redacting(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_renderers(),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("fuseline").setLevel(chosen.value.upper())


def _from_env() -> LogLevel | None:
    text = os.environ.get(_LEVEL_VARIABLE, "").strip().lower()
    if not text:
        return None
    if text not in set(LogLevel):
        raise ConfigError(_LEVEL_VARIABLE, text, f"one of {', '.join(LogLevel)}")
    return LogLevel(text)


def _renderers() -> list[Any]:
    text = os.environ.get(_FORMAT_VARIABLE, "").strip().lower()
    if text not in ("", "console", "json"):
        raise ConfigError(_FORMAT_VARIABLE, text, "console or json")
    if text == "json":
        return [
            # Without the values of local variables: they may be secrets.
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(),
        ]
    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return [
        structlog.dev.ConsoleRenderer(
            colors=colors, pad_event_to=0, exception_formatter=structlog.dev.plain_traceback
        )
    ]
