"""`fuseline state`: a circuit as it was at a moment, folded from the log."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from fuseline.cli import look
from fuseline.cli.board import details
from fuseline.cli.options import Options
from fuseline.cli.progress import counting
from fuseline.cli.session import run
from fuseline.cli.times import TIME_HELP, clock, parse_time
from fuseline.core.errors import ConfigError
from fuseline.events.backend import Backend
from fuseline.projections.documents import circuit_document, iso
from fuseline.projections.overview import overview
from fuseline.projections.past import state_at
from fuseline.projections.replay import log_info


def state(
    options: Options,
    agent: Annotated[str, typer.Argument(help="Name of the agent.", show_default=False)],
    at: Annotated[str, typer.Option("--at", metavar="TIME", help=f"{TIME_HELP}.")] = "now",
) -> None:
    """Show an AGENT's circuit as it was at a time, folded anew from its log."""

    async def command(backend: Backend) -> None:
        found = await overview(backend, [agent])
        at_ms = parse_time("at", at, found.now_ms)
        if at_ms > found.now_ms:
            raise ConfigError("at", at, "a time that is not in the future of the server's clock")
        info = await log_info(backend, backend.keys.agent(agent))
        with counting("Folding", info.length, options) as count:
            past = await state_at(backend, agent, at_ms, count)
        if options.as_json:
            look.print_json(
                {
                    "at": iso(at_ms),
                    "at_ms": at_ms,
                    "events": past.events,
                    "missing": past.missing,
                    "trimmed_before_ms": past.trimmed_before_ms,
                }
                | circuit_document(agent, past.circuit, at_ms)
            )
            return
        console = look.console()
        head = Text.assemble((agent, "bold"), "  ")
        if not past.events and not past.missing and past.trimmed_before_ms is None:
            head.append("nothing had happened yet", style="dim")
        else:
            head.append_text(look.state_text(past.circuit.state))
        head.append(f"  at {clock(at_ms, with_date=True, millis=True)}", style="dim")
        look.show(console, head)
        if past.from_history:
            console.print(
                look.notice(
                    f"Trimmed before {clock(past.trimmed_before_ms or 0, with_date=True)}: state, "
                    "mode and settings are what the history tells, the figures are gone."
                )
            )
        elif past.missing:
            console.print(
                look.notice(
                    f"The log has lost {past.missing} entries; this is folded from the rest."
                )
            )
        if past.events or past.from_history or past.trimmed_before_ms is not None:
            look.show(console, details(past.circuit, at_ms))

    run(options, command)
