"""docs/reference/cli.md: every command and option, from the commands themselves."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Any

import typer

from docs_tools.markdown import code, notice, plain, table
from fuseline.cli import app
from fuseline.cli.exits import EPILOG

EVERY = "Options of every command"

_HEAD = """# Commands

Every command and option, as `fuseline COMMAND --help` shows them.

"""


def page() -> str:
    """The page."""
    found = list(commands())
    first = found[0][1]
    parts = [
        notice("fuseline/cli"),
        _HEAD,
        EPILOG + "\n",
        f"## {EVERY}\n\nBefore or after the command's name.\n",
        options(p for p in first.params if p.rich_help_panel == EVERY),
    ]
    panel = ""
    for path, command in found:
        if command.rich_help_panel != panel:
            panel = command.rich_help_panel
            parts.append(f"## {panel}\n")
        parts.append(_command(path, command))
    return "\n".join(part.strip("\n") + "\n" for part in parts if part)


def commands() -> Iterator[tuple[str, Any]]:
    """Each command with its words; those of one panel together, in the order of the panels."""
    root: Any = typer.main.get_command(app)
    context = root.make_context("fuseline", ["--help"], resilient_parsing=True)
    loaded = [(name, root.get_command(context, name)) for name in root.list_commands(context)]
    for panel in dict.fromkeys(command.rich_help_panel for _, command in loaded):
        for name, command in loaded:
            if command.rich_help_panel != panel:
                continue
            if not hasattr(command, "commands"):
                yield name, command
            for inner, one in getattr(command, "commands", {}).items():
                one.rich_help_panel = panel
                yield f"{name} {inner}", one


def _command(path: str, command: Any) -> str:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    own = [
        p for p in command.params if p.param_type_name == "option" and p.rich_help_panel != EVERY
    ]
    words = [_argument(p) for p in arguments]
    usage = " ".join(["fuseline", path, *words, *(["[OPTIONS]"] if own else [])])
    rows = [(code(_argument(p)), plain(p.help or ""), shown(p)) for p in arguments]
    parts = [
        f"### fuseline {path}",
        code(usage),
        plain(inspect.cleandoc(command.help or "").replace("\b\n", "")),
        table(("argument", "", "default"), rows).strip(),
        options(own).strip(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _argument(parameter: Any) -> str:
    name = parameter.metavar or parameter.name.upper()
    name += "..." if parameter.nargs == -1 else ""
    return name if parameter.required else f"[{name}]"


def options(parameters: Iterable[Any]) -> str:
    """A table of options."""
    rows = [
        (", ".join(code(name) for name in _names(p)), plain(p.help or ""), shown(p))
        for p in parameters
        if not p.hidden
    ]
    return table(("option", "", "default"), rows)


def _names(parameter: Any) -> list[str]:
    names: list[str] = [*parameter.opts, *parameter.secondary_opts]
    word = "" if parameter.is_flag or parameter.count else f" {_kind(parameter)}"
    return [*names[:-1], names[-1] + word]


def _kind(parameter: Any) -> str:
    if parameter.metavar:
        return str(parameter.metavar)
    kind = parameter.type_descriptor.annotation
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "|".join(str(member.value) for member in kind)
    return {int: "N", float: "NUMBER"}.get(kind, "TEXT")


def shown(parameter: Any) -> str:
    """The default of an option or argument; empty if it has none worth telling."""
    value = parameter.default
    if parameter.required:
        return "needed"
    if value is None or value is False or value == () or callable(value):
        return ""
    return code(str(value.value if isinstance(value, Enum) else value).lower())
