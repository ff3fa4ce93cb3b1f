"""`fuseline projector`: a projector in a process of its own."""

from __future__ import annotations

import gc
from typing import Annotated

import typer

from fuseline.bridge.worker_name import default_worker_name
from fuseline.cli.health import HealthHost, HealthPort, HealthSocket, answering, listening
from fuseline.cli.options import LogLevel, Options
from fuseline.cli.session import run
from fuseline.demo.process import end_with_stdin
from fuseline.events.backend import Backend
from fuseline.projections.projector import Projector
from fuseline.telemetry.logs import get_logger

WAVE_EVENTS = 20_000

# A wave makes many short-lived containers beside long-lived circuits, and makes no cycles; with
# the default thresholds the collector walks all circuits again and again.
_GC_THRESHOLD = (100_000, 20, 100)

_log = get_logger("cli")


def projector(
    options: Options,
    health_port: HealthPort = None,
    health_host: HealthHost = "127.0.0.1",
    health_socket: HealthSocket = None,
    until_eof: Annotated[
        bool, typer.Option("--until-eof", hidden=True, help="End when stdin ends.")
    ] = False,
) -> None:
    """Fold events into states until stopped; any number may run, each shard has one at a time."""

    async def command(backend: Backend) -> None:
        if until_eof:
            end_with_stdin()
        gc.set_threshold(*_GC_THRESHOLD)
        owner = default_worker_name()
        _log.info("projector_started", owner=owner, server=backend.server)
        try:
            async with listening(health_port, health_host, health_socket) as listeners:
                made = Projector(backend, owner, wave_events=WAVE_EVENTS)
                async with answering(listeners, made.not_ready, backend, projector=owner):
                    await made.run()
        finally:
            _log.info("projector_stopped", owner=owner)

    run(
        options, command, long_running=True, log_default=LogLevel.INFO, service="fuseline-projector"
    )
