"""`fuseline up`: server, projector, notifier, API, a live view; `--demo`: something to see."""

from __future__ import annotations

import math
from typing import Annotated

import anyio
import typer

from fuseline.bridge.worker_name import default_worker_name
from fuseline.cli.alerts_run import notify
from fuseline.cli.live import LiveView
from fuseline.cli.options import Options
from fuseline.cli.session import run
from fuseline.cli.times import DURATION_HELP, parse_duration
from fuseline.cli.up_api import UpApi, prepare_api
from fuseline.demo.crew import Crew
from fuseline.events.backend import Backend
from fuseline.projections.projector import Projector

_WAVE_EVENTS = 5000


def up(
    options: Options,
    demo: Annotated[
        bool,
        typer.Option(
            "--demo", help="Also start three HTTP agents (one steady, two not) and two workers."
        ),
    ] = False,
    host: Annotated[
        str | None,
        typer.Option(help="Address of the HTTP API (env: FUSELINE_API_HOST; else 127.0.0.1)."),
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(help="Its port (env: FUSELINE_API_PORT; else 8787, or one that is free)."),
    ] = None,
    no_api: Annotated[bool, typer.Option("--no-api", help="Without the HTTP API.")] = False,
    duration: Annotated[
        str | None, typer.Option("--for", metavar="TIME", help=f"Stop after {DURATION_HELP}.")
    ] = None,
) -> None:
    """Start everything there is to start and show the states until Ctrl-C.

    Without REDIS_URL this includes the embedded server, which every other command on this machine
    then finds. Data is kept between runs.
    """

    async def command(backend: Backend) -> None:
        limit = parse_duration("for", duration) / 1000 if duration is not None else None
        api = None if no_api else await prepare_api(backend, options, host, port)
        title = f"{backend.server} · namespace {backend.keys.namespace_name}"
        name = "Fuseline demo" if demo else "Fuseline"
        notes = [] if api is None else [api.addresses, api.notice]
        view = LiveView(backend, options, f"{name} · {title}", [note for note in notes if note])
        with anyio.move_on_after(math.inf if limit is None else limit):
            await (_demo if demo else _plain)(backend, view, api)

    run(options, command, long_running=True, service="fuseline")


async def _plain(backend: Backend, view: LiveView, api: UpApi | None) -> None:
    projector = Projector(backend, default_worker_name(), wave_events=_WAVE_EVENTS)
    async with anyio.create_task_group() as tasks:
        if api is not None:
            tasks.start_soon(api.run)
        tasks.start_soon(projector.run)
        tasks.start_soon(notify, backend)
        tasks.start_soon(view.run)


async def _demo(backend: Backend, view: LiveView, api: UpApi | None) -> None:
    async with Crew(backend) as crew, anyio.create_task_group() as tasks:
        if api is not None:
            tasks.start_soon(api.run)
        tasks.start_soon(crew.watch)
        tasks.start_soon(notify, backend)
        tasks.start_soon(view.run)
