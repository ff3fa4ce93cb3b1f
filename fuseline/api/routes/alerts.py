"""Alerts over HTTP: rules and channels, incidents, deliveries."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Any

from litestar import Request, Response, Router, delete, get, post, put
from litestar.params import PathParameter, QueryParameter

from fuseline.alerts.store import MOST_LISTED
from fuseline.api.access.roles import Caller, Role
from fuseline.api.authentication import needs
from fuseline.api.body import read_object
from fuseline.api.conditions import IfMatch, etag, matched_revision, meant_for
from fuseline.api.problems import answers
from fuseline.api.services import Given
from fuseline.schemas.alerts import AuditList, ChannelList, RuleList, StoredChannel, StoredRule
from fuseline.schemas.incidents import DeliveryList, DeliveryResponse, IncidentList, NotifierState

MAX_WAIT_SECONDS = 60.0

Asked = Request[Caller, Any, Any]
Name = Annotated[str, PathParameter(description="name of the rule or channel", max_length=100)]
Limit = Annotated[int, QueryParameter(ge=1, le=MOST_LISTED, description="at most so many")]


class IncidentState(StrEnum):
    """Which incidents."""

    ALL = "all"
    OPEN = "open"
    RESOLVED = "resolved"


@get("/alerts/rules", operation_id="listAlertRules", summary="All alert rules", responses=answers())
async def list_rules(services: Given) -> RuleList:
    """All rules, by name."""
    return RuleList(items=await services.alerts.rules())


@post(
    "/alerts/rules",
    operation_id="createAlertRule",
    summary="Make an alert rule",
    opt=needs(Role.OPERATOR),
    responses=answers(400, 409),
)
async def create_rule(request: Asked, services: Given) -> Response[StoredRule]:
    """Makes a rule that is not there yet."""
    document = await read_object(request)
    made = await services.alerts.put_rule(document, request.user.actor, revision=0)
    return _tagged(made, status=201, path=f"rules/{made.rule.name}")


@get(
    "/alerts/rules/{name:str}",
    operation_id="getAlertRule",
    summary="One alert rule",
    responses=answers(404),
)
async def get_rule(services: Given, name: Name) -> Response[StoredRule]:
    """The rule, with its revision as ETag."""
    return _tagged(await services.alerts.rule(name))


@put(
    "/alerts/rules/{name:str}",
    operation_id="replaceAlertRule",
    summary="Replace an alert rule",
    opt=needs(Role.OPERATOR),
    responses=answers(400, 404, 409, 412),
)
async def replace_rule(
    request: Asked, services: Given, name: Name, if_match: IfMatch = None
) -> Response[StoredRule]:
    """Changes all of a rule; what the document does not name goes back to its default."""
    revision = matched_revision(if_match)
    document = await read_object(request)
    await services.alerts.rule(name)
    with meant_for(revision):
        made = await services.alerts.put_rule(
            document, request.user.actor, name=name, revision=revision
        )
    return _tagged(made)


@delete(
    "/alerts/rules/{name:str}",
    operation_id="deleteAlertRule",
    summary="Remove an alert rule",
    opt=needs(Role.OPERATOR),
    responses=answers(404, 409, 412),
)
async def delete_rule(
    request: Asked, services: Given, name: Name, if_match: IfMatch = None
) -> None:
    """Removes a rule; its open incidents end, and nobody is told of that."""
    revision = matched_revision(if_match)
    with meant_for(revision):
        await services.alerts.delete_rule(name, request.user.actor, revision)


@get(
    "/alerts/channels",
    operation_id="listAlertChannels",
    summary="All alert channels",
    responses=answers(),
)
async def list_channels(services: Given) -> ChannelList:
    """All channels, by name; their secrets are references."""
    return ChannelList(items=await services.alerts.channels())


@post(
    "/alerts/channels",
    operation_id="createAlertChannel",
    summary="Make an alert channel",
    opt=needs(Role.ADMIN),
    responses=answers(400, 409),
)
async def create_channel(request: Asked, services: Given) -> Response[StoredChannel]:
    """Makes a channel that is not there yet."""
    document = await read_object(request)
    made = await services.alerts.put_channel(document, request.user.actor, revision=0)
    return _tagged(made, status=201, path=f"channels/{made.channel.name}")


@get(
    "/alerts/channels/{name:str}",
    operation_id="getAlertChannel",
    summary="One alert channel",
    responses=answers(404),
)
async def get_channel(services: Given, name: Name) -> Response[StoredChannel]:
    """The channel, with its revision as ETag."""
    return _tagged(await services.alerts.channel(name))


@put(
    "/alerts/channels/{name:str}",
    operation_id="replaceAlertChannel",
    summary="Replace an alert channel",
    opt=needs(Role.ADMIN),
    responses=answers(400, 404, 409, 412),
)
async def replace_channel(
    request: Asked, services: Given, name: Name, if_match: IfMatch = None
) -> Response[StoredChannel]:
    """Changes all of a channel."""
    revision = matched_revision(if_match)
    document = await read_object(request)
    await services.alerts.channel(name)
    with meant_for(revision):
        made = await services.alerts.put_channel(
            document, request.user.actor, name=name, revision=revision
        )
    return _tagged(made)


@delete(
    "/alerts/channels/{name:str}",
    operation_id="deleteAlertChannel",
    summary="Remove an alert channel",
    opt=needs(Role.ADMIN),
    responses=answers(404, 409, 412),
)
async def delete_channel(
    request: Asked, services: Given, name: Name, if_match: IfMatch = None
) -> None:
    """Removes a channel that no rule names."""
    revision = matched_revision(if_match)
    with meant_for(revision):
        await services.alerts.delete_channel(name, request.user.actor, revision)


@post(
    "/alerts/channels/{name:str}/test",
    operation_id="testAlertChannel",
    summary="Send a test notice",
    status_code=200,
    opt=needs(Role.OPERATOR),
    responses=answers(404, 409),
)
async def try_channel(
    request: Asked,
    services: Given,
    name: Name,
    wait_seconds: Annotated[
        float,
        QueryParameter(
            ge=0, le=MAX_WAIT_SECONDS, description="answer when it is sent, or after this long"
        ),
    ] = 15.0,
) -> DeliveryResponse:
    """Has the notifier send a test notice, the way of all notices, and says what came of it."""
    return await services.alerts.tried(name, request.user.actor, wait_seconds)


@get(
    "/alerts/incidents",
    operation_id="listAlertIncidents",
    summary="Incidents, the newest first",
    responses=answers(),
)
async def list_incidents(
    services: Given,
    incident_state: Annotated[
        IncidentState, QueryParameter(name="state", description="all, open or resolved")
    ] = IncidentState.ALL,
    subject: Annotated[
        str, QueryParameter(description="only about this agent or part", max_length=200)
    ] = "",
    rule: Annotated[str, QueryParameter(description="only of this rule", max_length=100)] = "",
    limit: Limit = 100,
) -> IncidentList:
    """Times that rules' conditions held; the newest ten thousand are kept."""
    found = await services.alerts.incidents(
        state=incident_state.value, subject=subject, rule=rule, limit=limit
    )
    return IncidentList(items=found)


@get(
    "/alerts/deliveries",
    operation_id="listAlertDeliveries",
    summary="Attempts to deliver, the newest first",
    responses=answers(),
)
async def list_deliveries(
    services: Given,
    channel: Annotated[
        str, QueryParameter(description="only to this channel", max_length=100)
    ] = "",
    limit: Limit = 100,
) -> DeliveryList:
    """What was sent where, and what came of it; the newest five thousand are kept."""
    return DeliveryList(items=await services.alerts.deliveries(channel=channel, limit=limit))


@get(
    "/alerts/audit",
    operation_id="listAlertChanges",
    summary="Who changed which rule or channel",
    responses=answers(),
)
async def list_changes(services: Given, limit: Limit = 100) -> AuditList:
    """Changes of rules and channels, the newest first."""
    return AuditList(items=await services.alerts.audit(limit))


@get(
    "/alerts/notifier",
    operation_id="getNotifier",
    summary="Whether anybody sends alerts",
    responses=answers(),
)
async def get_notifier(services: Given) -> NotifierState:
    """The process that watches and tells now."""
    return NotifierState(owner=await services.alerts.notifier())


def _tagged(made: Any, status: int = 200, path: str = "") -> Response[Any]:
    headers = {"ETag": etag(made.revision)}
    if path:
        headers["Location"] = f"/api/v1/alerts/{path}"
    return Response(made, status_code=status, headers=headers)


routes = Router(
    "/",
    route_handlers=[
        list_rules,
        create_rule,
        get_rule,
        replace_rule,
        delete_rule,
        list_channels,
        create_channel,
        get_channel,
        replace_channel,
        delete_channel,
        try_channel,
        list_incidents,
        list_deliveries,
        list_changes,
        get_notifier,
    ],
    tags=["alerts"],
)
