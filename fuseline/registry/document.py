"""An agent as a document: the same members over HTTP, on the command line and in files."""

from __future__ import annotations

from typing import Any

import msgspec

from fuseline.core.agent import AgentRecord
from fuseline.core.config import RULES, CircuitBreakerConfig
from fuseline.core.endpoint import FIELDS as ENDPOINT_FIELDS
from fuseline.core.endpoint import Endpoint
from fuseline.schemas.moments import iso

Document = dict[str, Any]

BREAKER = "circuit_breaker_config"
"""The member that holds the chosen settings of the breaker."""

READ_ONLY = (
    "revision",
    "created_at",
    "created_at_ms",
    "updated_at",
    "updated_at_ms",
    "updated_by",
    "effective_circuit_breaker_config",
    "defaulted",
)
"""Members that are shown and never set."""

RETENTION = "retention"
"""The member that says how long outcomes are kept."""

WRITABLE = ("name", "description", "tags", *ENDPOINT_FIELDS, RETENTION, BREAKER)
"""Members that a document may set; absent ones stand at their defaults."""

# Shown for an agent that has no endpoint; any address would do.
_NOWHERE = Endpoint(url="http://localhost/")


def chosen_settings(record: AgentRecord, defaults: CircuitBreakerConfig) -> Document:
    """The breaker's settings that are not just the default.

    A setting that was left at a default which has changed since counts as chosen, because it does
    not follow the default.
    """
    chosen, config = record.chosen, record.config
    return {
        name: _plain(getattr(config, name))
        for name in RULES
        if name in chosen or getattr(config, name) != getattr(defaults, name)
    }


def document_of(record: AgentRecord, defaults: CircuitBreakerConfig) -> Document:
    """The whole document, without secrets, in types JSON knows.

    `circuit_breaker_config` holds what somebody chose; `effective_circuit_breaker_config` holds all
    settings in force, and `defaulted` names those of them that are defaults.
    """
    settings = chosen_settings(record, defaults)
    return {
        **_written(record, settings),
        "revision": record.revision,
        "created_at": iso(record.created_ms),
        "created_at_ms": record.created_ms,
        "updated_at": iso(record.updated_ms),
        "updated_at_ms": record.updated_ms,
        "updated_by": record.updated_by,
        "effective_circuit_breaker_config": {n: _plain(getattr(record.config, n)) for n in RULES},
        "defaulted": [name for name in RULES if name not in settings],
    }


def exported(record: AgentRecord, defaults: CircuitBreakerConfig) -> Document:
    """What a file needs to say the same: no read-only member, and none that is at its default."""
    plain = AgentRecord(name=record.name, config=defaults, revision=0, given=())
    usual = _written(plain, {})
    document = _written(record, chosen_settings(record, defaults))
    document[RETENTION] = record.retention.given or usual[RETENTION]
    return {n: value for n, value in document.items() if n == "name" or value != usual[n]}


def _written(record: AgentRecord, settings: Document) -> Document:
    endpoint = (record.endpoint or _NOWHERE).shown()
    if record.endpoint is None:
        endpoint["url"] = None
    return {
        "name": record.name,
        "url": endpoint.pop("url"),
        "protocol": endpoint.pop("protocol"),
        "description": record.description,
        "tags": list(record.tags),
        **endpoint,
        RETENTION: msgspec.structs.asdict(record.retention),
        BREAKER: settings,
    }


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, str) else value
