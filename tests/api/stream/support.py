"""A hub behind a real HTTP server with settings of the test's own, and what changes circuits."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Annotated, Any

import uvicorn
from litestar import Litestar, get
from litestar.params import HeaderParameter, QueryParameter

from fuseline.api.problems import HANDLERS
from fuseline.api.stream.filters import Filter
from fuseline.api.stream.hub import StreamHub
from fuseline.api.stream.response import StreamResponse
from fuseline.api.stream.settings import StreamSettings
from fuseline.core.events import Mode, OverrideSet
from fuseline.events.agents import override, register
from fuseline.events.backend import Backend
from fuseline.projections.codec import decode_circuit
from fuseline.projections.documents import mode_name
from tests.logbook import failing, open_backend
from tests.waiting import eventually

Key = tuple[int, str, str, int | None, int]
"""What a view of a circuit is told by: epoch, state, mode and its end, revision."""


class Streaming:
    """A running server: its hub, and where it is."""

    def __init__(self, hub: StreamHub, url: str) -> None:
        self.hub, self.url = hub, url


async def may_look() -> None:
    """Everybody may."""


@asynccontextmanager
async def streaming(
    url: str,
    namespace: str,
    *,
    shards: int = 4,
    ready: bool = True,
    send_buffer: int | None = None,
    **settings: Any,
) -> AsyncIterator[Streaming]:
    """Serves streams on loopback until the block ends; then as a process that is told to stop."""
    async with open_backend(url, namespace, shards) as backend:
        hub = StreamHub(backend, StreamSettings(**settings))

        @get("/stream")
        async def route(
            agents: Annotated[str | None, QueryParameter()] = None,
            states: Annotated[str | None, QueryParameter(name="state")] = None,
            kinds: Annotated[str | None, QueryParameter()] = None,
            last_id: Annotated[str | None, HeaderParameter(name="Last-Event-ID")] = None,
        ) -> StreamResponse:
            return StreamResponse(
                hub, Filter.parse(agents, states, kinds), last_id or None, may_look
            )

        app = Litestar([route], exception_handlers=HANDLERS, openapi_config=None)
        listener = socket.create_server(("127.0.0.1", 0))
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if send_buffer is not None:  # connections inherit it
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        config = uvicorn.Config(app, log_config=None, lifespan="off", access_log=False)
        server = uvicorn.Server(config)
        tasks = [
            asyncio.create_task(hub.run()),
            asyncio.create_task(server._serve([listener])),
        ]
        try:
            await eventually(lambda: server.started)
            if ready:
                await eventually(lambda: hub.position is not None)
            yield Streaming(hub, f"http://127.0.0.1:{listener.getsockname()[1]}/stream")
        finally:
            hub.close()
            server.should_exit = True
            await asyncio.wait_for(tasks[1], 10)
            tasks[0].cancel()
            with suppress(asyncio.CancelledError):
                await tasks[0]
            listener.close()


async def force(backend: Backend, agent: str, mode: Mode, expires_in_ms: int = 0) -> None:
    """An operator's word."""
    await override(backend, agent, OverrideSet(mode, "tester", "test", expires_in_ms))


async def enroll(backend: Backend, *agents: str, threshold: int = 3) -> None:
    """Registers agents that open after some failures in a row."""
    for agent in agents:
        await register(backend, agent, failing(threshold), "tester")


def key_of(circuit: dict[str, Any]) -> Key:
    """The key of a circuit as a client sees it."""
    return (
        circuit["epoch"],
        circuit["state"],
        circuit["mode"],
        circuit["mode_until_ms"],
        circuit["revision"],
    )


async def views_in_feeds(backend: Backend) -> dict[str, list[Key]]:
    """What the feeds announced, by agent, in order."""
    views: dict[str, list[Key]] = {}
    for shard in backend.keys.shards:
        for _, fields in await backend.wire.call("XRANGE", shard.feed, "-", "+"):
            circuit = decode_circuit(fields[3])
            views.setdefault(fields[1].decode(), []).append(
                (
                    circuit.epoch,
                    circuit.state.value,
                    mode_name(circuit.mode),
                    circuit.mode_until_ms or None,
                    circuit.revision,
                )
            )
    return views
