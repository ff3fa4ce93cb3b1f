"""An API process of the stream's benchmark: prints its URL, then serves until it is ended."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Annotated

import uvicorn
import uvloop
from litestar import Litestar, get
from litestar.params import HeaderParameter, QueryParameter

from fuseline.api.stream.filters import Filter
from fuseline.api.stream.hub import StreamHub
from fuseline.api.stream.response import StreamResponse
from fuseline.events.backend import Backend
from fuseline.events.settings import BackendSettings


async def may_look() -> None:
    """Everybody may."""


async def serve(url: str, namespace: str) -> None:
    """One hub behind one HTTP server."""
    backend = await Backend.open(BackendSettings(url=url, namespace=namespace))
    hub = StreamHub(backend)

    @get("/stream")
    async def route(
        kinds: Annotated[str | None, QueryParameter()] = None,
        last_id: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
    ) -> StreamResponse:
        return StreamResponse(hub, Filter.parse(kinds=kinds), last_id or None, may_look)

    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    app = Litestar([route], openapi_config=None)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    following = asyncio.create_task(hub.run())
    print(f"http://127.0.0.1:{listener.getsockname()[1]}/stream", flush=True)
    try:
        await server.serve([listener])
    finally:
        following.cancel()
        await asyncio.wait([following])
        await backend.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(*sys.argv[1:]))
