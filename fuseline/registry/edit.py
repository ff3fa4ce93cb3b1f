"""Changing agents by documents: creating, replacing, patching. Pure: a record in, a record out.

What is wrong with a document is found all at once, and a document with anything wrong changes
nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fuseline.core.agent import AgentRecord
from fuseline.core.config import RULES, CircuitBreakerConfig
from fuseline.core.endpoint import FIELDS
from fuseline.registry.assembly import assembled
from fuseline.registry.document import BREAKER, RETENTION, chosen_settings, document_of
from fuseline.registry.masks import unmasked
from fuseline.registry.names import check_slug
from fuseline.registry.problems import Problems
from fuseline.registry.shape import members

DEFAULT_WORD = "default"
"""In a patch, takes a setting of the breaker back to its default, also where null is a value."""


def created(document: Any, defaults: CircuitBreakerConfig) -> AgentRecord:
    """The record of a new agent.

    Args:
        document: its members; absent ones stand at their defaults.
        defaults: of the breaker's settings.

    Raises:
        DocumentError: values that are not allowed.
    """
    problems = Problems()
    values = members(document, None, problems)
    if isinstance(document, Mapping) and ("name" in values or "name" not in document):
        problems.attempt(check_slug, document.get("name"))
    record = assembled(
        str(values.pop("name", "")), unmasked(values, None, problems), defaults, None, problems
    )
    problems.check()
    return record


def replaced(record: AgentRecord, document: Any, defaults: CircuitBreakerConfig) -> AgentRecord:
    """The record with everything said anew: what is absent goes to its default.

    Read-only members may come back as they were shown, and so may masks; revision and times stay
    until the record is stored.

    Raises:
        DocumentError: values that are not allowed.
    """
    problems = Problems()
    values = members(document, document_of(record, defaults), problems, name=record.name)
    values = unmasked(values, record.endpoint, problems)
    made = assembled(record.name, values, defaults, record, problems)
    problems.check()
    return made


def patched(record: AgentRecord, patch: Any, defaults: CircuitBreakerConfig) -> AgentRecord:
    """The record with some members changed, as by a JSON merge patch (RFC 7396).

    What is absent stays, objects merge, lists are replaced, and null takes a member back to its
    default. Two things are more than the RFC says. In `circuit_breaker_config` null is the value
    "off" for the settings that have it, and the word "default" takes any setting back. And `url`
    at null takes the settings of the endpoint along, because they are nothing without it.

    Raises:
        DocumentError: values that are not allowed.
    """
    problems = Problems()
    changes = members(patch, document_of(record, defaults), problems, name=record.name)
    changes = unmasked(changes, record.endpoint, problems, merging=True)
    standing: dict[str, Any] = {
        "description": record.description,
        "tags": record.tags,
        **(record.endpoint.to_wire() if record.endpoint else {}),
        RETENTION: record.retention.given,
        BREAKER: chosen_settings(record, defaults),
    }
    made = assembled(record.name, _merged(standing, changes), defaults, record, problems)
    problems.check()
    return made


def _merged(standing: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(standing)
    if "url" in changes and changes["url"] is None:
        for name in FIELDS:
            result.pop(name, None)
    for name, value in changes.items():
        if isinstance(value, Mapping) and name == BREAKER:
            result[name] = _merged_settings(result[name], value)
        elif isinstance(value, Mapping) and name == "headers":
            result[name] = _merged_headers(result.get(name, {}), value)
        else:
            _merge(result, name, value)
    return result


def _merge(group: dict[str, Any], name: str, value: Any) -> None:
    """RFC 7396, one member."""
    if value is None:
        group.pop(name, None)
    elif isinstance(value, Mapping):
        inner = group.get(name)
        merged = dict(inner) if isinstance(inner, Mapping) else {}
        for key, one in value.items():
            _merge(merged, key, one)
        group[name] = merged
    else:
        group[name] = value


def _merged_settings(standing: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(standing)
    for name, value in changes.items():
        rule = RULES.get(name)
        if rule and (value == DEFAULT_WORD or (value is None and not rule.nullable)):
            result.pop(name, None)
        else:
            result[name] = value
    return result


def _merged_headers(standing: Mapping[str, str], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Names of headers are the same in upper and lower case."""
    changed = {name.lower() for name in changes}
    result: dict[str, Any] = {n: v for n, v in standing.items() if n.lower() not in changed}
    return result | {name: value for name, value in changes.items() if value is not None}
