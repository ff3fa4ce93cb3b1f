"""What becomes of a task, and where there is room: decisions from values alone."""

from math import inf
from typing import Any

import pytest

from fuseline.bridge.classify import Verdict
from fuseline.bridge.protocols.base import AgentCallError
from fuseline.bridge.tasks.endings import (
    RETRY_MAX_SECONDS,
    AgentPolicy,
    Finish,
    PutBack,
    Retry,
    after_failure,
    before_call,
)
from fuseline.bridge.tasks.model import Priority, Task
from fuseline.bridge.tasks.rooms import UNSEEN_DEFERRED, Rooms, Seen
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.endpoint import WhenOpen
from fuseline.core.errors import BulkheadFullError, CircuitBreakerOpenError, ManagerClosedError
from fuseline.core.events import Result
from fuseline.core.states import CircuitState

SAFE = AgentPolicy(idempotent=True)
UNSAFE = AgentPolicy()


def task(**values: Any) -> Task:
    defaults: dict[str, Any] = {
        "id": "t", "agent": "a", "payload": 1, "priority": Priority.NORMAL, "attempts": 0,
        "crashes": 0, "submitted_ms": 1, "deadline_ms": 0, "error": "", "max_attempts": 3,
        "when_open": None, "idempotent": None, "trace": "", "token": 1,
    }  # fmt: skip
    return Task(**(defaults | values))


def ending(
    error: Exception, policy: AgentPolicy = UNSAFE, over: bool = False, **values: Any
) -> Any:
    return after_failure(task(**values), error, policy, out_of_time=over, spread=1.0)


def failed(result: Result, *, sent: bool = True) -> AgentCallError:
    return AgentCallError("a", "no", Verdict(result, "http_503"), sent=sent)


def open_error(agent: str = "a") -> CircuitBreakerOpenError:
    return CircuitBreakerOpenError(agent, CircuitState.OPEN, 7.0, "x")


@pytest.mark.parametrize(
    ("error", "policy", "values", "expected"),
    [
        (open_error(), UNSAFE, {}, "rejected"),
        (open_error(), AgentPolicy(WhenOpen.DEFER), {}, "defer"),
        (open_error(), UNSAFE, {"when_open": WhenOpen.DEFER}, "defer"),
        (open_error(), AgentPolicy(WhenOpen.DEFER), {"when_open": WhenOpen.REJECT}, "rejected"),
        (open_error("b"), UNSAFE, {}, "failed"),
        (open_error("b"), SAFE, {}, "retry"),
        (BulkheadFullError("a", 2), UNSAFE, {}, "hold"),
        (BulkheadFullError("b", 2), UNSAFE, {}, "failed"),
        (ManagerClosedError("a"), UNSAFE, {}, "queue"),
        (failed(Result.FAILURE), UNSAFE, {}, "failed"),
        (failed(Result.FAILURE), SAFE, {}, "retry"),
        (failed(Result.FAILURE), SAFE, {"idempotent": False}, "failed"),
        (failed(Result.FAILURE), UNSAFE, {"idempotent": True}, "retry"),
        (failed(Result.FAILURE, sent=False), UNSAFE, {}, "retry"),
        (failed(Result.FAILURE), SAFE, {"attempts": 2}, "dead"),
        (failed(Result.FAILURE), SAFE, {"attempts": 1, "crashes": 1}, "dead"),
        (failed(Result.SUCCESS), SAFE, {}, "failed"),  # a 404: asking again gives the same
        (failed(Result.IGNORED), SAFE, {}, "failed"),
        (TimeoutError(), SAFE, {}, "retry"),
    ],
)
def test_how_a_call_that_raised_ends(
    error: Exception, policy: AgentPolicy, values: dict[str, Any], expected: str
) -> None:
    found = ending(error, policy, **values)
    match found:
        case Finish():
            assert found.status.value == expected
            assert bool(found.dead) == (expected == "dead")
        case PutBack():
            assert found.where == expected
        case Retry():
            assert expected == "retry"


@pytest.mark.parametrize("error", [TimeoutError(), failed(Result.TIMEOUT)])
def test_a_call_cut_by_the_deadline_expires_and_is_not_tried_again(error: Exception) -> None:
    found = ending(error, SAFE, over=True)
    assert (found.status.value, found.called) == ("expired", True)
    assert isinstance(ending(error, SAFE), Retry)


def test_waits_between_attempts_double_up_to_the_maximum() -> None:
    delays = [ending(ValueError(), SAFE, attempts=n, max_attempts=99).delay_ms for n in range(10)]
    assert delays[:3] == [500, 1000, 2000]
    assert delays[-1] == RETRY_MAX_SECONDS * 1000


def test_a_task_is_not_called_after_its_deadline_or_too_many_crashes() -> None:
    assert before_call(task(), 1.0) is None
    assert before_call(task(crashes=2), inf) is None
    expired, crashed = before_call(task(), 0.0), before_call(task(crashes=3), 1.0)
    assert expired is not None
    assert (expired.status.value, expired.called) == ("expired", False)
    assert crashed is not None
    assert (crashed.status.value, crashed.dead) == ("dead", "crashed")
    # Failed calls alone have been judged when they failed.
    assert before_call(task(attempts=3), 1.0) is None


CONFIG = CircuitBreakerConfig(max_concurrent_calls=5, half_open_max_calls=2)


def rooms(seen: Seen | None, per_agent: int | None = None, in_flight: int = 1) -> Rooms:
    made = Rooms(per_agent, lambda _agent: seen)
    for _ in range(in_flight):
        made.enter("a")
    return made


@pytest.mark.parametrize(
    ("state", "open_seconds", "room", "deferred", "change"),
    [
        (CircuitState.CLOSED, 0.0, 4, 4, inf),
        (CircuitState.OPEN, 9.0, 4, 0, 109.0),
        (CircuitState.HALF_OPEN, 0.0, 4, 1, inf),
    ],
)
def test_deferred_tasks_come_back_as_the_circuit_admits_them(
    state: CircuitState, open_seconds: float, room: int, deferred: int, change: float
) -> None:
    places, soon = rooms(Seen(state, CONFIG, open_seconds)).places(100.0)
    assert (places["a"].room, places["a"].deferred, soon) == (room, deferred, change)


def test_a_refusal_pauses_deferred_tasks_for_a_moment_whatever_the_state() -> None:
    made = rooms(Seen(CircuitState.HALF_OPEN, CONFIG), in_flight=0)
    made.refused("a", 100.0)
    places, soon = made.places(100.1)
    assert (places["a"].deferred, places["a"].room) == (0, 5)
    assert made.places(soon + 0.001)[0]["a"].deferred == 2


def test_the_lower_cap_counts_and_nothing_goes_below_zero() -> None:
    places, _ = rooms(Seen(CircuitState.CLOSED, CONFIG), per_agent=3, in_flight=4).places(0.0)
    assert (places["a"].room, places["a"].deferred) == (0, 0)


def test_an_agent_not_seen_yet_gets_a_few_deferred_tasks() -> None:
    made = rooms(None, per_agent=7, in_flight=0)
    assert made.places(0.0) == ({}, inf)
    assert (made.other.room, made.other.deferred) == (7, UNSEEN_DEFERRED)
    made.enter("a")
    made.leave("a")
    assert made.places(0.0) == ({}, inf)
