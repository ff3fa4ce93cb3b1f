"""Circuits over HTTP: how they stand, why, and an operator's word over them."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Router, get, post
from litestar.params import QueryParameter

from fuseline.api.access.roles import Caller, Role
from fuseline.api.authentication import needs
from fuseline.api.body import read_struct
from fuseline.api.listing import MAX_CIRCUITS, circuit_page, parse_states
from fuseline.api.problems import answers
from fuseline.api.routes.agents import Name
from fuseline.api.services import Given
from fuseline.api.summaries import summary_of
from fuseline.api.times import Instant, parse_instant
from fuseline.core.circuit import CircuitState, Transition
from fuseline.core.errors import AgentNotFoundError, BackendError, ConfigError
from fuseline.core.events import Mode, OverrideSet
from fuseline.core.texts import check_text
from fuseline.events.agents import override
from fuseline.projections.documents import circuit_document, config_document
from fuseline.projections.explain import explain
from fuseline.projections.nearness import nearness
from fuseline.projections.overview import AgentStatus, overview
from fuseline.projections.past import state_at
from fuseline.projections.reasons import why
from fuseline.projections.revisions import ConfigBook
from fuseline.projections.timeline import Kind, query
from fuseline.projections.word import wait_until_folded
from fuseline.schemas.circuits import (
    CircuitDetail,
    CircuitList,
    LastTransition,
    ModeName,
    Override,
    OverrideAnswer,
    StateAt,
)
from fuseline.schemas.moments import iso

IN_FORCE_SECONDS = 2.0
"""Longest wait for a projector to fold an override before the answer."""


@get(
    "/circuits",
    operation_id="listCircuits",
    summary="All circuits, trouble first",
    responses=answers(),
)
async def list_circuits(
    services: Given,
    states: Annotated[
        list[str] | None,
        QueryParameter(
            name="state",
            description="only these: closed, open, half_open, forced_open, forced_closed",
        ),
    ] = None,
    search: Annotated[str, QueryParameter(description="part of the name", max_length=200)] = "",
    limit: Annotated[
        int, QueryParameter(ge=1, le=MAX_CIRCUITS, description="circuits of a page")
    ] = 100,
    cursor: Annotated[
        str | None, QueryParameter(description="next_cursor of the page before", max_length=1000)
    ] = None,
) -> CircuitList:
    """How every circuit stands; the ones in most trouble first, then by failure rate and name."""
    return circuit_page(
        await overview(services.backend),
        states=parse_states(states or []),
        search=search,
        limit=limit,
        cursor=cursor,
    )


@get(
    "/circuits/{name:str}",
    operation_id="getCircuit",
    summary="One circuit, and why it stands as it does",
    responses=answers(404),
)
async def get_circuit(services: Given, name: Name) -> CircuitDetail:
    """State, figures of the window, thresholds and how near each is, and the last transition."""
    backend = services.backend
    status, now_ms = await _status(services, name)
    circuit = status.circuit
    if circuit is None:
        raise BackendError(status.problem)
    document = circuit_document(name, circuit, now_ms)
    return CircuitDetail(
        circuit=summary_of(status, now_ms),
        why=await why(backend, name, circuit),
        since=document["since"],
        open_until=document["open_until"],
        open_left_seconds=document["open_left_seconds"],
        opens_in_a_row=circuit.opens_in_a_row,
        checkpoint=circuit.checkpoint,
        set_aside=circuit.set_aside,
        settings=document["config"],
        nearness=nearness(circuit, now_ms),
        last_transition=await _last_transition(services, name),
        buckets=document["buckets"],
        now_ms=now_ms,
    )


@post(
    "/circuits/{name:str}/override",
    operation_id="overrideCircuit",
    summary="Force a circuit open or closed, or hand it back",
    status_code=200,
    opt=needs(Role.OPERATOR),
    responses=answers(400, 404),
)
async def override_circuit(
    request: Request[Caller, Any, Any], services: Given, name: Name
) -> OverrideAnswer:
    """Writes an operator's word into the log; answers when it is in force, or after two seconds."""
    event = _event(await read_struct(request, Override), request.user.actor)
    backend = services.backend
    event_id = await override(backend, name, event)
    in_force = await wait_until_folded(backend, name, event_id, IN_FORCE_SECONDS)
    status, now_ms = await _status(services, name)
    return OverrideAnswer(event_id=event_id, in_force=in_force, circuit=summary_of(status, now_ms))


@get(
    "/circuits/{name:str}/state",
    operation_id="getCircuitAt",
    summary="A circuit as it was at an instant",
    responses=answers(404),
)
async def get_circuit_at(services: Given, name: Name, at: Instant) -> StateAt:
    """The log folded again up to an instant: what was known then, and nothing that came later."""
    at_ms = parse_instant("at", at, services.backend.clock.now_ms())
    found = await state_at(services.backend, name, at_ms)
    if not found.events and not found.missing:
        await _status(services, name)  # nothing ever happened, or there is no such agent
    circuit = found.circuit
    is_open = circuit.state is CircuitState.OPEN
    return StateAt(
        at=iso(at_ms),
        at_ms=at_ms,
        events=found.events,
        missing=found.missing,
        trimmed_before_ms=found.trimmed_before_ms,
        circuit=summary_of(AgentStatus(agent=name, circuit=circuit), at_ms),
        settings=config_document(circuit.config),
        nearness=nearness(circuit, at_ms),
        open_left_seconds=max(0, circuit.open_until_ms - at_ms) / 1000 if is_open else None,
    )


async def _status(services: Given, name: str) -> tuple[AgentStatus, int]:
    found = await overview(services.backend, [name])
    status = found.agents[0]
    if status.circuit is not None and status.circuit.removed:
        raise AgentNotFoundError(name)
    return status, found.now_ms


async def _last_transition(services: Given, name: str) -> LastTransition | None:
    items = await query(services.backend, name, limit=1, kinds={Kind.TRANSITION})
    if not items or not isinstance(items[0].content, Transition):
        return None
    change = items[0].content
    config = await ConfigBook(services.backend, name).get(change.revision)
    return LastTransition(
        id=items[0].id,
        at=iso(change.at_ms),
        at_ms=change.at_ms,
        from_state=change.from_state,
        to_state=change.to_state,
        cause=change.cause.value,
        why=explain(change, config),
    )


def _event(asked: Override, actor: str) -> OverrideSet:
    """An override as the log has it.

    Raises:
        ConfigError: members that do not go together.
    """
    reason = check_text("reason", asked.reason)
    if asked.mode is ModeName.AUTO and asked.expires_in_seconds is not None:
        raise ConfigError(
            "expires_in_seconds",
            asked.expires_in_seconds,
            "nothing together with auto, which has no end",
        )
    if asked.reset and asked.mode is not ModeName.AUTO:
        raise ConfigError("reset", asked.reset, "used together with auto only")
    expires_in_ms = round((asked.expires_in_seconds or 0) * 1000)
    return OverrideSet(Mode[asked.mode.name], actor, reason, expires_in_ms, asked.reset)


routes = Router(
    "/",
    route_handlers=[list_circuits, get_circuit, override_circuit, get_circuit_at],
    tags=["circuits"],
)
