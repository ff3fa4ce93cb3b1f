"""Who sends a request, and whether the role allows it: asked before any route runs."""

from __future__ import annotations

from typing import Any

from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.middleware import ASGIMiddleware
from litestar.response.base import ASGIResponse
from litestar.routes import HTTPRoute
from litestar.types import ASGIApp, Receive, Scope, Send

from fuseline.api.access.access import Access, require
from fuseline.api.access.errors import NotAuthenticatedError
from fuseline.api.access.requests import plain_headers
from fuseline.api.access.roles import Caller, Role

PUBLIC = {"public": True}
"""For `opt` of a route that needs no credentials."""


def needs(role: Role) -> dict[str, Any]:
    """For `opt` of a route: which role it needs. Without it, viewer."""
    return {"role": role}


class Authentication(ASGIMiddleware):
    """Puts the caller into the request, or turns it away."""

    def __init__(self, access: Access) -> None:
        self._access = access

    async def handle(self, scope: Scope, receive: Receive, send: Send, next_app: ASGIApp) -> None:
        """Authenticates one request."""
        handler: BaseRouteHandler = scope["route_handler"]
        scope["user"] = None
        if not handler.opt.get("public"):
            scope["user"] = await authenticate(self._access, scope)
        if scope.get("method") == "OPTIONS":
            # The framework's own answer leaves out methods where several handlers share a path.
            await _methods(scope)(scope, receive, send)
            return
        await next_app(scope, receive, send)


async def authenticate(access: Access, scope: Scope) -> Caller:
    """Who sends a request, as `Access.authenticate` says now.

    Raises:
        AccessError: nobody that may.
    """
    client = scope.get("client")
    return await access.authenticate(
        method=str(scope.get("method", "GET")),
        headers=plain_headers(scope["headers"]),
        cookies=ASGIConnection[Any, Any, Any, Any](scope).cookies,
        client_address=client[0] if client else "",
    )


def _methods(scope: Scope) -> ASGIResponse:
    path = scope["path_template"]
    allowed = {
        str(method)
        for route in scope["litestar_app"].routes
        if isinstance(route, HTTPRoute) and route.path_format == path
        for method in route.methods
    }
    return ASGIResponse(status_code=204, headers={"Allow": ", ".join(sorted(allowed))})


def check_role(
    connection: ASGIConnection[Any, Caller | None, Any, Any], handler: BaseRouteHandler
) -> None:
    """Guard of every route.

    Raises:
        NotAuthenticatedError, RoleError: the caller may not.
    """
    if handler.opt.get("public"):
        return
    caller = connection.user
    if caller is None:
        raise NotAuthenticatedError
    require(caller, handler.opt.get("role", Role.VIEWER))
