"""docs/reference/http-api.md: paths and documents of the HTTP API, from docs/openapi.json."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from docs_tools.markdown import code, notice, table

DOCUMENT = Path(__file__).parents[1] / "docs" / "openapi.json"
_COMMON = {"401", "403", "422", "429", "503"}
_REF = "#/components/schemas/"

_HEAD = """# HTTP API: paths and documents

Made from [openapi.json](../openapi.json), which a running server also shows at `/api/v1/docs`. How
to use it, with examples: [the HTTP API](../api.md); roles and tokens: [access](../access.md).

Every operation may answer with one of these, as a [Problem](#problem):

"""


def page() -> str:
    """The page."""
    document = json.loads(DOCUMENT.read_text(encoding="utf-8"))
    operations = list(_operations(document))
    common = {
        status: answer["description"]
        for _, _, operation in operations
        for status, answer in operation["responses"].items()
        if status in _COMMON
    }
    parts = [
        notice("docs/openapi.json"),
        _HEAD,
        table(("status", ""), sorted((code(s), text) for s, text in common.items())),
    ]
    for tag in document["tags"]:
        parts.append(f"## {tag['name'].capitalize()}\n\n{tag['description']}\n")
        parts += [_operation(p, m, o) for p, m, o in operations if tag["name"] in o["tags"]]
    parts.append("## Documents\n")
    parts += [_schema(name, s) for name, s in sorted(document["components"]["schemas"].items())]
    return "\n".join(part.strip("\n") + "\n" for part in parts)


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if isinstance(operation, dict) and "operationId" in operation:
                yield path, method.upper(), operation


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    role = operation.get("x-required-role")
    needs = f"Role: {code(role)}." if role else "No role needed."
    body = _content(operation.get("requestBody", {}))
    rows = [
        (code(p["name"]), p["in"], _kind(p["schema"]), _needed(p), p.get("description", ""))
        for p in operation.get("parameters", ())
    ]
    answers = [
        (code(status), _content(answer), answer["description"])
        for status, answer in sorted(operation["responses"].items())
        if status not in _COMMON
    ]
    parts = [
        f"### {method} {path}",
        _prose(operation.get("description") or operation["summary"]),
        needs + (f" Body: {body}." if body else ""),
        table(("parameter", "in", "type", "default", ""), rows).strip(),
        table(("status", "document", ""), answers).strip(),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _needed(parameter: dict[str, Any]) -> str:
    if parameter.get("required"):
        return "needed"
    default = parameter["schema"].get("default")
    return "" if default in (None, "") else code(json.dumps(default))


def _content(holder: dict[str, Any]) -> str:
    kinds = [
        _kind(content["schema"]) if "schema" in content else code(media)
        for media, content in holder.get("content", {}).items()
    ]
    return " or ".join(dict.fromkeys(kind for kind in kinds if kind))


def _schema(name: str, schema: dict[str, Any]) -> str:
    text, members = _described(schema.get("description", ""))
    parts = [f"### {name}", _prose(text)]
    if "enum" in schema:
        parts.append("One of " + ", ".join(code(json.dumps(v)) for v in schema["enum"]) + ".")
    needed = set(schema.get("required", ()))
    rows = [
        (
            code(member),
            _kind(one),
            "needed" if member in needed else _default(one),
            _description(one) or members.get(member, ""),
        )
        for member, one in schema.get("properties", {}).items()
    ]
    parts.append(table(("member", "type", "default", ""), rows).strip())
    return "\n\n".join(part for part in parts if part) + "\n"


def _described(text: str) -> tuple[str, dict[str, str]]:
    """The text of a docstring, and what its `Attributes:` say of each member."""
    before, found, after = text.partition("Attributes:")
    members: dict[str, str] = {}
    name = ""
    for line in after.splitlines() if found else ():
        if match := re.match(r"\s*(\w+): (.*)", line):
            name = match[1]
            members[name] = match[2]
        elif name:
            members[name] += f" {line.strip()}"
    return before.partition("Raises:")[0], members


def _prose(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _variants(schema: dict[str, Any]) -> list[dict[str, Any]]:
    return next((schema[key] for key in ("oneOf", "anyOf", "allOf") if key in schema), [])


def _default(schema: dict[str, Any]) -> str:
    found = schema.get("default")
    for variant in _variants(schema):
        found = variant.get("default") if found is None else found
    return "" if found in (None, "", [], {}) else code(json.dumps(found))


def _description(schema: dict[str, Any]) -> str:
    texts = [schema.get("description"), *(v.get("description") for v in _variants(schema))]
    return next((text for text in texts if text), "")


def _kind(schema: dict[str, Any]) -> str:
    """A type in words, with its bounds; a document as a link."""
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REF)
        return f"[{name}](#{name.lower()})"
    if variants := _variants(schema):
        return " or ".join(dict.fromkeys(_kind(variant) for variant in variants))
    if "const" in schema:
        return code(json.dumps(schema["const"]))
    if "enum" in schema:
        return ", ".join(code(json.dumps(value)) for value in schema["enum"])
    kind = schema.get("type", "anything")
    if kind == "array":
        items = schema.get("items")
        return f"list of {_kind(items)}" if isinstance(items, dict) else "list"
    return f"{kind}{_bounds(schema)}"


def _bounds(schema: dict[str, Any]) -> str:
    words = [
        f"{sign} {schema[key]:.10g}"
        for key, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("exclusiveMaximum", "<"),
        )
        if key in schema
    ]
    if "maxLength" in schema:
        words.append(f"at most {schema['maxLength']} characters")
    return f" ({', '.join(words)})" if words else ""
