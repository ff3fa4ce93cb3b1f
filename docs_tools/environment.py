"""docs/reference/environment.md: every variable, from .env.example and what refuses bad values."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from docs_tools.markdown import code, notice, plain, table
from fuseline.api.access.settings import ApiSettings
from fuseline.bridge.budget import budget_seconds
from fuseline.bridge.outbound.policy import OutboundPolicy
from fuseline.bridge.spool.files import SpoolSettings
from fuseline.client.settings import find_target
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import ConfigError
from fuseline.core.retention import Retention
from fuseline.events.settings import BackendSettings
from fuseline.telemetry.observed import limit_from_env
from fuseline.telemetry.settings import port_from_env

EXAMPLE = Path(__file__).parents[1] / ".env.example"
_SECTION = re.compile(r"^# --- (.+?) -*$")
_VARIABLE = re.compile(r"^# ([A-Z][A-Z0-9_]*)=(.*)$")
_NONSENSE = "\t?"
_READERS: tuple[Callable[[Mapping[str, str]], Any], ...] = (
    BackendSettings.from_env,
    ApiSettings.from_env,
    CircuitBreakerConfig.from_env,
    OutboundPolicy.from_env,
    Retention.from_env,
    SpoolSettings.from_env,
    limit_from_env,
    port_from_env,
    lambda environ: budget_seconds(environ, None),
    lambda environ: find_target(None, None, environ),
)

_HEAD = """# Environment variables

All that Fuseline reads from the environment, as in [.env.example](../../.env.example). An option of
a command or an argument of a function goes over its variable. An empty variable is an absent one.
Where *allowed* is empty any text is; what is wrong is told when it is used. Settings of a breaker
are told in [settings of a breaker](configuration.md), too.

"""


class Variable(Struct, frozen=True):
    """A variable as .env.example has it."""

    name: str
    default: str
    section: str
    text: str


def page() -> str:
    """The page."""
    parts = [notice(".env.example and the types that read it"), _HEAD]
    found = variables(EXAMPLE.read_text(encoding="utf-8"))
    for section in dict.fromkeys(variable.section for variable in found):
        rows = [
            (code(v.name), code(v.default), plain(allowed(v.name)), plain(v.text))
            for v in found
            if v.section == section
        ]
        head = ("variable", "in .env.example", "allowed", "meaning")
        parts.append(f"## {section}\n\n{table(head, rows)}\n")
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def variables(example: str) -> list[Variable]:
    """The variables of .env.example; those that follow each other share the text above them."""
    found: list[Variable] = []
    text: list[str] = []
    section, open_text = "", True
    for line in example.splitlines():
        if match := _SECTION.match(line):
            section, text = match[1], []
        elif match := _VARIABLE.match(line):
            found.append(Variable(match[1], match[2], section, " ".join(text)))
            open_text = False
        elif line.startswith("# "):
            if not open_text:
                text = []
            text.append(line.removeprefix("# "))
            open_text = True
        else:
            text, open_text = [], True
    return found


def allowed(name: str) -> str:
    """What a variable accepts, in the words with which nonsense is refused; empty: any text."""
    for read in _READERS:
        try:
            read({name: _NONSENSE})
        except ConfigError as error:
            if error.field == name:
                return error.allowed
    return ""
