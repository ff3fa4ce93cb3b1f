"""Repeating a call: whether it is safe, how long to wait, and when there is no time left.

The first attempt is made without any of this, because nearly all calls need no more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

import tenacity

from fuseline.bridge.protocols.base import AgentCallError
from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import CircuitBreakerOpenError
from fuseline.core.events import Result

T = TypeVar("T")

_FAILED = (Result.FAILURE, Result.TIMEOUT)


def may_repeat(error: BaseException, endpoint: Endpoint) -> bool:
    """Whether another attempt is safe and may help.

    A refusal by the breaker is no `AgentCallError`: it says that asking again is what must not be.
    What failed here before a byte left (NOT_SENT) fails the next time too.
    """
    return (
        isinstance(error, AgentCallError)
        and error.verdict.result in _FAILED
        and (endpoint.idempotent or not error.sent)
    )


def asked_seconds(error: BaseException | None) -> float:
    """How long an error asks to wait: an agent's `Retry-After`, or until a circuit admits calls."""
    if isinstance(error, CircuitBreakerOpenError):
        return error.retry_after_seconds
    return error.verdict.retry_after_seconds if isinstance(error, AgentCallError) else 0.0


def wait_seconds(backoff_seconds: float, error: BaseException | None) -> float:
    """How long to wait before the next attempt: the backoff, or longer if the error asks for it."""
    return max(backoff_seconds, asked_seconds(error))


async def repeat(
    attempt: Callable[[], Awaitable[T]], failed: AgentCallError, endpoint: Endpoint, deadline: float
) -> T:
    """Makes further attempts after the first has failed.

    Args:
        attempt: makes one.
        failed: how the first ended.
        endpoint: how often and whether at all.
        deadline: of the whole call, in monotonic seconds; no wait goes beyond it.

    Raises:
        AgentCallError: the last failure.
        CircuitBreakerOpenError, BulkheadFullError: the breaker admits no further attempt.
    """
    policy = endpoint.retry
    if policy.max_attempts < 2 or not may_repeat(failed, endpoint):
        raise failed
    grown = tenacity.wait_exponential(policy.backoff_seconds, policy.backoff_max_seconds)
    spread = tenacity.wait_random_exponential(policy.backoff_seconds, policy.backoff_max_seconds)

    def wait(state: tenacity.RetryCallState) -> float:
        # Half of the backoff is fixed: callers that failed together come back apart, never at once.
        jittered = (grown(state) + spread(state)) / 2
        return wait_seconds(jittered, state.outcome.exception() if state.outcome else None)

    def stop(state: tenacity.RetryCallState) -> bool:
        return (
            state.attempt_number >= policy.max_attempts
            or monotonic() + state.upcoming_sleep >= deadline
        )

    attempts = 0

    async def run() -> T:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise failed
        return await attempt()

    retrying = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception(lambda error: may_repeat(error, endpoint)),
        wait=wait,
        stop=stop,
        reraise=True,
    )
    return await retrying(run)
