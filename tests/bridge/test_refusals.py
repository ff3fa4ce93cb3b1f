"""What the error of an open circuit says when somebody reads it."""

import pickle
from math import inf
from time import monotonic
from typing import Any

from fuseline import CircuitBreakerOpenError, CircuitState
from fuseline.bridge.refusals import SOON_SECONDS, OpenUntil
from fuseline.integrations.retrying import worth_waiting


def made(refusal: OpenUntil) -> CircuitBreakerOpenError:
    """As the hot path does."""
    args: tuple[Any, ...] = (refusal,)
    return CircuitBreakerOpenError(*args)


def test_a_refusal_until_a_moment_says_how_long_from_now() -> None:
    until = monotonic() + 3600
    error = made(OpenUntil("billing", until, "failure_rate"))
    assert 3500 < error.retry_after_seconds <= 3600
    assert str(error).startswith("circuit of agent 'billing' is open (failure_rate); retry in 3.6")
    twin = pickle.loads(pickle.dumps(error))
    assert twin.args[:2] == (error.agent, error.state) == ("billing", CircuitState.OPEN)
    assert 3500 < twin.retry_after_seconds <= 3600  # whatever the clock of that process says
    assert twin.cause == error.cause == "failure_rate"


def test_a_refusal_read_after_its_end_still_says_that_asking_again_is_worth_it() -> None:
    error = made(OpenUntil("billing", monotonic() - 5, "failure_rate"))
    assert error.retry_after_seconds == SOON_SECONDS
    assert worth_waiting(error, 60) is True
    assert str(error).endswith("; retry in 0.001 s")


def test_a_refusal_without_a_known_end_gives_no_time() -> None:
    error = made(OpenUntil("billing", inf, "forced_open"))
    assert error.retry_after_seconds == 0.0
    assert str(error) == "circuit of agent 'billing' is open (forced_open)"
    assert repr(error).startswith("CircuitBreakerOpenError('billing', ")
