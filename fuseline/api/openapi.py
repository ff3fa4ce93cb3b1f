"""The OpenAPI document: routes as the framework tells them, types as msgspec does.

The framework's own schemas leave out bounds that the types carry, and bodies are read by the
registry and not by the framework; so both are put in here. Made once, when first asked for.
"""

from __future__ import annotations

from typing import Any, get_args

import msgspec
from litestar import Litestar
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, License, SecurityScheme, Server, Tag
from msgspec import Struct, UnsetType

import fuseline
from fuseline.api.access.roles import Role
from fuseline.api.schemas import agent_bodies
from fuseline.api.schemas.examples import EXAMPLES
from fuseline.schemas import (
    access,
    agents,
    alerts,
    calls,
    circuits,
    incidents,
    problems,
    shadow,
    stream,
    system,
    tasks,
    timeline,
    what_if,
    workers,
)

_BODIES: dict[str, type[Struct]] = {
    "createAgent": agent_bodies.AgentCreate,
    "replaceAgent": agent_bodies.AgentReplace,
    "changeAgent": agent_bodies.AgentPatch,
    "overrideCircuit": circuits.Override,
    "askWhatIf": agent_bodies.WhatIfAsk,
    "setShadow": agent_bodies.ShadowAsk,
    "proposeSettings": what_if.ProposalsAsk,
    "recordOutcomes": calls.OutcomesRecord,
    "submitTask": tasks.TaskSubmit,
    "logIn": access.Login,
    "createToken": access.TokenCreate,
    "createAlertRule": alerts.AlertRule,
    "replaceAlertRule": alerts.AlertRule,
    "createAlertChannel": alerts.AlertChannel,
    "replaceAlertChannel": alerts.AlertChannel,
}
# Members of bodies, which may leave out what has a default.
_PARTS = (
    *get_args(alerts.When),
    calls.OutcomeReport,
    alerts.Webhook,
    alerts.Apprise,
    alerts.QuietHours,
)
_REF = "#/components/schemas/{name}"
_TAGS = {
    "agents": "The registry: agents and the settings of their breakers.",
    "circuits": "How the breakers stand, why, what happened; and an operator's word over them.",
    "stream": "Changes as they happen.",
    "calls": "Calls that other programs make: may they, and how they ended.",
    "tasks": "Calls that workers make for you.",
    "alerts": "Who is told of what, and was.",
    "access": "Who you are, sessions, tokens.",
    "system": "Whether it is well.",
}

CONFIG = OpenAPIConfig(
    title="Fuseline",
    version=fuseline.__version__,
    description=(
        "Circuit breakers for async workers, kept as events in Redis Streams.\n\n"
        "Every error is a problem document (RFC 9457); values that were refused stand in its "
        "`errors`, each with its field, the value and what is allowed. Every answer carries "
        "`X-Request-ID`. Send `Authorization: Bearer fl_...`, a token of "
        "`fuseline tokens create`."
    ),
    license=License(name="Apache-2.0", identifier="Apache-2.0"),
    servers=[Server(url="/")],
    tags=[Tag(name=name, description=about) for name, about in _TAGS.items()],
    components=Components(
        security_schemes={
            "token": SecurityScheme(type="http", scheme="bearer", description="an API token"),
            "session": SecurityScheme(
                type="apiKey",
                name="fuseline_session",
                security_scheme_in="cookie",
                description="a session of the UI; unsafe methods also need X-CSRF-Token",
            ),
        }
    ),
    security=[{"token": []}, {"session": []}],
    use_handler_docstrings=True,
    render_plugins=(),
)


def make_document(app: Litestar) -> dict[str, Any]:
    """The OpenAPI 3.1 document of the application."""
    document = app.openapi_schema.to_schema()
    schemas = document["components"].setdefault("schemas", {})
    answers = _answers()
    _, components = msgspec.json.schema_components([*answers, *_BODIES.values()], ref_template=_REF)
    schemas.update({name: _tidy(schema) for name, schema in components.items()})
    for answer in answers:
        schemas[answer.__name__]["required"] = _always_there(answer)
    roles = _roles(app)
    for path in document["paths"].values():
        for operation in path.values():
            if not isinstance(operation, dict):
                continue
            name = operation["operationId"]
            role = roles.get(name, "")
            operation["x-required-role"] = role or "none"
            if not role:
                operation["security"] = []
                for status in ("401", "403"):
                    if name != "logIn":
                        operation["responses"].pop(status, None)
            _drop_framework_problems(operation["responses"])
            if (body := _BODIES.get(name)) is not None:
                operation["requestBody"] = _body(body)
    # msgspec knows no union of an enumeration and a word, so the word comes in here.
    for setting in schemas["BreakerPatch"]["properties"].values():
        options = setting.pop("anyOf", None) or [
            {
                key: setting.pop(key)
                for key in list(setting)
                if key not in ("description", "default")
            }
        ]
        setting["anyOf"] = [*options, {"const": "default"}]
    for name, examples in EXAMPLES.items():
        schemas[name]["examples"] = examples
    _drop_unused(document)
    return document


def _answers() -> list[type[Struct]]:
    modules = (
        access,
        agents,
        alerts,
        calls,
        circuits,
        incidents,
        problems,
        shadow,
        stream,
        system,
        tasks,
        timeline,
        what_if,
        workers,
    )
    found = [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Struct)
    ]
    # The settings of a what-if and of a shadow are told by `agent_bodies`.
    bodies = [*_BODIES.values(), *_PARTS, what_if.WhatIfAsk, shadow.ShadowAsk]
    return [one for one in dict.fromkeys(found) if one not in bodies and one.__name__[0] != "_"]


def _always_there(kind: type[Struct]) -> list[str]:
    """Members that every answer has: msgspec leaves out those that have a default."""
    return sorted(
        field.encode_name
        for field in msgspec.structs.fields(kind)
        if UnsetType not in get_args(field.type)
    )


def _drop_framework_problems(responses: dict[str, Any]) -> None:
    """Drops what the framework would say of parameters; `problems` says it, as 422."""
    if "application/json" in responses.get("400", {}).get("content", {}):
        del responses["400"]


def _body(kind: type[Struct]) -> dict[str, Any]:
    schema = {"$ref": _REF.format(name=kind.__name__)}
    return {"required": True, "content": {"application/json": {"schema": schema}}}


def _roles(app: Litestar) -> dict[str, str]:
    roles = {}
    for route in app.routes:
        for handler in getattr(route, "route_handlers", ()):
            name = getattr(handler, "operation_id", None)
            if isinstance(name, str):
                public = handler.opt.get("public")
                roles[name] = "" if public else str(handler.opt.get("role", Role.VIEWER).value)
    return roles


def _tidy(schema: Any) -> Any:
    """Docstrings as descriptions: without their indentation, and without what is for code."""
    if isinstance(schema, dict):
        tidied = {key: _tidy(value) for key, value in schema.items()}
        if isinstance(about := tidied.get("description"), str):
            tidied["description"] = "\n".join(
                line.strip() for line in about.partition("\n    Raises:")[0].strip().splitlines()
            )
        return tidied
    return [_tidy(part) for part in schema] if isinstance(schema, list) else schema


def _drop_unused(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    while True:
        text = msgspec.json.encode(document).decode()
        unused = [name for name in schemas if f'"#/components/schemas/{name}"' not in text]
        if not unused:
            return
        for name in unused:
            del schemas[name]
