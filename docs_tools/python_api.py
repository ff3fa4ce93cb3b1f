"""docs/reference/python.md: the public names of `fuseline` and `fuseline.client`, from docstrings.

The code is read, not imported, by griffe: so signatures stand as they were written.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import griffe

import fuseline
import fuseline.client
from docs_tools.markdown import code, notice, table

ROOT = Path(__file__).parents[1]
_HEAD = """# Python: public names

What may be imported from `fuseline` and `fuseline.client`; every other module is not public and may
change in any release. Times are in seconds unless a name ends in `_ms`.

"""
_WIDTH = 88
# Public to the modules around them, not to callers.
_INTERNAL = {
    "abandon_permit",
    "from_wire",
    "has_outcomes",
    "look_for_tracer",
    "record",
    "spans",
    "to_wire",
}
# Others make them.
_MADE_FOR_YOU = {"CircuitBreaker", "CircuitBreakerManager", "EventStream"}
# What the attributes of a `FuselineClient` can do.
_RESOURCES = {
    "client.agents": ("agents.Agents",),
    "client.circuits": ("circuits.Circuits", "timeline.Timeline"),
    "client.tasks": ("tasks.Tasks",),
    "client.alerts": ("alerts.Alerts",),
    "client.tokens": ("access.Tokens",),
    "client.session": ("access.Session",),
}


def page() -> str:
    """The page."""
    logging.getLogger("griffe").setLevel(logging.ERROR)
    parts = [notice("docstrings"), _HEAD]
    package = griffe.load("fuseline", search_paths=[ROOT], docstring_parser="google")
    for module in (fuseline, fuseline.client):
        inside = module.__name__.removeprefix("fuseline").lstrip(".")
        parts.append(f"## {module.__name__}\n\n{(module.__doc__ or '').strip()}\n")
        holder: Any = package[inside] if inside else package
        for name in sorted(module.__all__):
            found = _find(package, holder, name)
            parts += _documented(found, name, 3)
    for name, classes in _RESOURCES.items():
        parts.append(f"### {name}\n")
        for path in classes:
            parts += _methods(package[f"client.{path}"], name, 4)
    return "\n".join(part.strip("\n") + "\n" for part in parts if part)


def _find(package: Any, holder: Any, name: str) -> Any:
    """The definition of a name that a package only hands on."""
    member = holder.members[name]
    while member.is_alias:
        member = package[member.target_path.removeprefix("fuseline.")]
    return member


def _documented(found: Any, name: str, level: int) -> Iterator[str]:
    yield f"{'#' * level} {name}\n"
    if found.is_function or (found.is_class and _parameters(found) and name not in _MADE_FOR_YOU):
        yield f"```py\n{_signature(found, name)}\n```\n"
    elif found.is_class and found.bases:
        yield f"A class; bases: {', '.join(code(str(base)) for base in found.bases)}.\n"
    elif found.is_attribute:
        yield f"```py\n{name} = {found.value}\n```\n"
    yield from _sections(found)
    if found.is_class:
        yield _fields(found)
        yield from _methods(found, name, level + 1)


def _methods(found: Any, owner: str, level: int) -> Iterator[str]:
    for method in found.members.values():
        if _is_public(method):
            yield from _method(method, owner, level)


def _is_public(member: Any) -> bool:
    return bool(
        not member.is_alias
        and not member.name.startswith("_")
        and member.name not in _INTERNAL
        and member.docstring
        and not member.docstring.value.startswith("See `")
        and (member.is_function or "property" in member.labels)
    )


def _method(method: Any, owner: str, level: int) -> Iterator[str]:
    yield f"{'#' * level} {owner}.{method.name}\n"
    if method.is_function:
        yield f"```py\n{_signature(method, method.name)}\n```\n"
    elif method.annotation is not None:
        yield f"Property: {code(str(method.annotation))}.\n"
    yield from _sections(method)


def _signature(found: Any, name: str) -> str:
    words = []
    if found.is_class:
        words.append("class")
    else:
        words += ["async"] if "async" in found.labels else []
        words.append("def")
    shown = []
    star = False
    for parameter in _parameters(found):
        kind = parameter.kind.value if parameter.kind is not None else ""
        if parameter.name in {"self", "cls"}:
            continue
        if kind == "keyword-only" and not star:
            shown.append("*")
            star = True
        prefix = {"variadic positional": "*", "variadic keyword": "**"}.get(kind, "")
        star = star or prefix == "*"
        text = prefix + parameter.name
        if parameter.annotation is not None:
            text += f": {parameter.annotation}"
        if parameter.default is not None and not prefix:
            text += f" = {parameter.default}"
        shown.append(text)
    returns = "" if found.is_class or found.returns is None else f" -> {found.returns}"
    line = f"{' '.join(words)} {name}({', '.join(shown)}){returns}"
    if len(line) <= _WIDTH or not shown:
        return line
    return f"{' '.join(words)} {name}(\n    " + ",\n    ".join(shown) + f",\n){returns}"


def _parameters(found: Any) -> list[Any]:
    if found.is_function:
        return list(found.parameters)
    made = found.members.get("__init__")
    return list(made.parameters) if made is not None else []


def _fields(found: Any) -> str:
    """Fields of a structure and members of an enumeration, with their defaults and values."""
    kinds = {str(base).rpartition(".")[2] for base in found.bases}
    if not kinds & {"Struct", "StrEnum", "Enum", "IntEnum"}:
        return ""
    described = {
        item.name
        for section in (found.docstring.parsed if found.docstring else ())
        if section.kind.value == "attributes"
        for item in section.value
    }
    rows = [
        (code(member.name), _value(member))
        for member in found.members.values()
        if member.is_attribute
        and not member.name.startswith("_")
        and "property" not in member.labels
        and (member.name not in described or "Struct" in kinds)
    ]
    head = ("field", "default") if "Struct" in kinds else ("member", "value")
    return table(head, rows)


def _value(member: Any) -> str:
    return "needed" if member.value is None else code(" ".join(str(member.value).split()))


def _sections(found: Any) -> Iterator[str]:
    if found.docstring is None:
        return
    for section in found.docstring.parsed:
        kind = section.kind.value
        if kind == "text":
            yield _examples(section.value)
        elif kind in {"parameters", "attributes"}:
            rows = [(code(item.name), item.description) for item in section.value]
            yield table(("parameter" if kind == "parameters" else "attribute", ""), rows)
        elif kind == "raises":
            rows = [(code(str(item.annotation)), item.description) for item in section.value]
            yield table(("raises", ""), rows)
        elif kind in {"returns", "yields"}:
            yield f"{kind.capitalize()}: {' '.join(item.description for item in section.value)}\n"
        elif kind == "examples":
            yield _examples("\n".join(text for _, text in section.value))


def _examples(text: str) -> str:
    """Text, with what is indented as code in a fence that says so."""
    lines: list[str] = []
    inside = False
    for line in [*text.splitlines(), ""]:
        indented = line.startswith("    ")
        if indented and not inside:
            lines.append("```py")
        if inside and not indented and line:
            while not lines[-1]:
                lines.pop()
            lines += ["```", ""]
        inside = indented or (inside and not line)
        lines.append(line.removeprefix("    ") if inside else line)
    while lines and not lines[-1]:
        lines.pop()
    if inside:
        lines.append("```")
    return "\n".join(lines) + "\n"
