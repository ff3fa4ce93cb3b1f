"""ASGI applications on a real server on loopback."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any, Literal

import httpx2
import uvicorn

from tests.waiting import eventually


@contextlib.asynccontextmanager
async def serving(
    app: Any, lifespan: Literal["on", "off"] = "off"
) -> AsyncIterator[httpx2.AsyncClient]:
    """Serves an application; a client of it, whose `base_url` says where."""
    config = uvicorn.Config(
        app, port=0, log_level="critical", lifespan=lifespan, timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve())
    try:
        await eventually(lambda: server.started or task.done(), 60)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        async with httpx2.AsyncClient(base_url=url, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        await task
