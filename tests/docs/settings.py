"""The table of settings and what they take: `python -m tests.docs.settings` writes it anew.

It stands in docs/troubleshooting.md and is made of the rules of all types of settings, and of every
place in the source that refuses a value.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

from fuseline.api.access import settings as api
from fuseline.core import config, endpoint, retention, retry_policy
from fuseline.core.rules import Rule
from tests.docs.messages import config_sites
from tests.docs.page import PAGE
from tests.docs.templates import GAP, Reader, Site, is_opaque, plain

BEGIN = "<!-- settings: begin -->\n\n"
END = "\n\n<!-- settings: end -->"
COMMAND = "python -m tests.docs.settings"

_RULES: tuple[tuple[str, str, Mapping[str, Rule]], ...] = (
    ("breaker of an agent", config.ENV_PREFIX, config.RULES),
    ("endpoint of an agent", "", endpoint.RULES),
    ("endpoint of an agent: `retry`", "", retry_policy.RETRY_RULES),
    ("HTTP API", api.ENV_PREFIX, api.RULES),
)
# Where a setting is met, by the folder that refuses it.
_PLACES = {
    "alerts": "alerts",
    "api": "HTTP API",
    "archive": "archive, export and import",
    "bridge": "calling, worker",
    "cli": "command line",
    "client": "client of the API",
    "core": "settings of an agent",
    "demo": "demonstration",
    "events": "connecting",
    "projections": "timeline, what-if",
    "registry": "registry, files",
    "telemetry": "telemetry",
}


@cache
def table() -> str:
    """The table as Markdown, sorted by field."""
    places: dict[tuple[str, str], set[str]] = {}
    for name, allowed, place in (*_of_rules(), *_of_lists(), *_of_retention(), *_of_sites()):
        places.setdefault((name, allowed), set()).add(place)
    lines = ["| field or variable | expected | met in |", "|---|---|---|"]
    for name, allowed in sorted(places, key=_order):
        where = ", ".join(sorted(places[name, allowed]))
        lines.append(f"| {_code(name)} | {_cell(allowed)} | {where} |")
    return "\n".join(lines)


def stored(page: str) -> str:
    """The table as a page has it."""
    return page.partition(BEGIN)[2].partition(END)[0]


Row = tuple[str, str, str]


def _order(setting: tuple[str, str]) -> tuple[bool, str, str, str]:
    name, allowed = setting
    return name.startswith(GAP), name.lower(), name, allowed


def _of_rules() -> Iterator[Row]:
    for place, prefix, rules in _RULES:
        for rule in rules.values():
            yield rule.name, rule.allowed, place
            if prefix:
                yield f"{prefix}{rule.name.upper()}", rule.allowed, place


def _of_lists() -> Iterator[Row]:
    for name, allowed in api._LIST_WORDS.items():
        yield f"{api.ENV_PREFIX}{name.upper()}", allowed, "HTTP API"


def _of_retention() -> Iterator[Row]:
    for name in retention.Retention.__struct_fields__:
        variable = f"{retention._PREFIX}{name.upper()}"
        yield variable, retention._allowed(name), "what is kept"


def _of_sites() -> Iterator[Row]:
    reader, found = config_sites()
    for site in found:
        assert isinstance(site.node, ast.Call)
        folder = site.source.path.split("/")[1].removesuffix(".py")
        place = _PLACES.get(folder, folder)
        for name in _read(reader, site.node.args[0], site):
            for allowed in _read(reader, site.node.args[2], site):
                if not is_opaque(allowed):
                    yield name, allowed, place


def _read(reader: Reader, node: ast.expr, site: Site) -> list[str]:
    known = _Known(site.source.names).visit(deepcopy(node))
    assert isinstance(known, ast.expr)
    return reader.texts(known, site)


_SAID = ast.Attribute | ast.BinOp | ast.Call | ast.FormattedValue | ast.Name | ast.Subscript


class _Known(ast.NodeTransformer):
    """Puts the values of the module's constants in their places."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self._names = names

    def visit(self, node: ast.AST) -> ast.AST:
        """The node, or its value if the module alone says it."""
        if _is_said(node):
            # What is filled into a text is formatted as the text says.
            whole = ast.JoinedStr([node]) if isinstance(node, ast.FormattedValue) else node
            try:
                # Source of ours, read from this repository.
                value = eval(ast.unparse(whole), dict(self._names))
            except Exception:  # noqa: BLE001 - a name that only a call knows
                return self.generic_visit(node)
            if isinstance(value, str | int | float) and not isinstance(value, bool):
                return ast.Constant(str(value))
        return self.generic_visit(node)


def _is_said(node: ast.AST) -> bool:
    """Whether the module alone may say it; calls may answer by what is installed here."""
    calls = [one for one in ast.walk(node) if isinstance(one, ast.Call)]
    joins = [
        one for one in calls if isinstance(one.func, ast.Attribute) and one.func.attr == "join"
    ]
    return isinstance(node, _SAID) and len(calls) == len(joins)


def _code(text: str) -> str:
    return f"`{text}`" if text else "(the whole)"


def _cell(text: str) -> str:
    return plain(text).replace("|", "\\|").replace("<", "&lt;").replace("*", "\\*")


def main() -> None:
    """Writes the table into the page."""
    page = PAGE.read_text("utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    PAGE.write_text(f"{before}{begin}{table()}{end}{after}", "utf-8")


if __name__ == "__main__":
    main()
