"""Which environment variables the code reads, and what the command line takes."""

import re
from collections.abc import Sequence
from pathlib import Path

import msgspec
import typer
from opentelemetry.sdk import environment_variables as otel

from fuseline.api.access import settings as api
from fuseline.cli import app
from fuseline.core import config
from fuseline.core.retention import Retention
from fuseline.telemetry.settings import HOST_VARIABLE, PORT_VARIABLE

ROOT = Path(__file__).parents[2]


def known_settings() -> set[str]:
    """The variables of Fuseline, as its code has them."""
    sources = "\n".join(file.read_text() for file in (ROOT / "fuseline").rglob("*.py"))
    written = set(re.findall(r'"((?:FUSELINE_[A-Z_]*[A-Z])|REDIS_URL)"', sources))
    retention = [field.name for field in msgspec.structs.fields(Retention)]
    return (
        written
        | {f"{api.ENV_PREFIX}{name.upper()}" for name in (*api.RULES, *api._LISTS)}
        | {f"{config.ENV_PREFIX}{name.upper()}" for name in config.RULES}
        | {f"FUSELINE_RETENTION_{name.upper()}" for name in retention}
    )


def known_variables() -> set[str]:
    """Those of Fuseline and those of OpenTelemetry."""
    standard = {name for name in vars(otel) if name.startswith("OTEL_")}
    chosen = {"OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", HOST_VARIABLE, PORT_VARIABLE}
    return known_settings() | standard | chosen


def parse_command(arguments: Sequence[str]) -> None:
    """Parses arguments of `fuseline` as the command does, and runs nothing.

    Raises:
        typer.Exit, click's errors: an option, a value or a command that there is not.
    """
    command = typer.main.get_command(app)
    context = command.make_context("fuseline", list(arguments))
    while hasattr(command, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        name, command, rest = command.resolve_command(context, rest)
        assert command is not None
        context = command.make_context(name, rest, parent=context)
