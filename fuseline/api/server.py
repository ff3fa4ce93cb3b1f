"""An API process: listens, serves, and ends in good order."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager, contextmanager

import anyio
import uvicorn

from fuseline.api.access.access import Access
from fuseline.api.access.listening import check_listen, check_tls_files
from fuseline.api.access.settings import ApiSettings
from fuseline.api.app import Application
from fuseline.api.heads import BoundedHeads
from fuseline.api.listener import bind, url_of
from fuseline.api.services import serving
from fuseline.core.config import CircuitBreakerConfig
from fuseline.events.backend import Backend
from fuseline.telemetry.exposition import ensure_reader
from fuseline.telemetry.logs import get_logger

DRAIN_SECONDS = 5
"""Longest wait, when stopped, for requests under way."""

_KEEP_ALIVE_SECONDS = 75  # longer than the idle time-outs of common balancers

_log = get_logger("api")


class _Server(uvicorn.Server):
    """Leaves signals to the process that it runs in, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = anyio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield


async def run_api(
    backend: Backend,
    settings: ApiSettings,
    defaults: CircuitBreakerConfig,
    *,
    listener: socket.socket | None = None,
    local_mode: bool = False,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serves until it is cancelled; then requests under way may end.

    Args:
        backend: the namespace.
        settings: how to listen.
        defaults: settings of a breaker where an agent names none.
        listener: made by `listener.bind`; None: it is made here.
        local_mode: no token is needed; see `access.listening`.
        on_ready: called with the URL once it answers.

    Raises:
        ConfigError: it may not or cannot listen there.
        BackendError: the server cannot be asked.
    """
    check_tls_files(settings)
    ensure_reader()
    if listener is None:
        listener = bind(settings)
    port = listener.getsockname()[1]
    async with (
        _closing(listener),
        Access(backend, settings, local_mode=local_mode, port=port) as access,
    ):
        check_listen(
            settings, any_valid_token=await access.tokens.any_valid(), local_mode=local_mode
        )
        async with serving(backend, settings, access, defaults) as services:
            server = _Server(
                uvicorn.Config(
                    Application(services),
                    lifespan="off",
                    http=BoundedHeads,
                    ws="none",
                    log_config=None,
                    access_log=False,
                    proxy_headers=False,
                    server_header=False,
                    timeout_keep_alive=_KEEP_ALIVE_SECONDS,
                    timeout_graceful_shutdown=DRAIN_SECONDS,
                    ssl_certfile=settings.tls_certificate_file,
                    ssl_keyfile=settings.tls_key_file,
                )
            )
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_serve, server, listener)
                try:
                    await server.ready.wait()
                    if on_ready is not None:
                        on_ready(url_of(settings, listener))
                    await anyio.sleep_forever()
                finally:
                    services.hub.close()
                    server.should_exit = True


@asynccontextmanager
async def _closing(listener: socket.socket) -> AsyncIterator[None]:
    """Closes it also when serving never began."""
    with listener:
        yield


async def _serve(server: uvicorn.Server, listener: socket.socket) -> None:
    # Whoever stops it says so by `should_exit`; a cancellation would cut answers off.
    with anyio.CancelScope(shield=True):
        await server.serve(sockets=[listener])
