"""`fuseline archive` and `fuseline query`: what leaves the log as Parquet, and SQL over it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import anyio
import msgspec
import typer
from rich.table import Table

from fuseline.archive.archiving import SEGMENT_HOURS, Archiver, stop_archiving
from fuseline.archive.exporting import entries_of
from fuseline.archive.querying import MAX_ROWS, query
from fuseline.archive.store import VARIABLE, Store
from fuseline.cli import look
from fuseline.cli.exits import Exit
from fuseline.cli.force import who_says
from fuseline.cli.options import LogLevel, Options
from fuseline.cli.progress import counting
from fuseline.cli.session import run, run_async
from fuseline.cli.times import DURATION_HELP, parse_duration
from fuseline.core.errors import BackendError, ConfigError
from fuseline.core.texts import check_text
from fuseline.events.agents import list_agents
from fuseline.events.archived import forget_positions
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.removed import all_agents, left_registry
from fuseline.telemetry.logs import get_logger

To = Annotated[
    str | None,
    typer.Option(
        "--to",
        "--from",
        metavar="URL",
        help=f"A folder, s3://bucket/path, gs://..., az://... (env: {VARIABLE}).",
        show_default=False,
    ),
]

_PASS_SECONDS = 60.0
_RETRY_SECONDS = 5.0
_log = get_logger("archive")


def store_of(url: str | None) -> Store:
    """The archive that an option or the environment names.

    Raises:
        ConfigError: neither does, or it is none.
        ArchiveError: the extra is not installed.
    """
    found = url or os.environ.get(VARIABLE)
    if not found:
        raise ConfigError("archive", None, f"a folder or URL, by --to, --from or {VARIABLE}")
    return Store(found)


def archive(
    options: Options,
    to: To = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until stopped.")] = False,
    wait: Annotated[
        str,
        typer.Option(
            "--wait",
            metavar="TIME",
            help=f"With --follow: how long entries wait to fill a segment, {DURATION_HELP}.",
        ),
    ] = f"{SEGMENT_HOURS:.0f}h",
    off: Annotated[
        bool,
        typer.Option("--off", help="Nothing waits for the archive any more; it is trimmed as is."),
    ] = False,
    forget: Annotated[
        bool,
        typer.Option(
            "--forget", help="The archive is lost: as --off, and another one may begin. Asks first."
        ),
    ] = False,
    reason: Annotated[
        str | None,
        typer.Option(
            "--reason", "-r", help="With --forget: why; doctor shows it.", show_default=False
        ),
    ] = None,
    actor: Annotated[
        str | None,
        typer.Option(help="With --forget: who says it; by default user@host.", show_default=False),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --forget: do not ask.")] = False,
) -> None:
    """Write logs and histories as Parquet, each entry once; from then on nothing is trimmed before.

    Once it was run, entries stay in Redis until they are archived, so run it for good: with
    --follow, or by a timer. It may be killed at any moment.
    """

    async def command(backend: Backend) -> int:
        if forget:
            if follow or off or to:
                raise ConfigError("forget", True, "none of --follow, --off and --to with it")
            return await _forget(backend, options, reason, actor, sure=yes)
        if off:
            await stop_archiving(backend)
            look.console().print("Nothing waits for the archive any more.")
            return Exit.OK
        wait_hours = parse_duration("wait", wait) / 3_600_000
        archiver = Archiver(backend, store_of(to))
        if follow:
            await _follow(backend, archiver, wait_hours)
        agents = [backend.keys.agent(name) for name in sorted(await all_agents(backend))]
        with counting("Archiving", await entries_of(backend), options, "entries") as count:
            done = await archiver.archive(agents, on_entries=count)
        if options.as_json:
            look.print_json(msgspec.to_builtins(done))
        else:
            look.console().print(
                f"[green]✓[/] {done.entries} entries of {look.agent_count(len(agents))} in "
                f"{done.segments} new segments.",
                highlight=False,
            )
        return Exit.OK

    level = LogLevel.INFO if follow else LogLevel.WARNING
    run(options, command, long_running=follow, log_default=level)


async def _forget(
    backend: Backend, options: Options, reason: str | None, actor: str | None, *, sure: bool
) -> int:
    why, who = check_text("reason", reason or ""), who_says(actor)
    if not sure:
        if not sys.stdin.isatty():
            raise ConfigError("yes", None, "--yes, because there is nobody to ask")
        question = (
            f"What was trimmed from {backend.keys.namespace_name!r} and is in no archive is lost "
            "then. Forget how far it is archived?"
        )
        try:
            sure = typer.confirm(question, err=True)
        except typer.Abort:  # no answer is none
            sure = False
        if not sure:
            look.console(stderr=True).print("Nothing was changed.")
            return Exit.FAILED
    said = await forget_positions(backend, who, why)
    if options.as_json:
        look.print_json(msgspec.to_builtins(said))
    else:
        look.console().print(
            f"Forgotten how far {look.agent_count(said.agents)} were archived; nothing waits for "
            "the archive, and another one may begin.",
            highlight=False,
        )
    return Exit.OK


async def _follow(backend: Backend, archiver: Archiver, wait_hours: float) -> None:
    while True:
        pause = _PASS_SECONDS
        try:
            await backend.learn_time()
            async for page in list_agents(backend):
                await _pass(archiver, page, wait_hours)
            await _pass(archiver, await left_registry(backend), wait_hours)
        except BackendError as error:
            _log.warning("archive_waits_for_server", error=str(error))
            pause = _RETRY_SECONDS
        await anyio.sleep(pause)


async def _pass(archiver: Archiver, agents: Sequence[AgentKeys], wait_hours: float) -> None:
    done = await archiver.archive(agents, wait_hours=wait_hours)
    if done.segments:
        _log.info("archived", segments=done.segments, entries=done.entries)


def query_command(
    options: Options,
    sql: Annotated[str, typer.Argument(help="Over events and history.", show_default=False)],
    source: To = None,
) -> None:
    """Run SQL over the archive with DuckDB: the tables are `events` and `history`."""

    async def command() -> None:
        answer = await query(store_of(source), options.settings().namespace, sql)
        if options.as_json:
            rows = [dict(zip(answer.columns, row, strict=True)) for row in answer.rows]
            look.print_json(
                {"rows": msgspec.to_builtins(rows, enc_hook=str), "truncated": answer.truncated}
            )
            return
        table = Table(*answer.columns, box=None, header_style="bold")
        for row in answer.rows:
            table.add_row(*map(_cell, row))
        look.show(look.console(), table)
        if answer.truncated:
            look.console().print(look.notice(f"The first {MAX_ROWS} rows; say LIMIT for others."))

    run_async(options, command)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return value.hex() if isinstance(value, bytes) else str(value)
