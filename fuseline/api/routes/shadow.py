"""A shadow: other settings folded beside an agent's own, that no caller sees anything of."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Router, delete, get, put
from litestar.params import QueryParameter

from fuseline.api.access.roles import Caller, Role
from fuseline.api.authentication import needs
from fuseline.api.body import read_struct
from fuseline.api.problems import answers
from fuseline.api.routes.agents import Name
from fuseline.api.routes.circuits import IN_FORCE_SECONDS
from fuseline.api.routes.timeline import known
from fuseline.api.services import Given
from fuseline.core.errors import ConfigError
from fuseline.core.events import ShadowSet
from fuseline.core.texts import check_text
from fuseline.core.what_if.patch import checked_patch
from fuseline.events.agents import override
from fuseline.projections.shadowing import compared, load_shadow, shadow_document
from fuseline.projections.word import wait_until_folded
from fuseline.schemas.shadow import ShadowAnswer, ShadowAsk


@get(
    "/circuits/{name:str}/shadow",
    operation_id="getShadow",
    summary="What is folded beside a circuit, and how it did",
    responses=answers(404),
)
async def get_shadow(
    services: Given,
    name: Name,
    compare: Annotated[
        bool, QueryParameter(description="also fold what happened since it was set")
    ] = True,
) -> ShadowAnswer:
    """The shadow of an agent, with what would have happened since it was set."""
    await known(services, name)
    backend = services.backend
    shadow = await load_shadow(backend, name)
    comparison, problem = None, ""
    if shadow is not None and compare:
        async with services.folding:
            comparison, problem = await compared(backend, name, shadow)
    return ShadowAnswer(
        agent=name,
        shadow=shadow_document(shadow, backend.clock.now_ms()),
        comparison=comparison,
        problem=problem,
    )


@put(
    "/circuits/{name:str}/shadow",
    operation_id="setShadow",
    summary="Fold other settings beside a circuit from now on",
    status_code=200,
    opt=needs(Role.OPERATOR),
    responses=answers(400, 404),
)
async def set_shadow(
    request: Request[Caller, Any, Any], services: Given, name: Name
) -> ShadowAnswer:
    """Callers see nothing of it; what it would do stands in the timeline.

    It takes the place of one that is there.
    """
    asked = await read_struct(request, ShadowAsk)
    if not isinstance(asked.settings, dict) or not asked.settings:
        raise ConfigError("settings", asked.settings, "an object of at least one setting by name")
    settings = checked_patch(asked.settings, "settings.")
    reason = check_text("reason", asked.reason)
    return await _said(services, name, ShadowSet(settings, request.user.actor, reason))


@delete(
    "/circuits/{name:str}/shadow",
    operation_id="endShadow",
    summary="Fold nothing beside a circuit any more",
    status_code=200,
    opt=needs(Role.OPERATOR),
    responses=answers(404),
)
async def end_shadow(
    request: Request[Caller, Any, Any],
    services: Given,
    name: Name,
    reason: Annotated[
        str,
        QueryParameter(min_length=1, max_length=500, description="why; it stands in the history"),
    ],
) -> ShadowAnswer:
    """What it would have done stays in the timeline. Without one nothing is written."""
    reason = check_text("reason", reason)
    await known(services, name)
    if await load_shadow(services.backend, name) is None:
        return ShadowAnswer(agent=name, shadow=None)
    return await _said(services, name, ShadowSet({}, request.user.actor, reason))


async def _said(services: Given, name: str, event: ShadowSet) -> ShadowAnswer:
    backend = services.backend
    event_id = await override(backend, name, event)
    in_force = await wait_until_folded(backend, name, event_id, IN_FORCE_SECONDS)
    shadow = await load_shadow(backend, name)
    now_ms = backend.clock.now_ms()
    return ShadowAnswer(agent=name, shadow=shadow_document(shadow, now_ms), in_force=in_force)


routes = Router("/", route_handlers=[get_shadow, set_shadow, end_shadow], tags=["circuits"])
