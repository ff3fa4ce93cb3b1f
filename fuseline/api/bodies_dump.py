"""`python -m fuseline.api.bodies_dump FILE` writes the client's types of the bodies of agents.

What the registry takes is made of the settings' own types at run time, which no type checker sees;
so the client gets it written out, from the OpenAPI.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fuseline.api.app import api_document

_ROOTS = ("AgentCreate", "AgentReplace", "AgentPatch")
_PLAIN = {
    "string": "str",
    "integer": "int",
    "number": "float",
    "boolean": "bool",
    "null": "None",
}
_HEAD = '''"""What may be sent of an agent; made by `make types` from the OpenAPI, not by hand."""

from __future__ import annotations

from typing import Any, Literal, Required, TypedDict
'''


def dump() -> str:
    """The module as text."""
    schemas: dict[str, Any] = api_document()["components"]["schemas"]
    wanted: list[str] = []
    for root in _ROOTS:
        _collect(root, schemas, wanted)
    return "\n\n".join([_HEAD, *(_class(name, schemas) + "\n" for name in wanted)])


def _collect(name: str, schemas: dict[str, Any], wanted: list[str]) -> None:
    """Objects below an object come before it."""
    for inner in _references(schemas[name]):
        if "enum" not in schemas[inner] and inner not in wanted:
            _collect(inner, schemas, wanted)
    if name not in wanted:
        wanted.append(name)


def _references(schema: Any) -> list[str]:
    if isinstance(schema, dict):
        own = [schema["$ref"].rpartition("/")[2]] if "$ref" in schema else []
        return own + [name for part in schema.values() for name in _references(part)]
    return (
        [name for part in schema for name in _references(part)] if isinstance(schema, list) else []
    )


def _class(name: str, schemas: dict[str, Any]) -> str:
    schema = schemas[name]
    about = " ".join(schema["description"].split()).partition(". ")[0].rstrip(".")
    lines = [f"class {name}(TypedDict, total=False):", f'    """{about}."""', ""]
    for field, kind in sorted(schema["properties"].items()):
        word = _type(kind, schemas)
        if field in schema.get("required", ()):
            word = f"Required[{word}]"
        lines.append(f"    {field}: {word}")
    return "\n".join(lines)


def _type(schema: dict[str, Any], schemas: dict[str, Any]) -> str:
    parts = list(dict.fromkeys(_parts(schema, schemas)))
    words = [part for part in parts if part.startswith('"')]
    kinds = [part for part in parts if part not in (*words, "None")]
    literal = [f"Literal[{', '.join(words)}]"] if words else []
    return " | ".join([*kinds, *literal, *(["None"] if "None" in parts else [])])


def _parts(schema: dict[str, Any], schemas: dict[str, Any]) -> list[str]:
    """The members of a type that is a union; words that are allowed stand in quotes."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _parts(schemas[name], schemas) if "enum" in schemas[name] else [name]
    if "anyOf" in schema:
        return [part for one in schema["anyOf"] for part in _parts(one, schemas)]
    if "const" in schema or "enum" in schema:
        return [f'"{word}"' for word in schema.get("enum") or [schema["const"]]]
    if schema.get("type") == "array":
        return [f"list[{_type(schema.get('items', {}), schemas)}]"]
    if schema.get("type") == "object":
        inner = schema.get("additionalProperties")
        return [f"dict[str, {_type(inner, schemas) if isinstance(inner, dict) else 'Any'}]"]
    return [_PLAIN.get(schema.get("type", ""), "Any")]


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(dump(), encoding="utf-8")
