"""What becomes of a task when its call has ended. Decides; does no I/O and reads no clock."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from fuseline.bridge.classify import Verdict, classify_error
from fuseline.bridge.tasks.model import Task, TaskResult, TaskStatus, shorten
from fuseline.bridge.tasks.store import Where
from fuseline.core.endpoint import WhenOpen
from fuseline.core.errors import (
    BackendUnavailableError,
    BulkheadFullError,
    CircuitBreakerOpenError,
    FuselineError,
    ManagerClosedError,
    NoEndpointError,
)
from fuseline.core.events import Result

RETRY_SECONDS = 0.5
RETRY_MAX_SECONDS = 30.0
"""How long a failed task waits for its next attempt: doubled each time, up to the maximum."""

_FAILURES = (Result.FAILURE, Result.TIMEOUT, Result.NOT_SENT)


class AgentPolicy(Struct, frozen=True):
    """What holds for an agent's tasks unless they say otherwise.

    Attributes:
        when_open: what becomes of them while its circuit refuses calls.
        idempotent: whether calling again is safe although the agent may have seen the call.
    """

    when_open: WhenOpen = WhenOpen.REJECT
    idempotent: bool = False


class Finish(Struct, frozen=True):
    """The task has its result.

    Attributes:
        dead: why it is a dead letter; "" if it is none.
    """

    status: TaskStatus
    result: Any = None
    error_kind: str = ""
    error: str = ""
    called: bool = True
    dead: str = ""

    def result_of(self, task: Task, started_ms: int, ended_ms: int, worker: str) -> TaskResult:
        """The result that stands in Redis."""
        return TaskResult(
            id=task.id,
            agent=task.agent,
            status=self.status,
            result=self.result,
            error_kind=self.error_kind,
            error=shorten(self.error),
            attempts=task.attempts + task.crashes + self.called,
            submitted_ms=task.submitted_ms,
            started_ms=started_ms if self.called else 0,
            ended_ms=ended_ms,
            worker=worker,
        )


class PutBack(Struct, frozen=True):
    """The task waits again; this was no attempt."""

    where: Where


class Retry(Struct, frozen=True):
    """The call failed; the task waits for its next attempt."""

    delay_ms: int
    error: str


Ending = Finish | PutBack | Retry


def before_call(task: Task, seconds_left: float) -> Finish | None:
    """What ends a task before it is called, if anything does."""
    if seconds_left <= 0:
        text = "the deadline came before the agent could be called"
        return Finish(TaskStatus.EXPIRED, error_kind="deadline", error=text, called=False)
    if task.crashes and task.crashes + task.attempts >= task.max_attempts:
        told = f"{task.crashes} workers ended while they had it"
        if task.error:
            told += f"; the last failed call said: {task.error}"
        return Finish(
            TaskStatus.DEAD, error_kind="crashed", error=told, called=False, dead="crashed"
        )
    return None


def after_failure(
    task: Task, error: Exception, policy: AgentPolicy, *, out_of_time: bool, spread: float
) -> Ending:
    """What becomes of a task whose call raised.

    Args:
        task: the task.
        error: what was raised.
        policy: of its agent.
        out_of_time: whether the task's deadline is over.
        spread: a random number from 0 to 1; retries of many tasks must not come together.
    """
    if isinstance(error, ManagerClosedError):
        return PutBack("queue")
    if isinstance(error, BulkheadFullError) and error.agent == task.agent:
        return PutBack("hold")
    if isinstance(error, CircuitBreakerOpenError) and error.agent == task.agent:
        if (task.when_open or policy.when_open) is WhenOpen.DEFER:
            return PutBack("defer")
        return Finish(
            TaskStatus.REJECTED, error_kind="circuit_open", error=str(error), called=False
        )
    verdict = classify_error(error)
    if out_of_time and verdict.result is Result.TIMEOUT:
        text = "the deadline came while the agent was called"
        return Finish(TaskStatus.EXPIRED, error_kind="timeout", error=text)
    kind, text = _kind(error, verdict), str(error) or type(error).__name__
    if verdict.result not in _FAILURES or not _may_repeat(task, error, policy):
        # The caller's own fault, or a call the agent may have carried out.
        return Finish(TaskStatus.FAILED, error_kind=kind, error=text)
    if task.attempts + task.crashes + 1 >= task.max_attempts:
        return Finish(TaskStatus.DEAD, error_kind=kind, error=text, dead="attempts")
    seconds = min(RETRY_MAX_SECONDS, RETRY_SECONDS * 2 ** min(task.attempts, 16))
    seconds = max(seconds * (0.5 + spread / 2), min(verdict.retry_after_seconds, RETRY_MAX_SECONDS))
    return Retry(round(seconds * 1000), shorten(f"{kind}: {text}"))


def _kind(error: Exception, verdict: Verdict) -> str:
    """A short name; a status that counts as no failure has none in the log, but here it ended."""
    status = getattr(error, "status", 0)
    return verdict.failure_kind or (f"http_{status}" if status else type(error).__name__)


def _may_repeat(task: Task, error: Exception, policy: AgentPolicy) -> bool:
    # The executor asks for what it does not know of an agent before it calls; and what this worker
    # cannot call may be a function of another one's.
    not_called = isinstance(error, BackendUnavailableError | NoEndpointError)
    not_sent = isinstance(error, FuselineError) and getattr(error, "sent", True) is False
    if not_called or not_sent:
        return True
    return policy.idempotent if task.idempotent is None else task.idempotent
