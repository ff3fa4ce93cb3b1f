"""The `fuseline` command: one file per command, wired together here.

A command's module is loaded when it is asked for: whoever looks at a status need not wait for an
HTTP server to be imported.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.exceptions import Abort, TyperException

import fuseline
from fuseline.cli.exits import EPILOG, Exit, report_usage
from fuseline.cli.options import Options, with_options

if TYPE_CHECKING:
    # A type of Typer's own copy of click; nothing else of it is needed.
    from typer._click import Command, Context

__all__ = ["app", "main"]


class _Command(NamedTuple):
    """Where a command is: a function, or a Typer with commands of its own."""

    name: str
    module: str
    attribute: str
    panel: str

    def load(self) -> Command:
        """Imports it."""
        found: Any = getattr(import_module(f"fuseline.cli.{self.module}"), self.attribute)
        command: Command
        if isinstance(found, typer.Typer):
            command = typer.main.get_group(found)
        else:
            one = typer.Typer(add_completion=False)
            one.command(self.name, epilog=EPILOG)(with_options(found))
            command = typer.main.get_command(one)
        command.rich_help_panel = self.panel  # type: ignore[attr-defined]
        return command


_COMMANDS = {
    command.name: command
    for command in (
        _Command("up", "up", "up", "Run"),
        _Command("api", "api", "api", "Run"),
        _Command("projector", "projector", "projector", "Run"),
        _Command("worker", "worker", "worker", "Run"),
        _Command("status", "status", "status", "Look"),
        _Command("timeline", "timeline", "timeline", "Look"),
        _Command("state", "state", "state", "Look"),
        _Command("what-if", "what_if", "what_if_command", "Look"),
        _Command("propose", "propose", "propose_command", "Look"),
        _Command("shadow", "shadow", "shadow", "Change"),
        _Command("force", "force", "force", "Change"),
        _Command("configure", "configure", "configure_agent", "Change"),
        _Command("submit", "submit", "submit", "Tasks"),
        _Command("task", "task", "task", "Tasks"),
        _Command("dead", "dead", "dead", "Tasks"),
        _Command("verify", "check", "verify_command", "Check"),
        _Command("rebuild", "check", "rebuild_command", "Check"),
        _Command("doctor", "doctor", "doctor", "Check"),
        _Command("archive", "archive", "archive", "Keep"),
        _Command("query", "archive", "query_command", "Keep"),
        _Command("export", "transfer", "export_command", "Keep"),
        _Command("import", "transfer", "import_command", "Keep"),
        _Command("agents", "agents", "agents", "Change"),
        _Command("alerts", "alerts", "alerts", "Change"),
        _Command("tokens", "tokens", "tokens", "Change"),
    )
}


class _Group(TyperGroup):
    """Loads the command that is asked for."""

    def list_commands(self, ctx: Context) -> list[str]:  # noqa: ARG002
        """All names, in their order."""
        return list(_COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:  # noqa: ARG002
        """The command; None if there is none of that name."""
        if cmd_name not in self.commands and cmd_name in _COMMANDS:
            self.commands[cmd_name] = _COMMANDS[cmd_name].load()
        return self.commands.get(cmd_name)

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        """The command that the arguments name; a name that is no command is told what is near."""
        if args and args[0] not in _COMMANDS:
            for name in _COMMANDS:
                self.get_command(ctx, name)
        return super().resolve_command(ctx, args)


app = typer.Typer(
    name="fuseline",
    help="Circuit breakers for async workers, kept as events in Redis Streams.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    cls=_Group,
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


def main() -> None:
    """Runs the command that the arguments name; ends the process."""
    for stream in (sys.stdout, sys.stderr):
        # A terminal that lacks a character must not end a command.
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")
    try:
        code = app(prog_name="fuseline", standalone_mode=False)
    except TyperException as error:
        code = report_usage(error, as_json="--json" in sys.argv)
    except (KeyboardInterrupt, Abort):
        code = Exit.INTERRUPTED
    sys.exit(code or Exit.OK)
