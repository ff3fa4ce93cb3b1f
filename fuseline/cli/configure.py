"""`fuseline configure`: change the settings of one agent, or register it."""

from __future__ import annotations

import os
from typing import Annotated

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from fuseline.cli import look
from fuseline.cli.changes import changed, endpoint_rows, retention_rows
from fuseline.cli.exits import Exit, report_text
from fuseline.cli.force import WAIT_SECONDS, projecting, who_says
from fuseline.cli.options import Options
from fuseline.cli.session import run
from fuseline.core.config import RULES, CircuitBreakerConfig
from fuseline.core.errors import AgentNotFoundError, RevisionConflictError
from fuseline.core.texts import check_text
from fuseline.events.agents import AgentRecord, change, enroll, read_agent
from fuseline.events.backend import Backend
from fuseline.projections.documents import config_document
from fuseline.projections.word import last_control, wait_until_folded


def configure_agent(
    options: Options,
    agent: Annotated[str, typer.Argument(help="Name of the agent.", show_default=False)],
    changes: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FIELD=VALUE...",
            help="New values, of the breaker or of the endpoint (url=, headers.NAME=, ...); "
            "without any, shows those in force.",
            show_default=False,
        ),
    ] = None,
    register_it: Annotated[
        bool, typer.Option("--register", help="Register the agent if it is not there yet.")
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", "-r", help="Why; it stands in the timeline.")
    ] = "",
    actor: Annotated[
        str | None, typer.Option(help="Who says it; by default user@host.", show_default=False)
    ] = None,
) -> None:
    """Show an AGENT's settings, or change some: fuseline configure billing failure_threshold=3."""

    async def command(backend: Backend) -> int:
        who = who_says(actor)
        why = check_text("reason", reason) if reason else ""
        record = await read_agent(backend, agent)
        if record is None and not register_it:
            raise AgentNotFoundError(agent)
        folded = True
        if changes or record is None:
            before = record or AgentRecord(
                name=agent, config=CircuitBreakerConfig.from_env(os.environ), revision=0
            )
            after = changed(before, changes or [])
            if after != record:
                async with projecting(backend):
                    record = await _store(backend, before, after, who, why)
                    folded = await _wait(backend, agent)
        assert record is not None
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
    event_id = await last_control(backend, agent)
    return event_id is None or await wait_until_folded(backend, agent, event_id, WAIT_SECONDS)


async def _store(
    backend: Backend, before: AgentRecord, after: AgentRecord, who: str, why: str
) -> AgentRecord:
    if not before.revision:
        made, _ = await enroll(backend, after, actor=who)
        if made.same_settings(after):
            return made
        raise RevisionConflictError(
            f"agent {after.name!r} has been registered by somebody else meanwhile; read it again"
        )
    return await change(backend, before, after, actor=who, reason=why)


def _show(record: AgentRecord, options: Options) -> None:
    document = config_document(record.config)
    if options.as_json:
        endpoint = record.endpoint.shown() if record.endpoint else None
        look.print_json(
            {
                "agent": record.name,
                "revision": record.revision,
                "config": document,
                "endpoint": endpoint,
                "retention": msgspec.structs.asdict(record.retention),
            }
        )
        return
    table = Table.grid(padding=(0, 2))
    for name, value in document.items():
        word = "null" if value is None else str(value).lower()
        style = "" if value == RULES[name].default else "bold"
        about = Text(RULES[name].description, style="dim")
        table.add_row(name, Text(word, style=style), about)
    rows = [*endpoint_rows(record.endpoint), *retention_rows(record.retention)]
    for name, word, style, description in rows:
        table.add_row(name, Text(word, style=style), Text(description, style="dim"))
    console = look.console()
    head = Text.assemble((record.name, "bold"), f"  revision {record.revision}")
    look.show(console, head, table)
