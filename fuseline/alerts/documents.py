"""Documents of rules and channels: read, with one clear error, and shown."""

from __future__ import annotations

import re
from typing import Any, TypeVar
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import msgspec

from fuseline.core.errors import ConfigError
from fuseline.core.references import MASK, Reference, parse_references
from fuseline.schemas.alerts import (
    AlertChannel,
    AlertRule,
    Apprise,
    Day,
    Severity,
    Webhook,
    When,
)

T = TypeVar("T")

_AT = re.compile(r"^(?P<what>.*?)(?: - at `(?P<path>[^`]*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"^Object contains unknown field `(?P<name>.*)`$", re.DOTALL)
_MISSING = re.compile(r"^Object missing required field `(?P<name>.*)`$")
_WORDS = (
    (re.compile(r"matching regex '\^\(\[01\].*"), "a time of day like 22:00"),
    (
        re.compile(r"matching regex .*"),
        "1 to 100 letters, digits and . _ -, a letter or digit first",
    ),
)
_KINDS = [one.__struct_config__.tag for one in When.__args__]
_CHANNEL_KINDS = [one.__struct_config__.tag for one in (Webhook, Apprise)]
_REFERENCE = "one reference to the secret, ${env:NAME} or ${file:/path}"
_URL = "http://... or https://... without user, query and fragment, or one reference to a URL"


def read_rule(document: Any, name: str | None = None) -> AlertRule:
    """A rule from a document.

    Args:
        document: what came in, plain JSON.
        name: of the rule that the document is for; None: the document says so.

    Raises:
        ConfigError: the first value that is not allowed.
    """
    rule = _convert(_named(document, name), AlertRule)
    for place, hours in enumerate(rule.quiet_hours):
        try:
            ZoneInfo(hours.time_zone)
        except (ValueError, OSError, LookupError):
            raise ConfigError(
                f"quiet_hours[{place}].time_zone",
                hours.time_zone,
                "a time zone like Europe/Berlin or UTC",
            ) from None
    return rule


def read_channel(document: Any, name: str | None = None) -> AlertChannel:
    """A channel from a document; its secrets must be references.

    Raises:
        ConfigError: the first value that is not allowed; never repeats one that may be a secret.
    """
    channel = _convert(_named(document, name), AlertChannel)
    if isinstance(channel.to, Webhook):
        if not is_reference(channel.to.secret):
            raise ConfigError("to.secret", MASK, _REFERENCE)
        if not is_reference(channel.to.url) and not _is_plain_url(channel.to.url):
            raise ConfigError("to.url", MASK, _URL)
    elif not is_reference(channel.to.url):
        raise ConfigError("to.url", MASK, f"{_REFERENCE} that holds an Apprise URL")
    return channel


def kind_of(rule: AlertRule) -> str:
    """What the rule waits for, as its document says it."""
    return str(type(rule.when).__struct_config__.tag)


def is_reference(text: str) -> bool:
    """Whether a text is one reference and nothing else."""
    try:
        parts = parse_references(text)
    except ValueError:
        return False
    return len(parts) == 1 and isinstance(parts[0], Reference)


def _is_plain_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    return (
        parts.scheme in ("http", "https")
        and bool(parts.hostname)
        and text.isprintable()
        and not any(mark in text for mark in " ?#@$")
    )


def _named(document: Any, name: str | None) -> Any:
    if not isinstance(document, dict):
        raise ConfigError("", document if document is None else "...", "an object")
    if name is None:
        return document
    if document.get("name", name) != name:
        raise ConfigError("name", document["name"], f"{name!r}, which the document is for")
    return {**document, "name": name}


def _convert(document: Any, kind: type[T]) -> T:
    try:
        return msgspec.convert(document, kind)
    except msgspec.ValidationError as error:
        raise _refusal(document, str(error)) from None


def _refusal(document: Any, text: str) -> ConfigError:
    found = _AT.match(text)
    assert found is not None
    what, path = found["what"], (found["path"] or "$").removeprefix("$").removeprefix(".")
    if unknown := _UNKNOWN.match(what):
        # The value is not repeated: under a name that is misspelt may be a secret.
        field = f"{path}.{unknown['name']}" if path else unknown["name"]
        return ConfigError(field[:200], MASK, "one of the fields that docs/alerts.md names")
    if missing := _MISSING.match(what):
        field = f"{path}.{missing['name']}" if path else missing["name"]
        return ConfigError(field, None, "a value; it must be there")
    value = _value_at(document, path)
    if path in ("to.url", "to.secret"):
        value = MASK
    return ConfigError(path, value, _allowed(what, path))


def _allowed(what: str, path: str) -> str:
    if path == "when.kind":
        return f"one of {', '.join(map(str, _KINDS))}"
    if path == "to.kind":
        return f"one of {', '.join(map(str, _CHANNEL_KINDS))}"
    if path == "severity":
        return f"one of {', '.join(Severity)}"
    if ".days[" in path:
        return f"some of {', '.join(Day)}"
    words = what.partition(", got ")[0].removeprefix("Expected ").replace("`", "")
    for pattern, instead in _WORDS:
        if pattern.search(words):
            return instead
    words = (
        words.replace("array", "a list")
        .replace("object", "an object")
        .replace(">=", "from")
        .replace("<=", "up to")
        .replace("float", "a number")
    )
    return (
        words.replace("int", "a whole number")
        .replace("str", "text")
        .replace("bool", "true or false")
    )


def _value_at(document: Any, path: str) -> Any:
    value = document
    for part in re.findall(r"[^.\[\]]+|\[\d+\]|\[\.\.\.\]", path):
        try:
            if part == "[...]":
                return "..."
            value = value[int(part[1:-1])] if part.startswith("[") else value[part]
        except (LookupError, TypeError, ValueError):
            return None
    return value if isinstance(value, bool | int | float) or value is None else str(value)[:200]
