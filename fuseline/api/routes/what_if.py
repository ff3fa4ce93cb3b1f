"""What other settings would have made of an agent's history, and which would have cost least."""

from __future__ import annotations

from typing import Any

from litestar import Request, Router, post

from fuseline.api.access.roles import Caller
from fuseline.api.body import read_struct
from fuseline.api.problems import answers
from fuseline.api.routes.agents import Name
from fuseline.api.routes.timeline import known
from fuseline.api.services import Given
from fuseline.api.times import parse_instant
from fuseline.core.errors import ConfigError
from fuseline.core.what_if.patch import checked_patch
from fuseline.core.what_if.search import Cost
from fuseline.projections.what_if import propose, what_if
from fuseline.projections.what_if_documents import proposals_document, what_if_document
from fuseline.schemas.what_if import ProposalsAnswer, ProposalsAsk, WhatIfAnswer, WhatIfAsk


@post(
    "/circuits/{name:str}/what-if",
    operation_id="askWhatIf",
    summary="What other settings would have made of a range",
    status_code=200,
    responses=answers(400, 404, 409),
)
async def ask_what_if(
    request: Request[Caller, Any, Any], services: Given, name: Name
) -> WhatIfAnswer:
    """The record folded again as it was and as it would have been; nothing is changed.

    409: the recorded settings do not give the history again, so nothing can be said.
    """
    asked = await read_struct(request, WhatIfAsk)
    if not isinstance(asked.settings, dict):
        raise ConfigError("settings", asked.settings, "an object of settings by name")
    patch = checked_patch(asked.settings, "settings.")
    await known(services, name)
    since_ms, until_ms = _range(services, asked)
    async with services.folding:
        found = await what_if(services.backend, name, patch, since_ms, until_ms)
    return what_if_document(name, found)


@post(
    "/circuits/{name:str}/proposals",
    operation_id="proposeSettings",
    summary="Settings that would have cost least",
    status_code=200,
    responses=answers(400, 404, 409),
)
async def propose_settings(
    request: Request[Caller, Any, Any], services: Given, name: Name
) -> ProposalsAnswer:
    """About 200 settings tried on a range; nothing is changed. Takes some seconds."""
    asked = await read_struct(request, ProposalsAsk)
    await known(services, name)
    since_ms, until_ms = _range(services, asked)
    cost = Cost(failure=asked.failure_cost, refusal=asked.refusal_cost)
    async with services.folding:
        found = await propose(services.backend, name, since_ms, until_ms, cost)
    return proposals_document(name, found, asked.limit)


def _range(services: Given, asked: WhatIfAsk | ProposalsAsk) -> tuple[int, int]:
    now_ms = services.backend.clock.now_ms()
    since_ms = parse_instant("since", asked.since, now_ms)
    until_ms = now_ms if asked.until is None else parse_instant("until", asked.until, now_ms)
    if until_ms <= since_ms:
        raise ConfigError("until", asked.until, "a time after since")
    return since_ms, until_ms


routes = Router("/", route_handlers=[ask_what_if, propose_settings], tags=["circuits"])
