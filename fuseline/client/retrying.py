"""Asking again: only what changes nothing, and only where that can help."""

from __future__ import annotations

import tenacity

from fuseline.client.errors import Unavailable, Unreachable

_FIRST_SECONDS = 0.1
_LONGEST_SECONDS = 5.0

_grown = tenacity.wait_exponential(_FIRST_SECONDS, _LONGEST_SECONDS)
_spread = tenacity.wait_random_exponential(_FIRST_SECONDS, _LONGEST_SECONDS)


def repeating(attempts: int) -> tenacity.AsyncRetrying:
    """Calls again, up to so many times in all, when the API is away or says "later"."""
    return tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type((Unreachable, Unavailable)),
        wait=_wait,
        stop=tenacity.stop_after_attempt(attempts),
        reraise=True,
    )


def _wait(state: tenacity.RetryCallState) -> float:
    # Half of it is fixed: clients that failed together come back apart, and never at once.
    wait = (_grown(state) + _spread(state)) / 2
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.retry_after_seconds if isinstance(error, Unavailable) else None
    return max(wait, asked or 0.0)
