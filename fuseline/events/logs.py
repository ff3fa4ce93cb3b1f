"""Loggers: structlog's calling style, the standard library's levels and handlers.

A library must not print on its own: an application that configures nothing sees warnings on stderr,
one that configures `logging` sees Fuseline's lines with all others. `fuseline` itself configures
it in `cli`.
"""

from __future__ import annotations

import logging
from typing import cast

import structlog


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger under the name `fuseline.<name>`."""
    logger = structlog.wrap_logger(
        logging.getLogger(f"fuseline.{name}"),
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.render_to_log_kwargs,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return cast("structlog.stdlib.BoundLogger", logger)
