"""Tasks: calls that workers make for you."""

from __future__ import annotations

from time import monotonic
from typing import Any, TypedDict, Unpack

import anyio
from msgspec import UNSET

from fuseline.client.errors import Unavailable, Unreachable
from fuseline.client.operation import Operation
from fuseline.client.transport import Transport
from fuseline.schemas.tasks import TaskOutcome, TaskResponse, TaskSubmit, TaskSubmitted

SUBMIT = Operation("submitTask", "POST", "/tasks", TaskSubmitted)
GET = Operation("getTask", "GET", "/tasks/{task_id}", TaskResponse)

_LONGEST_LOOK_SECONDS = 30.0
_AWAY_SECONDS = 1.0


class TaskOptions(TypedDict, total=False):
    """What may be said of a task; what is absent is as the agent says, or as usual.

    Attributes:
        priority: high, normal or low.
        deadline_seconds: from now; without a result by then it expires.
        max_attempts: failed calls and dead workers together.
        when_open: reject or defer while the circuit is open.
        idempotent: whether calling twice is safe.
        task_id: submitting the same id again gives the task there is, so with one of your own you
            may submit again when an answer got lost.
    """

    priority: str
    deadline_seconds: float
    max_attempts: int
    when_open: str
    idempotent: bool
    task_id: str


class Tasks:
    """`client.tasks`. Each method raises `ClientError`; see `fuseline.client.errors`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def submit(
        self, agent: str, payload: Any, **options: Unpack[TaskOptions]
    ) -> TaskSubmitted:
        """Puts a task into the queue.

        Args:
            agent: name of a registered agent.
            payload: any JSON value; the agent's input.
            options: see `TaskOptions`.
        """
        return await self._transport.call(
            SUBMIT, body=TaskSubmit(agent=agent, payload=payload, **options)
        )

    async def get(self, task_id: str, *, wait_seconds: float = 0.0) -> TaskResponse:
        """What is known of a task.

        Args:
            task_id: from `submit`.
            wait_seconds: answer when the result is there, at the latest after this long.
        """
        return await self._transport.call(
            GET,
            path={"task_id": task_id},
            query={"wait_seconds": wait_seconds},
            wait_seconds=wait_seconds,
        )

    async def wait(self, task_id: str, *, wait_seconds: float) -> TaskOutcome:
        """Waits for the result of a task, also while the API is away for a moment.

        Args:
            task_id: from `submit`.
            wait_seconds: how long at most.

        Raises:
            TimeoutError: there is no result yet; the task goes on.
        """
        deadline = monotonic() + wait_seconds
        while True:
            left = max(0.0, deadline - monotonic())
            try:
                task = await self.get(task_id, wait_seconds=min(left, _LONGEST_LOOK_SECONDS))
            except (Unavailable, Unreachable):
                if monotonic() + _AWAY_SECONDS > deadline:
                    raise
                await anyio.sleep(_AWAY_SECONDS)
                continue
            if task.result is not UNSET:
                return task.result
            if monotonic() >= deadline:
                raise TimeoutError(
                    f"task {task_id} has no result after {wait_seconds:g} s; it is {task.state}"
                )

    async def run(
        self,
        agent: str,
        payload: Any,
        *,
        wait_seconds: float = 300.0,
        **options: Unpack[TaskOptions],
    ) -> TaskOutcome:
        """Submits a task and waits for its result, whatever it is: see `status`.

        Args:
            agent: name of a registered agent.
            payload: any JSON value; the agent's input.
            wait_seconds: how long at most.
            options: see `TaskOptions`.

        Raises:
            TimeoutError: there is no result yet; the task goes on.
        """
        task = await self.submit(agent, payload, **options)
        return await self.wait(task.task, wait_seconds=wait_seconds)
