"""The `fuseline` command: one file per command, wired together here."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import fuseline
from fuseline.cli.agents import agents
from fuseline.cli.alerts import alerts
from fuseline.cli.api import api
from fuseline.cli.check import rebuild_command, verify_command
from fuseline.cli.configure import configure_agent
from fuseline.cli.dead import dead
from fuseline.cli.doctor import doctor
from fuseline.cli.exits import EPILOG, Exit
from fuseline.cli.force import force
from fuseline.cli.options import Options, with_options
from fuseline.cli.projector import projector
from fuseline.cli.state import state
from fuseline.cli.status import status
from fuseline.cli.submit import submit
from fuseline.cli.task import task
from fuseline.cli.timeline import timeline
from fuseline.cli.tokens import tokens
from fuseline.cli.up import up
from fuseline.cli.worker import worker

__all__ = ["app", "main"]

app = typer.Typer(
    name="fuseline",
    help="Circuit breakers for async workers, kept as events in Redis Streams.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"fuseline {fuseline.__version__}")
        raise typer.Exit(Exit.OK)


@app.callback()
@with_options
def _before(
    options: Options,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", callback=_version, is_eager=True),
    ] = False,
) -> None:
    """Circuit breakers for async workers, kept as events in Redis Streams."""


for _name, _command, _panel in (
    ("up", up, "Run"),
    ("api", api, "Run"),
    ("projector", projector, "Run"),
    ("worker", worker, "Run"),
    ("status", status, "Look"),
    ("timeline", timeline, "Look"),
    ("state", state, "Look"),
    ("force", force, "Change"),
    ("configure", configure_agent, "Change"),
    ("submit", submit, "Tasks"),
    ("task", task, "Tasks"),
    ("dead", dead, "Tasks"),
    ("verify", verify_command, "Check"),
    ("rebuild", rebuild_command, "Check"),
    ("doctor", doctor, "Check"),
):
    app.command(_name, epilog=EPILOG, rich_help_panel=_panel)(with_options(_command))
app.add_typer(agents, rich_help_panel="Change")
app.add_typer(alerts, rich_help_panel="Change")
app.add_typer(tokens, rich_help_panel="Change")


def main() -> None:
    """Runs the command that the arguments name; ends the process."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character must not end a command.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    try:
        app(prog_name="fuseline")
    except KeyboardInterrupt:
        sys.exit(Exit.INTERRUPTED)
