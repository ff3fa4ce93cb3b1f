"""FIELD=VALUE on the command line: changes of a breaker's settings and of an agent's endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from fuseline.core import endpoint as endpoints
from fuseline.core.config import RULES
from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import ConfigError
from fuseline.core.references import MASK
from fuseline.core.retention import AGENT_RULES, AgentRetention
from fuseline.core.retry_policy import RETRY_RULES
from fuseline.core.rules import Rule
from fuseline.core.what_if.patch import DEFAULT, checked_patch
from fuseline.events.agents import AgentRecord

# `timeout_seconds` is how long a breaker stays open, and it is the total deadline of a call too;
# the plain name has always been the breaker's.
_CALL = "call_timeout_seconds"
_RETENTION = "retention."
_LISTS = ("failure_statuses", "ignored_statuses")
_ABOUT = {
    "retry": "how failed attempts are repeated",
    "failure_statuses": "HTTP statuses and classes that are failures of the agent",
    "ignored_statuses": "HTTP statuses and classes that say nothing about the agent",
    "headers": "sent with each call; may refer to ${env:NAME} and ${file:/path}",
    "options": "the protocol's own",
}


def changed(record: AgentRecord, changes: Sequence[str]) -> AgentRecord:
    """The record with changes applied, as `FIELD=VALUE` each.

    The fields are those of the breaker, those of the endpoint (`url`, `protocol`, ...;
    `call_timeout_seconds` is its total deadline), `headers.NAME`, `retry.NAME` and
    `options.NAME`; an empty header or option is taken away, and an empty `url` the whole endpoint.
    `retention.outcomes` and `retention.days` take "default" too.

    Raises:
        ConfigError: no such field, one that is named twice, or a value that is not allowed.
    """
    config: dict[str, Any] = {}
    kept: dict[str, Any] = record.retention.given
    endpoint: dict[str, Any] = record.endpoint.to_wire() if record.endpoint else {}
    seen: set[str] = set()
    touched = False
    for change in changes:
        name, equals, text = change.partition("=")
        name = name.strip()
        if not equals:
            raise ConfigError("change", MASK, "FIELD=VALUE")
        if name in seen:
            raise ConfigError(name, MASK, "a field that is named once")
        seen.add(name)
        if name in RULES:
            config[name] = _parsed(RULES[name], text, name)
        elif (own := name.removeprefix(_RETENTION)) != name and own in AGENT_RULES:
            is_usual = text.strip() in ("", DEFAULT)
            kept[own] = None if is_usual else _parsed(AGENT_RULES[own], text, name)
        else:
            _set(endpoint, name, text)
            touched = True
    return msgspec.structs.replace(
        record,
        config=msgspec.structs.replace(record.config, **config),
        retention=AgentRetention(**kept),
        endpoint=_made(endpoint) if touched else record.endpoint,
    )


def patch_of(changes: Sequence[str], option: str) -> dict[str, Any]:
    """Settings of a breaker to try, as `FIELD=VALUE` each; "default" takes the default.

    Raises:
        ConfigError: no such setting, one that is named twice, or a value that is not allowed.
    """
    found: dict[str, Any] = {}
    for change in changes:
        name, equals, text = change.partition("=")
        name = name.strip()
        if not equals:
            raise ConfigError(option, change, "FIELD=VALUE")
        if name in found:
            raise ConfigError(name, text, "a field that is named once")
        is_plain = name not in RULES or text.strip() == DEFAULT
        found[name] = text.strip() if is_plain else RULES[name].parse(text, name)
    return checked_patch(found)


def _parsed(rule: Rule, text: str, name: str) -> Any:
    return rule.check(rule.parse(text, name), name)


def _set(endpoint: dict[str, Any], name: str, text: str) -> None:
    group, dot, key = name.partition(".")
    if name == _CALL:
        endpoint["timeout_seconds"] = _parsed(endpoints.RULES["timeout_seconds"], text, name)
    elif name == "url" and not text:
        endpoint[name] = None
    elif name in endpoints.RULES:
        # A URL may hold a password where none is allowed, so it is left to the endpoint's own
        # check, which does not repeat it.
        endpoint[name] = (
            text.strip() if name == "url" else _parsed(endpoints.RULES[name], text, name)
        )
    elif name in _LISTS:
        endpoint[name] = text.replace(",", " ").split()
    elif group == "retry" and key in RETRY_RULES:
        endpoint[group] = {**endpoint.get(group, {}), key: _parsed(RETRY_RULES[key], text, name)}
    elif group in ("headers", "options") and dot and key:
        values = {n: v for n, v in endpoint.get(group, {}).items() if n.lower() != key.lower()}
        if text:
            values[key] = text if group == "headers" else _json(text)
        endpoint[group] = values
    else:
        raise ConfigError("change", name, f"FIELD=VALUE with a field of {', '.join(_names())}")


def _names() -> list[str]:
    own = [_CALL if name == "timeout_seconds" else name for name in endpoints.RULES]
    retry = [f"retry.{name}" for name in RETRY_RULES]
    retention = [f"{_RETENTION}{name}" for name in AGENT_RULES]
    return [*RULES, *own, *_LISTS, *retry, *retention, "headers.NAME", "options.NAME"]


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _made(values: dict[str, Any]) -> Endpoint | None:
    if values.get("url", "") is None:
        return None
    return Endpoint.from_mapping(values)


def endpoint_rows(endpoint: Endpoint | None) -> Iterator[tuple[str, str, str, str]]:
    """Name, value, style and description of each setting, secrets masked."""
    if endpoint is None:
        return
    shown = endpoint.shown()
    changes = endpoint.to_wire()
    for name, value in shown.items():
        rule = endpoints.RULES.get(name)
        about = rule.description if rule else _ABOUT[name]
        style = "bold" if name in changes else ""
        label = _CALL if name == "timeout_seconds" else name
        if isinstance(value, dict):
            for key, one in value.items():
                yield f"{label}.{key}", _word(one), style, about
        else:
            yield label, _word(value), style, about


def _word(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(value) or "none"
    if isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()


def retention_rows(retention: AgentRetention) -> Iterator[tuple[str, str, str, str]]:
    """Name, value, style and description of what is kept of an agent."""
    for name, rule in AGENT_RULES.items():
        value = getattr(retention, name)
        style = "" if value is None else "bold"
        word = DEFAULT if value is None else str(value)
        yield f"{_RETENTION}{name}", word, style, rule.description
