"""What the integrations for agents with tools share: what the model reads about a refused call."""

from __future__ import annotations

from fuseline.core.errors import CallRefusedError, CircuitBreakerOpenError


def words_for_model(tool: str, refused: CallRefusedError) -> str:
    """Says that the tool was not called, and when it may work again."""
    text = f"The tool {tool!r} is not available at the moment and was not called"
    if not isinstance(refused, CircuitBreakerOpenError):
        return f"{text}: too many calls of it are running. Go on without it, or call it later."
    when = ""
    if refused.retry_after_seconds:
        when = f" It may work again in {max(1, round(refused.retry_after_seconds))} seconds."
    return f"{text}: it has been failing.{when} Go on without it; do not call it again right away."
