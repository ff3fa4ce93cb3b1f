"""Tasks as the API takes and shows them."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from fuseline.schemas.circuits import Millis

# Such an id stands in a path as it is.
_ID = r"^[A-Za-z0-9][A-Za-z0-9._~-]*$"


class TaskSubmit(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A task for an agent.

    Attributes:
        agent: name of a registered agent.
        payload: any JSON value; the agent's input.
        priority: high, normal or low.
        deadline_seconds: from now; without a result by then it expires.
        max_attempts: failed calls and dead workers together; absent: 3.
        when_open: reject or defer while the circuit is open; absent: as the agent says.
        idempotent: whether calling twice is safe; absent: as the agent says.
        task_id: submitting the same id again gives the task there is; absent: a random one.
    """

    agent: Annotated[str, Meta(max_length=200, examples=["billing-agent"])]
    payload: Annotated[Any, Meta(examples=[{"order": 17}])]
    priority: Annotated[
        Annotated[str, Meta(pattern="^(high|normal|low)$")],
        Meta(extra={"allowed": "high, normal or low"}),
    ] = "normal"
    deadline_seconds: Annotated[float, Meta(ge=0.001, le=2_592_000)] | None = None
    max_attempts: Annotated[int, Meta(ge=1, le=1000)] | None = None
    when_open: Annotated[
        Annotated[str, Meta(pattern="^(reject|defer)$")] | None,
        Meta(extra={"allowed": "reject or defer"}),
    ] = None
    idempotent: bool | None = None
    task_id: Annotated[
        Annotated[str, Meta(pattern=_ID, max_length=200)] | None,
        Meta(
            extra={"allowed": "1 to 200 letters, digits and . _ ~ -, a letter or digit before them"}
        ),
    ] = None


class TaskSubmitted(Struct, frozen=True, kw_only=True):
    """A task that is in the queue.

    Attributes:
        task: its id.
        agent: who is called.
        existed: a task of this id had been submitted before; this is that one.
    """

    task: str
    agent: str
    existed: bool


class TaskOutcome(Struct, frozen=True, kw_only=True):
    """How a task ended.

    Attributes:
        status: succeeded, failed, rejected, expired or dead.
        result: what the agent answered; null unless it succeeded.
        error_kind: short name of what went wrong; "" if nothing did.
        error: the same in words.
        attempts: calls made.
        submitted_ms: when it was submitted.
        started_ms: when its last call began; 0: never.
        ended_ms: when it ended.
        worker: who brought the result.
    """

    id: str
    agent: str
    status: str
    result: Any
    error_kind: str
    error: str
    attempts: int
    submitted_ms: Millis
    started_ms: Millis
    ended_ms: Millis
    worker: str


class TaskResponse(Struct, frozen=True, kw_only=True):
    """What is known of a task.

    Attributes:
        task: its id.
        agent: who is called.
        state: where it is: queued, running, parked and the like, or done; `result` says how.
        priority: high, normal or low.
        submitted_ms: when it was submitted.
        deadline_ms: when it expires; 0: never.
        attempts: calls made so far.
        crashes: workers that died with it.
        error: of the last attempt.
        payload: the agent's input; absent once it is no longer kept.
        result: how it ended; absent before.
    """

    task: str
    agent: str
    state: str
    priority: str
    submitted_ms: Millis
    deadline_ms: Millis
    attempts: int
    crashes: int = 0
    error: str = ""
    payload: Any | UnsetType = UNSET
    result: TaskOutcome | UnsetType = UNSET
