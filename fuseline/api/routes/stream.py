"""The live stream over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, QueryParameter

from fuseline.api.access.roles import Caller
from fuseline.api.authentication import authenticate
from fuseline.api.problems import answers
from fuseline.api.services import Given
from fuseline.api.stream.filters import Filter
from fuseline.api.stream.response import StreamResponse
from fuseline.schemas.stream import StreamEvent

_EVENTS = ResponseSpec(
    StreamEvent,  # type: ignore[arg-type]  # a union of types is one
    description="Server-sent events: `data` is one of these, named by `event`.",
    media_type="text/event-stream",
    generate_examples=False,
)


@get(
    "/stream",
    operation_id="followCircuits",
    summary="All circuits now, then every change",
    tags=["stream"],
    responses={200: _EVENTS, **answers()},
)
async def stream_route(
    request: Request[Caller, Any, Any],
    services: Given,
    agents: Annotated[
        str | None, QueryParameter(description="names with commas: only these")
    ] = None,
    states: Annotated[
        str | None,
        QueryParameter(
            name="state",
            description="with commas, only circuits in these: closed, open, half_open, "
            "forced_open, forced_closed; one that leaves them is told as `left`",
        ),
    ] = None,
    kinds: Annotated[
        str | None, QueryParameter(description="changes, figures, or both with a comma (default)")
    ] = None,
    last_id: Annotated[
        str | None,
        HeaderParameter(name="Last-Event-ID", description="resume after this event, without loss"),
    ] = None,
    last_event_id: Annotated[
        str | None, QueryParameter(description="the same as Last-Event-ID, which wins")
    ] = None,
) -> StreamResponse:
    """Server-sent events.

    First `health`, then `snapshot` in one or more parts, or what was missed since Last-Event-ID;
    then `changes`, `figures` about once a second, `health` when it changes, and a comment when
    nothing happens. `overrun` and `closing` end a stream: connect again with the last id.
    """
    wanted = Filter.parse(agents, states, kinds)
    return StreamResponse(
        services.hub,
        wanted,
        last_id or last_event_id or None,
        lambda: authenticate(services.access, request.scope),
    )
