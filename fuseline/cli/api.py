"""`fuseline api`: the HTTP API in a process of its own."""

from __future__ import annotations

import os
from typing import Annotated

import anyio
import typer

from fuseline.api.access.settings import ApiSettings
from fuseline.bridge.worker_name import default_worker_name
from fuseline.cli import look
from fuseline.cli.options import LogLevel, Options
from fuseline.cli.session import run
from fuseline.core.config import CircuitBreakerConfig
from fuseline.demo.process import end_with_stdin
from fuseline.events.backend import Backend
from fuseline.projections.projector import Projector
from fuseline.telemetry.logs import get_logger

_log = get_logger("cli")


def api(
    options: Options,
    host: Annotated[
        str | None,
        typer.Option(help="Address to listen on (env: FUSELINE_API_HOST; else 127.0.0.1)."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Port (env: FUSELINE_API_PORT; else 8787); 0: any that is free."),
    ] = None,
    tls_certificate: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="PEM; env: FUSELINE_API_TLS_CERTIFICATE_FILE."),
    ] = None,
    tls_key: Annotated[
        str | None, typer.Option(metavar="FILE", help="PEM; env: FUSELINE_API_TLS_KEY_FILE.")
    ] = None,
    projector: Annotated[
        bool, typer.Option("--projector", help="Also fold the log, if nobody else does.")
    ] = False,
    until_eof: Annotated[
        bool, typer.Option("--until-eof", hidden=True, help="End when stdin ends.")
    ] = False,
) -> None:
    """Serve agents, circuits, timelines and live changes over HTTP, until stopped.

    Everybody needs a token: fuseline tokens create NAME --role viewer|operator|admin. Any number
    of these may run behind a balancer.
    """

    async def command(backend: Backend) -> None:
        # Here, because no other command shall wait for the web framework to load.
        from fuseline.api.server import run_api

        if until_eof:
            end_with_stdin()
        settings = ApiSettings.from_env(
            os.environ,
            host=host,
            port=port,
            tls_certificate_file=tls_certificate,
            tls_key_file=tls_key,
        )
        defaults = CircuitBreakerConfig.from_env(os.environ)

        def ready(url: str) -> None:
            _log.info("api_listens", url=url, server=backend.server)
            if options.as_json:
                look.print_json({"event": "api_listens", "url": url})

        async with anyio.create_task_group() as tasks:
            if projector:
                tasks.start_soon(Projector(backend, default_worker_name()).run)
            await run_api(backend, settings, defaults, on_ready=ready)

    run(options, command, long_running=True, log_default=LogLevel.INFO, service="fuseline-api")
