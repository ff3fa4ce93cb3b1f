"""Refused calls of web applications become 503, with Retry-After and Problem Details."""

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx2
import litestar
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from fuseline import CircuitBreakerConfig, CircuitBreakerManager
from fuseline.integrations.asgi import RefusedCallMiddleware
from fuseline.integrations.litestar import EXCEPTION_HANDLERS
from tests.bridge.support import Boom
from tests.integrations.serving import serving
from tests.integrations.support import opening

Endpoint = Callable[[], Awaitable[str]]


def litestar_app(endpoint: Endpoint) -> Any:
    @litestar.get("/ask")
    async def ask() -> str:
        return await endpoint()

    return litestar.Litestar([ask], exception_handlers=EXCEPTION_HANDLERS)


def starlette_app(endpoint: Endpoint) -> Any:
    async def ask(request: Request) -> Response:
        return PlainTextResponse(await endpoint())

    app = Starlette(routes=[Route("/ask", ask)])
    app.add_middleware(RefusedCallMiddleware)
    return app


def fastapi_app(endpoint: Endpoint) -> Any:
    app = FastAPI()
    app.add_middleware(RefusedCallMiddleware)

    @app.get("/ask", response_class=PlainTextResponse)
    async def ask() -> str:
        return await endpoint()

    return app


def plain_app(endpoint: Endpoint) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        text = await endpoint()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": text.encode()})

    return RefusedCallMiddleware(app)


APPS = [litestar_app, starlette_app, fastapi_app, plain_app]


@pytest.mark.parametrize("make", APPS, ids=lambda make: make.__name__)
async def test_a_refused_call_is_answered_with_503(
    manager: CircuitBreakerManager, make: Callable[[Endpoint], Any]
) -> None:
    breaker = manager.get("billing", opening(seconds=30))
    works = True

    async def call() -> str:
        if works:
            return "fine"
        raise Boom

    async with serving(make(lambda: breaker.call(call))) as client:
        fine = await client.get("/ask")
        assert (fine.status_code, fine.text) == (200, "fine")
        works = False
        assert (await client.get("/ask")).status_code == 500
        refused = await client.get("/ask")
        assert refused.status_code == 503
        assert refused.headers["content-type"] == "application/problem+json"
        assert 0 < int(refused.headers["retry-after"]) <= 30
        problem = refused.json()
        assert problem.pop("detail").startswith("circuit of agent 'billing' is open (")
        assert problem == {
            "type": "urn:fuseline:problem:circuit-open",
            "title": "An agent is not called at the moment",
            "status": 503,
            "instance": "/ask",
        }


@pytest.mark.parametrize("make", APPS, ids=lambda make: make.__name__)
async def test_a_full_bulkhead_is_answered_with_503(
    manager: CircuitBreakerManager, make: Callable[[Endpoint], Any]
) -> None:
    breaker = manager.get("billing", CircuitBreakerConfig(max_concurrent_calls=1))

    async def ask() -> str:
        async with breaker, breaker:
            return "never"

    async with serving(make(ask)) as client:
        refused = await client.get("/ask")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    assert refused.json()["type"] == "urn:fuseline:problem:bulkhead-full"
    assert "max_concurrent_calls" in refused.json()["detail"]


async def test_an_answer_that_has_begun_is_cut_off(manager: CircuitBreakerManager) -> None:
    breaker = manager.get("billing", opening())

    async def fail() -> None:
        raise Boom

    async def ask(request: Request) -> Response:
        async def pieces() -> AsyncIterator[str]:
            yield "first"
            with contextlib.suppress(Boom):
                await breaker.call(fail)
            await breaker.call(fail)

        return StreamingResponse(pieces())

    app = Starlette(routes=[Route("/ask", ask)])
    app.add_middleware(RefusedCallMiddleware)
    async with serving(app) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get("/ask")
    assert breaker.rejected == 1
