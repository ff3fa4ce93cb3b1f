"""From the members of a document to a record; every member is checked, not the first bad one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from fuseline.core.agent import AgentRecord, check_description, check_tags
from fuseline.core.config import RULES, CircuitBreakerConfig
from fuseline.core.endpoint import FIELDS, Endpoint
from fuseline.core.errors import ConfigError
from fuseline.core.references import MASK
from fuseline.core.retention import AGENT_RULES, AgentRetention
from fuseline.core.retry_policy import RETRY_RULES, RetryPolicy
from fuseline.registry.document import BREAKER, RETENTION
from fuseline.registry.problems import Problems, member

# Stands in while single members are checked, and where the URL itself is refused.
_SOMEWHERE = "http://localhost/"
_USUAL = Endpoint(url=_SOMEWHERE)
_LISTS = ("failure_statuses", "ignored_statuses")


def assembled(
    name: str,
    values: Mapping[str, Any],
    defaults: CircuitBreakerConfig,
    standing: AgentRecord | None,
    problems: Problems,
) -> AgentRecord:
    """The record that the members make; absent ones stand at their defaults.

    Args:
        name: of the agent.
        values: members that may be set, without masks.
        defaults: of the breaker's settings.
        standing: what is registered now.
        problems: takes what is not allowed; then the record is none to keep.
    """
    description = problems.attempt(check_description, values.get("description", "")) or ""
    tags = _tags(values.get("tags", []), problems)
    config, given = _settings(values.get(BREAKER, {}), defaults, standing, problems)
    retention = _retention(values.get(RETENTION, {}), problems)
    endpoint = _endpoint({n: values[n] for n in FIELDS if n in values}, problems)
    made = AgentRecord(
        name=name,
        config=config,
        revision=0,
        endpoint=endpoint,
        description=description,
        tags=tags,
        given=given,
        retention=retention,
    )
    if standing is None:
        return made
    return msgspec.structs.replace(
        made,
        revision=standing.revision,
        created_ms=standing.created_ms,
        updated_ms=standing.updated_ms,
        updated_by=standing.updated_by,
    )


def _tags(tags: Any, problems: Problems) -> tuple[str, ...]:
    before = len(problems.errors)
    if isinstance(tags, Sequence) and not isinstance(tags, str):
        for place, tag in enumerate(tags):
            problems.attempt(check_tags, [tag], at=f"tags[{place}]")
    if len(problems.errors) > before:
        return ()
    return problems.attempt(check_tags, tags) or ()


def _settings(
    values: Any,
    defaults: CircuitBreakerConfig,
    standing: AgentRecord | None,
    problems: Problems,
) -> tuple[CircuitBreakerConfig, tuple[str, ...]]:
    if not isinstance(values, Mapping):
        problems.add(BREAKER, values, "an object with settings of the breaker")
        return defaults, ()
    checked: dict[str, Any] = {}
    for name, value in values.items():
        path = member(BREAKER, name)
        if name not in RULES:
            problems.add(path, MASK, f"one of the fields {', '.join(RULES)}")
        else:
            try:
                checked[name] = RULES[name].check(value, path)
            except ConfigError as error:
                problems.add(path, value, error.allowed)
    given = tuple(n for n in RULES if n in checked and not _left(n, checked[n], defaults, standing))
    return msgspec.structs.replace(defaults, **checked), given


def _retention(values: Any, problems: Problems) -> AgentRetention:
    if not isinstance(values, Mapping):
        problems.add(RETENTION, values, "an object with outcomes and days")
        return AgentRetention()
    checked: dict[str, Any] = {}
    for name, value in values.items():
        path = member(RETENTION, name)
        if name not in AGENT_RULES:
            problems.add(path, MASK, f"one of the fields {', '.join(AGENT_RULES)}")
        elif value is not None:
            checked[name] = problems.attempt(AGENT_RULES[name].check, value, path)
    return AgentRetention(**checked)


def _left(
    name: str, value: Any, defaults: CircuitBreakerConfig, standing: AgentRecord | None
) -> bool:
    """Whether a value is the default of earlier that was shown as if it were chosen."""
    return (
        standing is not None
        and name not in standing.chosen
        and value == getattr(standing.config, name)
        and value != getattr(defaults, name)
    )


def _endpoint(values: dict[str, Any], problems: Problems) -> Endpoint | None:
    refused = any(error.field == "url" for error in problems.errors)
    somewhere = values.get("url") is not None or refused
    if refused:
        values["url"] = _SOMEWHERE
    whole = values if values.get("url") is not None else values | {"url": _SOMEWHERE}
    try:
        endpoint = Endpoint.from_mapping(whole)
    except ConfigError as error:
        before = len(problems.errors)
        for name, value in whole.items():
            _check_member(name, value, problems)
        if len(problems.errors) == before:  # what only all of them together break
            problems.add(error.field, error.value, error.allowed)
        return None
    if somewhere:
        return endpoint
    for name in values:
        if name != "url" and getattr(endpoint, name) != getattr(_USUAL, name):
            hidden = name in ("headers", "options")
            problems.add(name, MASK if hidden else values[name], "its default, or a url with it")
    return None


def _check_member(name: str, value: Any, problems: Problems) -> None:
    if name == "retry" and isinstance(value, Mapping):
        for key, one in value.items():
            if key not in RETRY_RULES:
                known = ", ".join(RETRY_RULES)
                problems.add(member("retry", key), MASK, f"one of the fields {known}")
            else:
                problems.attempt(_one_retry, key, one)
    elif name == "headers" and isinstance(value, Mapping):
        for key, one in value.items():
            problems.attempt(_one, name, {key: one})
    elif name in _LISTS and isinstance(value, Sequence) and not isinstance(value, str):
        for place, one in enumerate(value):
            problems.attempt(_one, name, [one], at=f"{name}[{place}]")
    else:
        problems.attempt(_one, name, value)


def _one(name: str, value: Any) -> Endpoint:
    return Endpoint.from_mapping({"url": _SOMEWHERE} | {name: value})


def _one_retry(name: str, value: Any) -> RetryPolicy:
    return RetryPolicy(**{name: value})
