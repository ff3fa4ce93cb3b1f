"""`fuseline configure`: change the settings of one agent."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from fuseline.cli import look
from fuseline.cli.exits import Exit, report_text
from fuseline.cli.force import check_text, default_actor, projected, wait_until_folded
from fuseline.cli.options import Options
from fuseline.cli.session import run
from fuseline.core.config import RULES, CircuitBreakerConfig
from fuseline.core.errors import AgentNotFoundError, ConfigError
from fuseline.events.agents import AgentRecord, configure, read_agent
from fuseline.events.backend import Backend
from fuseline.projections.documents import config_document


def configure_agent(
    options: Options,
    agent: Annotated[str, typer.Argument(help="Name of the agent.", show_default=False)],
    changes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FIELD=VALUE...",
            help="New values; without any, shows those in force.",
            show_default=False,
        ),
    ] = None,
    reason: Annotated[
        str, typer.Option("--reason", "-r", help="Why; it stands in the timeline.")
    ] = "",
    actor: Annotated[
        str | None, typer.Option(help="Who says it; by default user@host.", show_default=False)
    ] = None,
) -> None:
    """Show an AGENT's settings, or change some: fuseline configure billing failure_threshold=3."""

    async def command(backend: Backend) -> int:
        record = await read_agent(backend, agent)
        if record is None:
            raise AgentNotFoundError(agent)
        folded = True
        if changes:
            config = _changed(record.config, changes)
            who = check_text("actor", actor) if actor is not None else default_actor()
            why = check_text("reason", reason) if reason else ""
            if config != record.config:
                async with projected(backend, agent):
                    record = await configure(
                        backend, agent, config, revision=record.revision, actor=who, reason=why
                    )
                    folded = await _wait(backend, agent)
        _show(record, options)
        if not folded:
            report_text(
                "the change is in the log, but no projector folds it; see `fuseline doctor`",
                "NotFoldedError",
                Exit.FAILED,
                as_json=options.as_json,
            )
            return Exit.FAILED
        return Exit.OK

    run(options, command)


async def _wait(backend: Backend, agent: str) -> bool:
    control = await backend.wire.call("HGET", backend.keys.agent(agent).circuit, "control")
    return await wait_until_folded(backend, agent, control.decode())


def _changed(config: CircuitBreakerConfig, changes: list[str]) -> CircuitBreakerConfig:
    values: dict[str, Any] = {}
    for change in changes:
        name, equals, text = change.partition("=")
        name = name.strip()
        if not equals or name not in RULES:
            raise ConfigError("change", change, f"FIELD=VALUE with a field of {', '.join(RULES)}")
        if name in values:
            raise ConfigError(name, text, "a field that is named once")
        values[name] = RULES[name].check(RULES[name].parse(text, name), name)
    return msgspec.structs.replace(config, **values)


def _show(record: AgentRecord, options: Options) -> None:
    document = config_document(record.config)
    if options.as_json:
        look.print_json({"agent": record.name, "revision": record.revision, "config": document})
        return
    table = Table.grid(padding=(0, 2))
    for name, value in document.items():
        word = "null" if value is None else str(value).lower()
        style = "" if value == RULES[name].default else "bold"
        about = Text(RULES[name].description, style="dim")
        table.add_row(name, Text(word, style=style), about)
    console = look.console()
    head = Text.assemble((record.name, "bold"), f"  revision {record.revision}")
    look.show(console, head, table)
