"""Retries of stamina that respect breakers.

    @stamina.retry(on=retry_on(httpx2.TransportError), attempts=5)

It needs nothing of stamina but its way of asking, so there is no extra.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from fuseline.bridge.retry import asked_seconds
from fuseline.integrations.retrying import checked_wait, worth_waiting

Hook = Callable[[Exception], bool | float | timedelta]


def retry_on(
    on: type[Exception] | tuple[type[Exception], ...] | Hook, *, wait_seconds: float = 0.0
) -> Hook:
    """What to give stamina as `on`: as without a breaker, but no call that one refused.

    Where the agent's `Retry-After` asks for a wait, or the circuit names one, that takes the place
    of stamina's backoff.

    Args:
        on: what is repeated, as stamina takes it.
        wait_seconds: a circuit that admits calls within this time is waited for.

    Raises:
        ConfigError: wait_seconds is not allowed.
    """
    longest = checked_wait(wait_seconds)

    def hook(error: Exception) -> bool | float | timedelta:
        decided: bool | float | timedelta | None = worth_waiting(error, longest)
        if decided is None:
            decided = isinstance(error, on) if isinstance(on, type | tuple) else on(error)
        return (asked_seconds(error) or True) if decided is True else decided

    return hook
