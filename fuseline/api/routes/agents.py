"""The registry over HTTP."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from litestar import Request, Response, Router, delete, get, patch, post, put
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import HeaderParameter, PathParameter, QueryParameter

from fuseline.api.access.roles import Caller, Role
from fuseline.api.authentication import needs
from fuseline.api.body import read_object
from fuseline.api.conditions import IfMatch, etag, is_fresh, matched_revision, meant_for
from fuseline.api.problems import answers
from fuseline.api.services import Given
from fuseline.core.agent import MAX_TAGS, AgentRecord
from fuseline.core.texts import check_text
from fuseline.registry.document import document_of
from fuseline.registry.listing import MAX_LIMIT, Filter, Sort
from fuseline.schemas.agents import AgentList, AgentResponse, BreakerDefaults, TagList, TagUse

Asked = Request[Caller, Any, Any]
Name = Annotated[str, PathParameter(description="name of the agent", max_length=200)]
Reason = Annotated[str, QueryParameter(description="why; it stands in the history", max_length=500)]
IfNoneMatch = Annotated[
    str | None, HeaderParameter(name="If-None-Match", description="the ETag that is known already")
]


@get(
    "/agents",
    operation_id="listAgents",
    summary="List agents",
    responses=answers(),
)
async def list_agents(
    services: Given,
    search: Annotated[
        str, QueryParameter(description="part of the name, description or address", max_length=200)
    ] = "",
    tag: Annotated[
        list[str] | None,
        QueryParameter(description="only agents with all of these tags", max_items=MAX_TAGS),
    ] = None,
    protocol: Annotated[
        str | None, QueryParameter(description="only agents of this protocol", max_length=40)
    ] = None,
    sort: Annotated[Sort, QueryParameter(description="with - before it: descending")] = Sort.NAME,
    limit: Annotated[int, QueryParameter(ge=1, le=MAX_LIMIT, description="agents of a page")] = 100,
    cursor: Annotated[
        str | None, QueryParameter(description="next_cursor of the page before", max_length=1000)
    ] = None,
) -> AgentList:
    """A page of the registry."""
    page = await services.registry.list(
        Filter(search=search, tags=tuple(tag or ()), protocol=protocol),
        sort,
        limit=limit,
        cursor=cursor,
    )
    return AgentList(
        items=[_response(services, record) for record in page.records],
        total=page.total,
        next_cursor=page.next_cursor,
    )


@post(
    "/agents",
    operation_id="createAgent",
    summary="Register an agent",
    opt=needs(Role.ADMIN),
    responses=answers(400, 409),
)
async def create_agent(
    request: Asked, services: Given, reason: Reason = ""
) -> Response[AgentResponse]:
    """Registers an agent that is not there yet."""
    document = await read_object(request)
    record = await services.registry.create(document, actor=request.user.actor, reason=reason)
    return _answer(services, record, status=201)


@get(
    "/agents/{name:str}",
    operation_id="getAgent",
    summary="One agent",
    responses=answers(404)
    | {304: ResponseSpec(None, description="It has not changed since If-None-Match.")},
)
async def get_agent(
    services: Given, name: Name, if_none_match: IfNoneMatch = None
) -> Response[AgentResponse]:
    """The agent, with its revision as ETag."""
    record = await services.registry.get(name)
    if is_fresh(if_none_match, record.revision):
        return Response(
            None,  # type: ignore[arg-type]
            status_code=304,
            headers={"ETag": etag(record.revision)},
        )
    return _answer(services, record)


@put(
    "/agents/{name:str}",
    operation_id="replaceAgent",
    summary="Replace an agent",
    opt=needs(Role.ADMIN),
    responses=answers(400, 404, 409, 412),
)
async def replace_agent(
    request: Asked, services: Given, name: Name, if_match: IfMatch = None, reason: Reason = ""
) -> Response[AgentResponse]:
    """Changes all of an agent; what the document does not name goes back to its default."""
    return await _change(request, services, name, if_match, reason, whole=True)


@patch(
    "/agents/{name:str}",
    operation_id="changeAgent",
    summary="Change an agent",
    opt=needs(Role.ADMIN),
    responses=answers(400, 404, 409, 412),
)
async def change_agent(
    request: Asked, services: Given, name: Name, if_match: IfMatch = None, reason: Reason = ""
) -> Response[AgentResponse]:
    """Changes what the document names, as RFC 7396 merges."""
    return await _change(request, services, name, if_match, reason, whole=False)


@delete(
    "/agents/{name:str}",
    operation_id="deleteAgent",
    summary="Remove an agent",
    opt=needs(Role.ADMIN),
    responses=answers(404, 409, 412),
)
async def delete_agent(
    request: Asked,
    services: Given,
    name: Name,
    reason: Annotated[
        str, QueryParameter(description="why; it stands in the history", max_length=500)
    ],
    if_match: IfMatch = None,
) -> None:
    """Takes an agent out of the registry; its history stays, a new one of that name is new."""
    revision = matched_revision(if_match)
    reason = check_text("reason", reason)
    with meant_for(revision):
        await services.registry.delete(
            name, actor=request.user.actor, reason=reason, revision=revision
        )


@get(
    "/defaults",
    operation_id="getDefaults",
    summary="What applies where an agent names nothing",
    responses=answers(),
)
async def get_defaults(services: Given) -> BreakerDefaults:
    """The defaults of this API process."""
    return BreakerDefaults(circuit_breaker_config=services.registry.defaults)


async def _change(
    request: Asked,
    services: Given,
    name: str,
    if_match: str | None,
    reason: str,
    *,
    whole: bool,
) -> Response[AgentResponse]:
    revision = matched_revision(if_match)
    document = await read_object(request)
    change = services.registry.replace if whole else services.registry.patch
    with meant_for(revision):
        record = await change(
            name, document, actor=request.user.actor, reason=reason, revision=revision
        )
    return _answer(services, record)


@get(
    "/tags",
    operation_id="listTags",
    summary="All tags, and the agents of each",
    responses=answers(),
)
async def list_tags(services: Given) -> TagList:
    """The tags of the registry; for grouping circuits, whose stream does not carry them."""
    found = await services.registry.tags()
    return TagList(items=[TagUse(tag=tag, agents=list(names)) for tag, names in found.items()])


def _answer(services: Given, record: AgentRecord, status: int = 200) -> Response[AgentResponse]:
    headers = {"ETag": etag(record.revision)}
    if status == 201:
        headers["Location"] = f"/api/v1/agents/{record.name}"
    return Response(_response(services, record), status_code=status, headers=headers)


def _response(services: Given, record: AgentRecord) -> AgentResponse:
    return msgspec.convert(document_of(record, services.registry.defaults), AgentResponse)


routes = Router(
    "/",
    route_handlers=[
        list_agents,
        create_agent,
        get_agent,
        replace_agent,
        change_agent,
        delete_agent,
        get_defaults,
        list_tags,
    ],
    tags=["agents"],
)
