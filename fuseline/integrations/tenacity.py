"""Retries of tenacity that respect breakers.

@retry(
retry=retry_unless_refused(retry_if_exception_type(httpx2.TransportError)),
wait=wait_as_asked(wait_random_exponential(max=10)),
stop=stop_after_attempt(5),
)
"""

from __future__ import annotations

from collections.abc import Callable

import tenacity

from fuseline.bridge.retry import wait_seconds as longer_of
from fuseline.integrations.retrying import checked_wait, worth_waiting

Decision = Callable[[tenacity.RetryCallState], bool]
Wait = Callable[[tenacity.RetryCallState], float]


class retry_unless_refused(tenacity.retry_base):  # noqa: N801 - as tenacity names them
    """Repeats what another strategy repeats, but no call that a breaker refused.

    Args:
        otherwise: decides about all else; None: every exception is repeated.
        wait_seconds: a circuit that admits calls within this time is waited for; give
            `wait=wait_as_asked(...)` too, and each refused attempt counts for `stop`.

    Raises:
        ConfigError: wait_seconds is not allowed.
    """

    def __init__(self, otherwise: Decision | None = None, *, wait_seconds: float = 0.0) -> None:
        self._otherwise = otherwise or tenacity.retry_if_exception_type()
        self._wait_seconds = checked_wait(wait_seconds)

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        """Whether to repeat."""
        error = retry_state.outcome.exception() if retry_state.outcome else None
        decided = None if error is None else worth_waiting(error, self._wait_seconds)
        return self._otherwise(retry_state) if decided is None else decided


class wait_as_asked(tenacity.wait.wait_base):  # noqa: N801 - as tenacity names them
    """Waits until the circuit admits calls, or as the agent's `Retry-After` asks.

    Args:
        otherwise: the backoff; it counts where it is longer.
    """

    def __init__(self, otherwise: Wait) -> None:
        self._otherwise = otherwise

    def __call__(self, retry_state: tenacity.RetryCallState) -> float:
        """Seconds to wait."""
        error = retry_state.outcome.exception() if retry_state.outcome else None
        return longer_of(self._otherwise(retry_state), error)
