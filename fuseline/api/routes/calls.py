"""Calls that other programs make: may they, and how they ended."""

from __future__ import annotations

from typing import Any

from litestar import Request, Router, post

from fuseline.api.access.roles import Caller, Role
from fuseline.api.authentication import needs
from fuseline.api.body import read_struct
from fuseline.api.problems import answers
from fuseline.api.routes.agents import Name
from fuseline.api.services import Given
from fuseline.schemas.calls import CallAdmission, OutcomesRecord, OutcomesRecorded


@post(
    "/circuits/{name:str}/admissions",
    operation_id="admitCall",
    summary="Ask whether to call an agent",
    status_code=200,
    opt=needs(Role.CALLER),
    responses=answers(404),
)
async def admit_call(services: Given, name: Name) -> CallAdmission:
    """Decides about one call; while the circuit is HALF_OPEN, a place among its probes is taken."""
    return await services.calls.admit(name)


@post(
    "/circuits/{name:str}/outcomes",
    operation_id="recordOutcomes",
    summary="Report how calls ended",
    status_code=200,
    opt=needs(Role.CALLER),
    responses=answers(400, 404, 409),
)
async def record_outcomes(
    request: Request[Caller, Any, Any], services: Given, name: Name
) -> OutcomesRecorded:
    """Appends outcomes to the log and answers when they are there; each number counts once."""
    return await services.calls.record(name, await read_struct(request, OutcomesRecord))


routes = Router("/", route_handlers=[admit_call, record_outcomes], tags=["calls"])
