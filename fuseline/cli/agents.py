"""`fuseline agents`: the registry, agent by agent or as a file."""

from __future__ import annotations

import os
from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from fuseline.cli import look
from fuseline.cli.agents_files import apply_file, export
from fuseline.cli.agents_folded import until_folded
from fuseline.cli.exits import EPILOG
from fuseline.cli.force import projecting, who_says
from fuseline.cli.options import Options, with_options
from fuseline.cli.session import run
from fuseline.cli.times import clock
from fuseline.core.agent import AgentRecord
from fuseline.core.config import RULES, CircuitBreakerConfig
from fuseline.core.errors import ConfigError
from fuseline.core.texts import check_text
from fuseline.events.backend import Backend
from fuseline.registry.document import BREAKER, READ_ONLY, Document
from fuseline.registry.listing import MAX_LIMIT, Filter, Sort
from fuseline.registry.store import Registry

agents = typer.Typer(
    name="agents",
    help="The registry: list, show, apply files, export, delete.",
    epilog=EPILOG,
    no_args_is_help=True,
)

_NAME = typer.Argument(metavar="NAME", help="Name of the agent.", show_default=False)


def registry_of(backend: Backend) -> Registry:
    """The registry, with the defaults of this process's environment."""
    return Registry(backend, CircuitBreakerConfig.from_env(os.environ))


def list_agents(
    options: Options,
    tag: Annotated[
        list[str] | None,
        typer.Option("--tag", help="Only agents with this tag; again: with all of them."),
    ] = None,
    protocol: Annotated[
        str | None, typer.Option(help="Only agents of this protocol.", show_default=False)
    ] = None,
    search: Annotated[
        str, typer.Option(help="Part of the name, description or address.", show_default=False)
    ] = "",
    sort: Annotated[Sort, typer.Option(help="Order; with - the other way round.")] = Sort.NAME,
) -> None:
    """List agents."""

    async def command(backend: Backend) -> None:
        registry = registry_of(backend)
        chosen = Filter(search=search, tags=tuple(tag or ()), protocol=protocol)
        records: list[AgentRecord] = []
        cursor: str | None = None
        while True:
            page = await registry.list(chosen, sort, cursor, MAX_LIMIT)
            records += page.records
            cursor = page.next_cursor
            if cursor is None:
                break
        if options.as_json:
            look.print_json({"agents": [registry.document(record) for record in records]})
        elif not records:
            typer.echo("no agents")
        else:
            look.show(look.console(), _table(records))
        for name in page.unreadable:
            look.console(stderr=True).print(look.notice(f"the record of {name} cannot be read"))

    run(options, command)


def _table(records: list[AgentRecord]) -> Table:
    table = Table.grid(padding=(0, 2))
    for record in records:
        shown = record.endpoint.shown() if record.endpoint else {}
        table.add_row(
            Text(record.name, style="bold"),
            Text(shown.get("protocol", "code"), style="" if shown else "dim"),
            Text(shown.get("url", "–"), overflow="fold"),
            Text(" ".join(record.tags), style="cyan"),
            Text(f"revision {record.revision}", style="dim"),
            Text(clock(record.updated_ms, with_date=True) if record.updated_ms else "–"),
        )
    return table


def show(options: Options, name: Annotated[str, _NAME]) -> None:
    """Show all of one agent, its secrets masked."""

    async def command(backend: Backend) -> None:
        registry = registry_of(backend)
        record = await registry.get(name)
        document = registry.document(record)
        if options.as_json:
            look.print_json(document)
        else:
            _show(record, document)

    run(options, command)


def _show(record: AgentRecord, document: Document) -> None:
    head = Text.assemble((record.name, "bold"), f"  revision {record.revision}")
    if record.updated_ms:
        by = f" by {record.updated_by}" if record.updated_by else ""
        head.append(f"  {clock(record.updated_ms, with_date=True)}{by}", style="dim")
    table = Table.grid(padding=(0, 2))
    for name, value in document.items():
        if name in ("name", BREAKER, *READ_ONLY):
            continue
        if isinstance(value, dict):
            for key, one in value.items():
                table.add_row(f"{name}.{key}", _word(one))
        else:
            table.add_row(name, _word(value))
    for name in RULES:
        chosen = name not in document["defaulted"]
        table.add_row(
            f"{BREAKER}.{name}",
            Text(_word(getattr(record.config, name)), style="bold" if chosen else ""),
            Text("" if chosen else "default", style="dim"),
        )
    look.show(look.console(), head, table)


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(str(one) for one in value) or "none"
    return str(value) if isinstance(value, str) else msgspec.json.encode(value).decode()


def delete(
    options: Options,
    name: Annotated[str, _NAME],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; it stands in the timeline.")],
    revision: Annotated[
        int | None, typer.Option(help="Only if it stands at this one.", show_default=False)
    ] = None,
    actor: Annotated[
        str | None, typer.Option(help="Who says it; by default user@host.", show_default=False)
    ] = None,
) -> None:
    """Take an agent out of the registry; its history stays."""

    async def command(backend: Backend) -> int:
        who = who_says(actor)
        why = check_text("reason", reason)
        if revision is not None and revision < 1:
            raise ConfigError("revision", revision, "a whole number from 1")
        async with projecting(backend):
            gone = await registry_of(backend).delete(name, who, why, revision)
            code = await until_folded(backend, [name], options)
        if options.as_json:
            look.print_json({"deleted": name, "revision": gone.revision})
        else:
            typer.echo(f"{name} is removed; its history stays")
        return code

    run(options, command)


for _command_name, _command in (
    ("list", list_agents),
    ("show", show),
    ("apply", apply_file),
    ("export", export),
    ("delete", delete),
):
    agents.command(_command_name, epilog=EPILOG)(with_options(_command))
