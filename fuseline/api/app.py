"""The application: routes, who may use them, how errors look."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import msgspec
from litestar import Litestar, MediaType, Response, Router, get
from litestar.config.compression import CompressionConfig
from litestar.config.cors import CORSConfig
from litestar.di import Provide
from litestar.types import ControllerRouterHandler, Receive, Scope, Send

from fuseline.api import openapi
from fuseline.api.access.headers import Content, security_headers
from fuseline.api.authentication import PUBLIC, Authentication, check_role
from fuseline.api.docs_page import render
from fuseline.api.envelope import Envelope
from fuseline.api.pages import ZIPPED, Pages, page_routes
from fuseline.api.problems import HANDLERS
from fuseline.api.queries import check_query
from fuseline.api.routes import (
    access,
    agents,
    alerts,
    calls,
    circuits,
    shadow,
    stream,
    system,
    tasks,
    timeline,
    what_if,
)
from fuseline.api.services import Services

PREFIX = "/api/v1"

_GZIP_BYTES = 1000
_ROUTES: list[ControllerRouterHandler] = [
    agents.routes,
    circuits.routes,
    calls.routes,
    timeline.routes,
    what_if.routes,
    shadow.routes,
    stream.stream_route,
    tasks.routes,
    alerts.routes,
    access.routes,
    system.routes,
]


def api_document() -> dict[str, Any]:
    """The OpenAPI document; it depends on nothing that runs."""

    def provide() -> Services:
        raise AssertionError("this application answers nobody")

    return openapi.make_document(
        Litestar(
            [Router(PREFIX, route_handlers=_ROUTES)],
            dependencies={"services": Provide(provide, sync_to_thread=False)},
            openapi_config=openapi.CONFIG,
            logging_config=None,
        )
    )


class Application:
    """The ASGI application of one API process.

    Args:
        services: what the routes work with; they must run for as long as requests come.
    """

    def __init__(self, services: Services) -> None:
        self._litestar = self._make(services)
        headers = {
            "/": security_headers(Content.UI, tls=services.settings.tls),
            "/api": security_headers(Content.API, tls=services.settings.tls),
            f"{PREFIX}/docs": security_headers(Content.DOCS, tls=services.settings.tls),
        }
        self._asgi = Envelope(self._litestar, headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one connection."""
        await self._asgi(scope, receive, send)

    @cached_property
    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        return api_document()

    @cached_property
    def _openapi_json(self) -> bytes:
        return msgspec.json.encode(self.openapi)

    @cached_property
    def _docs(self) -> str:
        return render(self.openapi)

    def _make(self, services: Services) -> Litestar:
        @get("/openapi.json", opt=PUBLIC, include_in_schema=False)
        async def openapi_json() -> Response[bytes]:
            return Response(self._openapi_json, media_type=MediaType.JSON)

        @get("/docs", opt=PUBLIC, include_in_schema=False, media_type=MediaType.HTML)
        async def docs() -> str:
            return self._docs

        def provide() -> Services:
            return services

        cors = services.settings.cors_origins
        return Litestar(
            [
                Router(
                    PREFIX,
                    route_handlers=[
                        *_ROUTES,
                        openapi_json,
                        docs,
                    ],
                ),
                *page_routes(Pages()),
            ],
            dependencies={"services": Provide(provide, sync_to_thread=False)},
            guards=[check_role, check_query],
            middleware=[Authentication(services.access)],
            exception_handlers=HANDLERS,
            request_max_body_size=services.settings.max_body_bytes,
            compression_config=CompressionConfig(
                backend="gzip",
                minimum_size=_GZIP_BYTES,
                exclude=[f"^{PREFIX}/stream"],
                exclude_opt_key=ZIPPED,
            ),
            cors_config=CORSConfig(
                allow_origins=list(cors),
                allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
                allow_headers=[
                    "Authorization",
                    "Content-Type",
                    "If-Match",
                    "If-None-Match",
                    "Last-Event-ID",
                    "X-Request-ID",
                ],
                expose_headers=["ETag", "Location", "X-Request-ID", "Retry-After"],
            )
            if cors
            else None,
            openapi_config=None,
            logging_config=None,
        )
