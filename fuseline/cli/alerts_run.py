"""`fuseline alerts run`: a notifier in a process of its own; `fuseline up` has one too."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from fuseline.bridge.worker_name import default_worker_name
from fuseline.cli.health import HealthHost, HealthPort, HealthSocket, answering, listening
from fuseline.cli.options import LogLevel, Options
from fuseline.cli.session import run
from fuseline.demo.process import end_with_stdin
from fuseline.events.backend import Backend
from fuseline.telemetry.logs import get_logger

if TYPE_CHECKING:
    from fuseline.alerts.notifier import Notifier

_log = get_logger("cli")


def run_notifier(
    options: Options,
    health_port: HealthPort = None,
    health_host: HealthHost = "127.0.0.1",
    health_socket: HealthSocket = None,
    until_eof: Annotated[
        bool, typer.Option("--until-eof", hidden=True, help="End when stdin ends.")
    ] = False,
) -> None:
    """Watch and send alerts until stopped; any number may run, one of them sends at a time."""

    async def command(backend: Backend) -> None:
        if until_eof:
            end_with_stdin()
        _log.info("notifier_started", server=backend.server)
        try:
            async with listening(health_port, health_host, health_socket) as listeners:
                made = make_notifier(backend)
                async with answering(listeners, made.not_ready, backend, notifier=made.owner):
                    await made.run()
        finally:
            _log.info("notifier_stopped")

    run(options, command, long_running=True, log_default=LogLevel.INFO)


def make_notifier(backend: Backend) -> Notifier:
    """A notifier as the environment says.

    Raises:
        ConfigError: a variable is not allowed.
    """
    # Here, because no other command shall wait for the HTTP client to load.
    from fuseline.alerts.notifier import Notifier
    from fuseline.alerts.sending import Sender

    sender = Sender.from_env(backend.keys.namespace_name, os.environ)
    return Notifier(backend, default_worker_name(), sender)


async def notify(backend: Backend) -> None:
    """Watches and tells until cancelled, as the environment says.

    Raises:
        ConfigError: a variable is not allowed.
    """
    await make_notifier(backend).run()
