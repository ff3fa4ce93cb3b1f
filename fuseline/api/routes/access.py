"""Who one is, sessions of the UI, and tokens."""

from __future__ import annotations

from typing import Annotated, Any

from litestar import Request, Response, Router, delete, get, post
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter

from fuseline.api.access.requests import plain_headers
from fuseline.api.access.roles import Caller, Role
from fuseline.api.access.tokens import Token
from fuseline.api.authentication import PUBLIC, needs
from fuseline.api.body import read_struct
from fuseline.api.problems import answers
from fuseline.api.services import Given, Services
from fuseline.schemas.access import (
    Login,
    Me,
    TokenCreate,
    TokenCreated,
    TokenList,
    TokenResponse,
)
from fuseline.schemas.moments import iso

Asked = Request[Caller, Any, Any]


@get("/me", operation_id="getMe", summary="Who you are here", responses=answers())
async def get_me(request: Asked, services: Given) -> Me:
    """The caller, with the CSRF token of a session for a page that was loaded again."""
    csrf = None
    if request.user.kind == "session":
        csrf = await services.access.csrf_token(**_sender(request))
    return _me(request.user, csrf, services)


@post(
    "/session",
    operation_id="logIn",
    summary="Open a session of the UI",
    opt=PUBLIC,
    responses=answers(400),
)
async def log_in(request: Asked, services: Given) -> Response[Me]:
    """Exchanges a token for a cookie that no script can read."""
    asked = await read_struct(request, Login, hidden=("token",))
    opened = await services.access.log_in(asked.token, **_sender(request))
    return Response(
        _me(opened.caller, opened.csrf_token, services),
        status_code=201,
        headers={"Set-Cookie": opened.set_cookie},
    )


@delete(
    "/session",
    operation_id="logOut",
    summary="End the session",
    responses=answers() | {204: ResponseSpec(None, description="It is ended.")},
)
async def log_out(request: Asked, services: Given) -> Response[None]:
    """Ends the session of the cookie; a token that was sent instead goes on."""
    cookie = await services.access.log_out(**_sender(request))
    return Response(None, status_code=204, headers={"Set-Cookie": cookie})


@get(
    "/tokens",
    operation_id="listTokens",
    summary="All tokens",
    opt=needs(Role.ADMIN),
    responses=answers(),
)
async def list_tokens(services: Given) -> TokenList:
    """All tokens, also those that are over."""
    tokens = await services.access.tokens.list()
    now_ms = services.backend.clock.now_ms()
    return TokenList(items=[_shown(token, now_ms) for token in tokens])


@post(
    "/tokens",
    operation_id="createToken",
    summary="Make a token",
    opt=needs(Role.ADMIN),
    responses=answers(400),
)
async def create_token(request: Asked, services: Given) -> TokenCreated:
    """Makes a token; its text is in this answer and nowhere else."""
    asked = await read_struct(request, TokenCreate)
    life = asked.expires_in_seconds
    made = await services.access.tokens.create(
        asked.name,
        asked.role,
        life_ms=None if life is None else round(life * 1000),
        created_by=request.user.actor,
    )
    now_ms = services.backend.clock.now_ms()
    return TokenCreated(token=_shown(made.token, now_ms), text=made.text)


@delete(
    "/tokens/{token_id:str}",
    operation_id="revokeToken",
    summary="Revoke a token",
    opt=needs(Role.ADMIN),
    responses=answers(404),
)
async def revoke_token(
    services: Given,
    token_id: Annotated[str, PathParameter(description="public id of the token", max_length=100)],
) -> None:
    """Ends a token and its sessions, in all processes at once."""
    await services.access.tokens.revoke(token_id)


def _me(caller: Caller, csrf_token: str | None, services: Services) -> Me:
    return Me(
        name=caller.name,
        role=caller.role,
        kind=caller.kind,
        actor=caller.actor,
        csrf_token=csrf_token,
        trace_url=services.settings.trace_url,
    )


def _shown(token: Token, now_ms: int) -> TokenResponse:
    return TokenResponse(
        id=token.id,
        name=token.name,
        role=token.role,
        created_at=iso(token.created_ms),
        created_by=token.created_by,
        expires_at=iso(token.expires_ms or 0),
        revoked_at=iso(token.revoked_ms or 0),
        last_used_at=iso(token.last_used_ms or 0),
        valid=token.is_valid(now_ms),
    )


def _sender(request: Asked) -> dict[str, Any]:
    return {
        "headers": plain_headers(request.scope["headers"]),
        "cookies": request.cookies,
        "client_address": request.client.host if request.client else None,
    }


routes = Router(
    "/",
    route_handlers=[get_me, log_in, log_out, list_tokens, create_token, revoke_token],
    tags=["access"],
)
