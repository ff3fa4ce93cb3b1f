"""`fuseline alerts run`: a notifier in a process of its own; `fuseline up` has one too."""

from __future__ import annotations

import os
from typing import Annotated

import typer

from fuseline.bridge.manager import default_worker_name
from fuseline.cli.options import LogLevel, Options
from fuseline.cli.session import run
from fuseline.demo.process import end_with_stdin
from fuseline.events.backend import Backend
from fuseline.telemetry.logs import get_logger

_log = get_logger("cli")


def run_notifier(
    options: Options,
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
            await notify(backend)
        finally:
            _log.info("notifier_stopped")

    run(options, command, long_running=True, log_default=LogLevel.INFO)


async def notify(backend: Backend) -> None:
    """Watches and tells until cancelled, as the environment says.

    Raises:
        ConfigError: a variable is not allowed.
    """
    # Here, because no other command shall wait for the HTTP client to load.
    from fuseline.alerts.notifier import Notifier
    from fuseline.alerts.sending import Sender

    sender = Sender.from_env(backend.keys.namespace_name, os.environ)
    await Notifier(backend, default_worker_name(), sender).run()
