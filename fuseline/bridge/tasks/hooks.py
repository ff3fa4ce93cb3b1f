"""A user's hooks around tasks: run in order; what one raises is logged and changes nothing."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

from fuseline.telemetry.logs import get_logger

_log = get_logger("tasks")


async def run_hooks(hooks: Sequence[Callable[..., Any]], *args: Any) -> None:
    """Calls each with the arguments; awaits what is awaitable."""
    for hook in hooks:
        try:
            result = hook(*args)
            if inspect.isawaitable(result):
                await result
        except Exception:  # noqa: BLE001 - a user's bug must not change the task's result
            _log.exception("hook_failed", hook=getattr(hook, "__qualname__", repr(hook)))
