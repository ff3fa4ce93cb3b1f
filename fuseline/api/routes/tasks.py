"""Tasks over HTTP: handing in, looking, waiting."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter

from fuseline.api.access.roles import Caller, Role
from fuseline.api.authentication import needs
from fuseline.api.body import read_struct
from fuseline.api.problems import answers
from fuseline.api.services import Given
from fuseline.bridge.tasks.overview import task_document
from fuseline.bridge.tasks.store import TaskStore
from fuseline.schemas.tasks import TaskResponse, TaskSubmit, TaskSubmitted

MAX_WAIT_SECONDS = 60.0

TaskId = Annotated[str, PathParameter(description="id of the task", max_length=200)]


@post(
    "/tasks",
    operation_id="submitTask",
    summary="Hand in a task",
    status_code=202,
    opt=needs(Role.CALLER),
    responses=answers(400, 404)
    | {200: ResponseSpec(TaskSubmitted, description="The task had been handed in before.")},
)
async def submit_task(
    request: Request[Caller, Any, Any], services: Given
) -> Response[TaskSubmitted]:
    """Puts a task into the queue; workers call its agent and bring the result."""
    asked = await read_struct(request, TaskSubmit)
    # The client of the queues remembers whom it has seen, also when they are gone.
    await services.registry.get(asked.agent)
    handle = await services.tasks.submit(**msgspec.structs.asdict(asked))
    return Response(
        TaskSubmitted(task=handle.id, agent=handle.agent, existed=handle.existed),
        status_code=200 if handle.existed else 202,
        headers={"Location": f"/api/v1/tasks/{handle.id}"},
    )


@get(
    "/tasks/{task_id:str}",
    operation_id="getTask",
    summary="A task, with its result once there is one",
    responses=answers(404),
)
async def get_task(
    services: Given,
    task_id: TaskId,
    wait_seconds: Annotated[
        float,
        QueryParameter(
            ge=0,
            le=MAX_WAIT_SECONDS,
            description="answer when the result is there, at the latest after this long",
        ),
    ] = 0.0,
) -> TaskResponse:
    """What is known of a task."""
    store = TaskStore(services.backend)
    found = await task_document(store, task_id)
    if wait_seconds and "result" not in found:
        try:
            await services.tasks.handle(task_id).result(wait_seconds)
        except TimeoutError:
            pass
        else:
            found = await task_document(store, task_id)
    return msgspec.convert(found, TaskResponse)


routes = Router("/", route_handlers=[submit_task, get_task], tags=["tasks"])
