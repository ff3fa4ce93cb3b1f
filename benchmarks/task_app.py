"""A worker's own function that calls nothing: what the queue itself costs."""

from __future__ import annotations

from typing import Any

from fuseline.bridge.tasks.calls import Handlers

handlers = Handlers()


@handlers.agent("bench-nothing")
async def nothing(payload: Any) -> Any:
    """Answers with what it was asked."""
    return payload
