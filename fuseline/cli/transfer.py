"""`fuseline export` and `fuseline import`: a namespace to a file and back."""

from __future__ import annotations

from collections.abc import Awaitable
from pathlib import Path
from typing import Annotated, TypeVar

import msgspec
import typer

from fuseline.archive.exporting import LeftOut, entries_of, export, left_out
from fuseline.archive.importing import import_file
from fuseline.cli import look
from fuseline.cli.options import Options
from fuseline.cli.progress import counting
from fuseline.cli.session import run
from fuseline.core.errors import ConfigError
from fuseline.events.backend import Backend

T = TypeVar("T")


async def _checked(file: Path, work: Awaitable[T]) -> T:
    """Errors of the file system as such of the argument."""
    try:
        return await work
    except OSError as error:
        raise ConfigError("FILE", str(file), f"a file that can be used: {error}") from error


def export_command(
    options: Options,
    file: Annotated[Path, typer.Argument(help="The file to write.", show_default=False)],
) -> None:
    """Write a whole namespace to a FILE: logs, circuits, histories, counts, agents, API tokens.

    Beside running workers. Interrupted, it goes on when it is run again. Tasks, sessions and alerts
    are not part of it: let workers end what waits before a namespace is moved.
    """

    async def command(backend: Backend) -> None:
        if tasks := (await left_out(backend)).tasks:
            # Now, so that whoever moves a namespace may stop here.
            look.console(stderr=True).print(
                look.notice(f"{tasks} tasks wait or run; they will not be in the file")
            )
        with counting("Exporting", await entries_of(backend), options, "entries") as count:
            done = await _checked(file, export(backend, file, count))
        if options.as_json:
            look.print_json({"file": str(file)} | msgspec.to_builtins(done))
            return
        console = look.console()
        console.print(
            f"[green]✓[/] {look.agent_count(done.agents)}, {done.entries} entries written to {file}"
            f"\n  SHA-256 of its content: {done.checksum}",
            highlight=False,
        )
        console.print(look.notice(_left_out(done.left_out)))

    run(options, command)


def _left_out(found: LeftOut) -> str:
    tasks = f"{found.tasks} tasks that wait or run"
    if found.tasks:
        tasks += " (submit them anew, or export again when workers have ended them)"
    dead = f"{found.dead_letters} dead letters"
    alerts = f"{found.alert_rules} alert rules and {found.alert_channels} channels"
    if found.alert_rules or found.alert_channels:
        alerts += " (`fuseline alerts apply` takes them from a file)"
    return f"Not in it: {tasks}, {dead}, {alerts}, incidents, sessions, how far it is archived."


def import_command(
    options: Options,
    file: Annotated[Path, typer.Argument(help="What export wrote.", show_default=False)],
    replace: Annotated[
        bool,
        typer.Option(
            "--replace",
            help="Also into a namespace that holds agents; those in the file are replaced.",
        ),
    ] = False,
) -> None:
    """Read a FILE that export wrote into a namespace, which must hold no agents.

    Its checksum is compared before anything is written. Interrupted, it goes on when it is run
    again. Then `fuseline verify` proves that every circuit is what its log says.
    """

    async def command(backend: Backend) -> None:
        size = file.stat().st_size if file.is_file() else 0
        with counting("Importing", 2 * size, options, "bytes") as count:
            done = await _checked(file, import_file(backend, file, replace=replace, on_bytes=count))
        if options.as_json:
            look.print_json({"file": str(file)} | msgspec.to_builtins(done))
            return
        console = look.console()
        resumed = f", {done.resumed} of them before" if done.resumed else ""
        console.print(
            f"[green]✓[/] {look.agent_count(done.agents)} imported{resumed}, "
            f"{done.entries} entries. `fuseline verify` proves them.",
            highlight=False,
        )
        if done.ahead_seconds:
            console.print(
                look.notice(
                    f"The newest entry is {done.ahead_seconds:.0f} s ahead of this server's clock; "
                    "until that has caught up, times stand still."
                )
            )

    run(options, command)
