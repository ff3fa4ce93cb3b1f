"""`fuseline agents apply` and `export`: the registry as a file."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.text import Text

from fuseline.cli import look
from fuseline.cli.agents_folded import until_folded
from fuseline.cli.exits import Exit
from fuseline.cli.force import projecting, who_says
from fuseline.cli.options import Options
from fuseline.cli.session import run
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import AgentNotFoundError, ConfigError
from fuseline.core.texts import check_text
from fuseline.events.backend import Backend
from fuseline.registry.errors import DocumentError
from fuseline.registry.files import MAX_BYTES, read_documents, write_documents
from fuseline.registry.plan import Action, Plan, Step, apply, plan
from fuseline.registry.store import Registry

_SIGNS = {
    Action.CREATE: ("+", "create", "created", "green"),
    Action.UPDATE: ("~", "update", "updated", "yellow"),
    Action.DELETE: ("-", "delete", "deleted", "red"),
}


class Format(StrEnum):
    """How a file is written."""

    YAML = "yaml"
    JSON = "json"


def apply_file(
    options: Options,
    file: Annotated[
        str,
        typer.Option("--file", "-f", metavar="FILE|-", help="JSON or YAML; - is stdin."),
    ],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show what would change.")
    ] = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="Also delete the agents that the file does not name.")
    ] = False,
    reason: Annotated[
        str, typer.Option("--reason", "-r", help="Why; it stands in the timelines.")
    ] = "",
    actor: Annotated[
        str | None, typer.Option(help="Who says it; by default user@host.", show_default=False)
    ] = None,
) -> None:
    """Make the registry say what a file says; applied again, the file changes nothing.

    A file says all there is to say of its agents: settings it leaves out go to their defaults.
    """

    async def command(backend: Backend) -> int:
        who = who_says(actor)
        why = check_text("reason", reason) if reason else ""
        documents = read_documents(read_bytes(file))
        defaults = CircuitBreakerConfig.from_env(os.environ)
        standing = await Registry(backend, defaults).everything()
        try:
            found = plan(standing, documents, defaults, prune=prune)
        except DocumentError as error:
            raise _all_of(error) from error
        code = Exit.OK
        if not dry_run and found.changes:
            names = [step.name for step in found.changes]
            async with projecting(backend):
                await apply(backend, found, actor=who, reason=why)
                code = await until_folded(backend, names, options)
        if options.as_json:
            look.print_json(_document(found, dry_run=dry_run))
        else:
            _print(found, dry_run=dry_run)
        return code

    run(options, command)


def export(
    options: Options,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[NAME]...", help="Only these agents.", show_default=False),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Instead of stdout."),
    ] = None,
    kind: Annotated[
        Format | None, typer.Option("--format", help="yaml, or json as with --json.")
    ] = None,
) -> None:
    """Write agents as a file that `apply` takes; secrets stand in it as ***, which keeps them."""

    async def command(backend: Backend) -> None:
        defaults = CircuitBreakerConfig.from_env(os.environ)
        found = await Registry(backend, defaults).everything()
        for name in names or ():
            if name not in found:
                raise AgentNotFoundError(name)
        records = [record for name, record in found.items() if not names or name in names]
        as_json = kind is Format.JSON or (kind is None and options.as_json)
        text = write_documents(records, defaults, as_json=as_json)
        if output is None:
            sys.stdout.write(text)
            return
        try:
            output.write_text(text, encoding="utf-8")
        except OSError as error:
            raise ConfigError("output", str(output), f"a file to write to ({error})") from None

    run(options, command)


def read_bytes(file: str) -> bytes:
    """A file, or stdin for `-`; one byte more than may be, if it is too large.

    Raises:
        ConfigError: it cannot be read.
    """
    try:
        if file == "-":
            return sys.stdin.buffer.read(MAX_BYTES + 1)
        with open(file, "rb") as stream:
            return stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError("file", file, f"a file to read ({error.strerror})") from None


def _all_of(error: DocumentError) -> ConfigError:
    """One line that tells of the others too."""
    first, *others = error.errors
    if not others:
        return first
    rest = "; ".join(f"{one.field}: {one.value!r}, expected {one.allowed}" for one in others[:9])
    more = f"; and {len(others) - 9} more" if len(others) > 9 else ""
    return ConfigError(first.field, first.value, f"{first.allowed}; also {rest}{more}")


def _document(found: Plan, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dry_run": dry_run,
        "changed": len(found.changes),
        **{action.value: found.count(action) for action in Action},
        "steps": [
            {
                "action": step.action.value,
                "name": step.name,
                "differences": msgspec.to_builtins(step.differences),
            }
            for step in found.changes
        ],
    }


def _print(found: Plan, *, dry_run: bool) -> None:
    console = look.console()
    lines: list[Text] = []
    for step in found.changes:
        sign, word, past, style = _SIGNS[step.action]
        lines.append(Text(f"{sign} {word if dry_run else past} {step.name}", style=style))
        lines += _differences(step)
    counts = [
        f"{found.count(action)} {_SIGNS[action][1 if dry_run else 2]}"
        for action in _SIGNS
        if found.count(action)
    ]
    unchanged = found.count(Action.UNCHANGED)
    counts.append(f"{unchanged} unchanged")
    end = "; nothing was changed (--dry-run)" if dry_run and found.changes else ""
    lines.append(Text(", ".join(counts) + end))
    look.show(console, *lines)


def _differences(step: Step) -> list[Text]:
    lines = []
    for path, (old, new) in step.differences.items():
        change = _word(new) if step.before is None else f"{_word(old)} → {_word(new)}"
        if step.before is not None and old == new:
            change += " (another secret)"
        lines.append(Text(f"    {path}: {change}"))
    return lines


def _word(value: Any) -> str:
    return value if isinstance(value, str) and value else msgspec.json.encode(value).decode()
