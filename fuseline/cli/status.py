"""`fuseline status`: all circuits, or one and why it stands as it does."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import anyio
import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from fuseline.cli import look
from fuseline.cli.board import board, detail
from fuseline.cli.options import Options
from fuseline.cli.session import run
from fuseline.cli.times import clock
from fuseline.core.errors import BackendUnavailableError
from fuseline.events.backend import Backend
from fuseline.projections.documents import Document, iso, status_document
from fuseline.projections.overview import Overview, overview
from fuseline.projections.reasons import why

_WATCH_SECONDS = 0.5


def status(
    options: Options,
    agent: Annotated[
        str | None, typer.Argument(help="One agent in detail.", show_default=False)
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Show the state of all circuits, those in trouble first; of one AGENT also why."""

    async def command(backend: Backend) -> None:
        if watch:
            await _watch(backend, agent, options)
        elif options.as_json:
            look.print_json(await _document(backend, agent))
        else:
            console = look.console()
            look.show(console, await _render(backend, agent, console.width))

    run(options, command, long_running=watch)


async def _watch(backend: Backend, agent: str | None, options: Options) -> None:
    if options.as_json:
        while True:
            look.print_json(await _document(backend, agent))
            await anyio.sleep(_WATCH_SECONDS)
    console = look.console()
    if not console.is_terminal:
        while True:
            look.show(console, await _render(backend, agent, console.width))
            await anyio.sleep(_WATCH_SECONDS)
    shown = await _render(backend, agent, console.width, console.height - 6)
    with suppress(KeyboardInterrupt), Live(shown, console=console, auto_refresh=False) as live:
        while True:
            await anyio.sleep(_WATCH_SECONDS)
            try:
                shown = await _render(backend, agent, console.width, console.height - 6)
                live.update(shown, refresh=True)
            except BackendUnavailableError as error:
                live.update(Group(shown, look.notice(str(error), style="red")), refresh=True)


async def _render(
    backend: Backend, agent: str | None, width: int, rows: int | None = None
) -> RenderableType:
    if agent is None:
        found = await overview(backend)
        shown = board(found, backend.keys.namespace_name, width, rows)
    else:
        found = await overview(backend, [agent])
        shown = detail(
            found.agents[0], _of_shard(backend, found, agent), await _why(backend, found)
        )
    if rows is None:
        return shown
    return Group(Text(f"{clock(found.now_ms)}  Ctrl-C ends", style="dim"), shown)


def _of_shard(backend: Backend, found: Overview, agent: str) -> Overview:
    shard = backend.keys.shard_of(agent)
    return Overview(found.now_ms, found.agents, found.unprojected & {shard})


async def _why(backend: Backend, found: Overview) -> str:
    status = found.agents[0]
    return await why(backend, status.agent, status.circuit) if status.circuit else status.problem


async def _document(backend: Backend, agent: str | None) -> Document:
    found = await overview(backend, None if agent is None else [agent])
    if agent is not None:
        document = status_document(found.agents[0], found.now_ms)
        unprojected = backend.keys.shard_of(agent) in found.unprojected
        return document | {"why": await _why(backend, found), "unprojected": unprojected}
    return {
        "at": iso(found.now_ms),
        "namespace": backend.keys.namespace_name,
        "unprojected_shards": sorted(found.unprojected),
        "agents": [status_document(status, found.now_ms) for status in found.agents],
    }
