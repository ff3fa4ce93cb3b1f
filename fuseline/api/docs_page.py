"""The API's documentation as one page without scripts: it works offline and under any CSP."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

import msgspec

_METHODS = ("get", "post", "put", "patch", "delete")
_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #0b7285; }
@media (prefers-color-scheme: dark) { :root { --accent: #66d9e8; } }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
a { color: var(--accent); } code, pre { font: 0.875rem/1.5 ui-monospace, monospace; }
pre { background: var(--soft); padding: 0.75rem; overflow-x: auto; border-radius: 6px; }
details { border: 1px solid var(--line); border-radius: 6px; margin: 0.5rem 0; }
summary { cursor: pointer; padding: 0.5rem 0.75rem; }
details > div { padding: 0 0.75rem 0.75rem; }
.method { display: inline-block; width: 4.5rem; font-weight: 700; color: var(--accent); }
.role { float: right; opacity: 0.75; font-size: 0.875rem; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top;
  border-top: 1px solid var(--line); padding: 0.375rem 0.5rem 0.375rem 0; }
"""


def render(document: dict[str, Any]) -> str:
    """The page of an OpenAPI document."""
    info = document["info"]
    body = "".join(
        [
            f"<h1>{escape(info['title'])} {escape(info['version'])}</h1>",
            *(f"<p>{escape(part)}</p>" for part in info["description"].split("\n\n")),
            '<p><a href="openapi.json">openapi.json</a> · <a href="#schemas">schemas</a></p>',
            *_operations(document),
            '<h2 id="schemas">Schemas</h2>',
            *_schemas(document),
        ]
    )
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Fuseline API</title><style>{_STYLE}</style></head><body><main>{body}</main>"
        "</body></html>"
    )


def _operations(document: dict[str, Any]) -> Iterator[str]:
    for tag in document["tags"]:
        yield f"<h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p>"
        for path, methods in document["paths"].items():
            for method in _METHODS:
                operation = methods.get(method)
                if operation and tag["name"] in operation.get("tags", ()):
                    yield _operation(path, method, operation)


def _operation(path: str, method: str, operation: dict[str, Any]) -> str:
    parts = [f"<p>{escape(operation.get('description') or '')}</p>"]
    if parameters := operation.get("parameters"):
        rows = "".join(
            f"<tr><td><code>{escape(one['name'])}</code></td><td>{escape(one['in'])}"
            f"{', required' if one.get('required') else ''}</td>"
            f"<td>{escape(one.get('description') or '')}</td>"
            f"<td>{_kind(one.get('schema', {}))}</td></tr>"
            for one in parameters
        )
        parts.append(f"<table><tr><th>Parameter<th>In<th><th>Kind</tr>{rows}</table>")
    if body := operation.get("requestBody"):
        kinds = ", ".join(
            f"<code>{escape(media)}</code> {_kind(content.get('schema', {}))}"
            for media, content in body["content"].items()
        )
        parts.append(f"<p>Body: {kinds}</p>")
    rows = "".join(
        f"<tr><td><code>{status}</code></td><td>{escape(answer.get('description') or '')}</td>"
        f"<td>{', '.join(_kind(c.get('schema', {})) for c in answer.get('content', {}).values())}"
        "</td></tr>"
        for status, answer in sorted(operation["responses"].items())
    )
    parts.append(f"<table><tr><th>Status<th><th>Kind</tr>{rows}</table>")
    role = operation.get("x-required-role", "none")
    return (
        f'<details id="{escape(operation["operationId"])}"><summary>'
        f'<span class="method">{method.upper()}</span> <code>{escape(path)}</code> '
        f"{escape(operation.get('summary') or '')}"
        f'<span class="role">{escape(role)}</span></summary>'
        f"<div>{''.join(parts)}</div></details>"
    )


def _schemas(document: dict[str, Any]) -> Iterator[str]:
    for name, schema in sorted(document["components"]["schemas"].items()):
        text = msgspec.json.format(msgspec.json.encode(schema), indent=2).decode()
        yield (
            f'<details id="schema-{escape(name)}"><summary><code>{escape(name)}</code></summary>'
            f"<div><pre>{escape(text)}</pre></div></details>"
        )


def _kind(schema: dict[str, Any]) -> str:
    if reference := schema.get("$ref"):
        name = escape(str(reference).rpartition("/")[2])
        return f'<a href="#schema-{name}"><code>{name}</code></a>'
    for word in ("oneOf", "anyOf"):
        if options := schema.get(word):
            return " or ".join(_kind(option) for option in options)
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    kind = schema.get("type", "any")
    return f"<code>{escape(str(kind))}</code>"
