"""Logging of the `fuseline` command: everything to stderr, as text or as JSON lines."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

import structlog

from fuseline.cli.options import LogLevel
from fuseline.core.errors import ConfigError

_LEVEL_VARIABLE = "FUSELINE_LOG_LEVEL"
_FORMAT_VARIABLE = "FUSELINE_LOG_FORMAT"


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
    ]
    handler = _Stderr()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
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
            structlog.processors.dict_tracebacks,
            structlog.processors.EventRenamer("message"),
            structlog.processors.JSONRenderer(),
        ]
    colors = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    return [structlog.dev.ConsoleRenderer(colors=colors, pad_event_to=0)]
