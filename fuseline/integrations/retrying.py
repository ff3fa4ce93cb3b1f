"""When to repeat a call that a breaker refused: never, or once it may be admitted. Pure."""

from __future__ import annotations

from fuseline.core.errors import CallRefusedError, CircuitBreakerOpenError, ConfigError


def checked_wait(wait_seconds: float) -> float:
    """A longest wait.

    Raises:
        ConfigError: it is negative, or no number.
    """
    if not isinstance(wait_seconds, int | float) or not wait_seconds >= 0:
        raise ConfigError("wait_seconds", wait_seconds, "a number of seconds from 0")
    return float(wait_seconds)


def worth_waiting(error: BaseException, wait_seconds: float) -> bool | None:
    """Whether a refused call may be repeated; None for an error that is no refusal.

    Args:
        error: how the call ended.
        wait_seconds: longest wait for a circuit. A refusal that does not say when asking again can
            succeed, such as that of a circuit that somebody holds open, is not waited for.
    """
    if not isinstance(error, CallRefusedError):
        return None
    return (
        isinstance(error, CircuitBreakerOpenError) and 0 < error.retry_after_seconds <= wait_seconds
    )
