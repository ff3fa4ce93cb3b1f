"""Errors say what, which value, what is allowed; and survive the way between processes."""

import pickle

import pytest

from fuseline.core.circuit import CircuitState
from fuseline.core.errors import (
    AgentNotFoundError,
    BulkheadFullError,
    CallRefusedError,
    CircuitBreakerOpenError,
    ConfigError,
    FuselineError,
)

REFUSED = CircuitBreakerOpenError("billing", CircuitState.OPEN, 12.5, "failure_rate")


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ConfigError("a", 0, "a number"), "a: 0 is not allowed; expected a number"),
        (REFUSED, "circuit of agent 'billing' is open (failure_rate); retry in 12.5 s"),
        (
            CircuitBreakerOpenError("billing", CircuitState.HALF_OPEN, 0.0, "open_time_over"),
            "circuit of agent 'billing' is half_open (open_time_over)",
        ),
        (
            BulkheadFullError("billing", 3),
            (
                "agent 'billing' has 3 calls in flight, the most this process allows "
                "(max_concurrent_calls)"
            ),
        ),
        (
            AgentNotFoundError("billing"),
            "agent 'billing' is not registered; `fuseline status` lists those that are",
        ),
    ],
)
def test_message_and_pickle(error: FuselineError, text: str) -> None:
    assert str(error) == text
    twin = pickle.loads(pickle.dumps(error))
    assert type(twin) is type(error)
    assert str(twin) == text
    assert vars(twin) == vars(error)


def test_what_a_caller_may_catch() -> None:
    assert isinstance(REFUSED, CallRefusedError)
    assert isinstance(BulkheadFullError("a", 1), CallRefusedError)
    assert not isinstance(BulkheadFullError("a", 1), CircuitBreakerOpenError)
    assert isinstance(AgentNotFoundError("a"), LookupError)
