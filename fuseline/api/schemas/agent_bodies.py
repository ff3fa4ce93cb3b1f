"""What may be sent of an agent. For the OpenAPI: the registry reads and checks the documents.

The bounds are those of the settings' own types, so that none is written twice.
"""

from __future__ import annotations

from typing import Annotated, Any, Union, get_type_hints

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from fuseline.core.agent import MAX_DESCRIPTION, MAX_TAGS
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.endpoint import Endpoint
from fuseline.core.retention import AgentRetention
from fuseline.core.retry_policy import RetryPolicy
from fuseline.registry.names import SLUG_PATTERN
from fuseline.schemas import shadow, what_if

_Fields = dict[str, Any]


def _fields(of: type[Struct]) -> _Fields:
    """Names and annotations of a type, the default of each in its schema."""
    hints = get_type_hints(of, include_extras=True)
    fields: _Fields = {}
    for field in msgspec.structs.fields(of):
        hint = hints[field.name]
        if isinstance(field.default, bool | int | float | str) or field.default is None:
            hint = Annotated[hint, Meta(extra_json_schema={"default": field.default})]
        fields[field.name] = hint
    return fields


def _type(name: str, doc: str, fields: _Fields, required: _Fields | None = None) -> type[Struct]:
    optional = [(field, Union[hint, UnsetType], UNSET) for field, hint in fields.items()]  # noqa: UP007
    given = list((required or {}).items())
    return msgspec.defstruct(
        name,
        [*given, *optional],
        kw_only=True,
        forbid_unknown_fields=True,
        namespace={"__doc__": doc},
    )


def _nullable(fields: _Fields) -> _Fields:
    return {name: hint | None for name, hint in fields.items()}


_Name = Annotated[
    str,
    Meta(
        pattern=SLUG_PATTERN,
        max_length=100,
        description="lower-case letters, digits, '-', '_' and '.'",
        examples=["billing-agent"],
    ),
]
_ABOUT: _Fields = {
    "description": Annotated[str, Meta(max_length=MAX_DESCRIPTION)],
    "tags": Annotated[list[str], Meta(max_length=MAX_TAGS, examples=[["payments", "eu"]])],
}
_ENDPOINT = _fields(Endpoint) | {
    "failure_statuses": list[str],
    "ignored_statuses": list[str],
    "headers": Annotated[
        dict[str, str],
        Meta(
            description="values may refer to secrets as ${env:NAME} or ${file:/path}",
            examples=[{"Authorization": "Bearer ${env:BILLING_TOKEN}"}],
        ),
    ],
}
_BREAKER = _fields(CircuitBreakerConfig)

BreakerSettings = _type(
    "BreakerSettings", "Settings of a circuit breaker; what is absent is at its default.", _BREAKER
)
BreakerPatch = _type(
    "BreakerPatch",
    'Changes of breaker settings; "default" takes one back to its default. null is a value of its '
    "own where the setting allows it, and the default elsewhere.",
    _nullable(_BREAKER),
)
_RetrySettings = _type("RetrySettings", RetryPolicy.__doc__ or "", _fields(RetryPolicy))
_RetentionSettings = _type(
    "RetentionSettings",
    "How long outcomes are kept; what is absent or null is as for all agents.",
    _fields(AgentRetention),
)
_RetryPatch = _type("RetryPatch", "Changes of retries.", _nullable(_fields(RetryPolicy)))

_WHOLE = (
    _ABOUT
    | _ENDPOINT
    | {
        "url": _ENDPOINT["url"] | None,
        "retry": _RetrySettings,
        "retention": _RetentionSettings,
        "circuit_breaker_config": BreakerSettings,
    }
)
AgentCreate = _type("AgentCreate", "A new agent.", _WHOLE, {"name": _Name})
AgentReplace = _type(
    "AgentReplace",
    "All of an agent; what is absent goes back to its default.",
    {"name": _Name} | _WHOLE,
)
AgentPatch = _type(
    "AgentPatch",
    "Changes of an agent: absent members stay, objects merge, null takes a member back.",
    {"name": _Name}
    | _nullable(
        _WHOLE
        | {
            "retry": _RetryPatch,
            "circuit_breaker_config": BreakerPatch,
            "headers": dict[str, str | None],
            "options": dict[str, Any],
        }
    ),
)
WhatIfAsk = _type(
    "WhatIfAsk",
    "Which settings are tried on which range; what is not named stays as it is on record.",
    {name: hint for name, hint in _fields(what_if.WhatIfAsk).items() if name != "settings"},
    {"settings": BreakerPatch},
)
ShadowAsk = _type(
    "ShadowAsk",
    "Which settings are folded along from now on; what is not named follows what is in force.",
    {},
    {
        "settings": BreakerPatch,
        **{name: hint for name, hint in _fields(shadow.ShadowAsk).items() if name == "reason"},
    },
)
