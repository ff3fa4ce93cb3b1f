"""What must not stand in a log line is replaced before any handler sees the line."""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping
from typing import Any

HIDDEN = "***"

# Whole words of a name, so that `tokens_used` or `author` stay readable.
_NAMES = re.compile(
    r"(?:^|[_\-.])(?:password|passwd|secret|token|authorization|api_?key|cookie|credentials?)$",
    re.IGNORECASE,
)
_IN_TEXT = (
    # user:password@ in a URL; the user may stay.
    (
        re.compile(r"(\b[a-z][a-z0-9+.\-]*://[^\s:/@]*:)[^\s@/]+(?=@)", re.IGNORECASE),
        r"\1" + HIDDEN,
    ),
    (re.compile(r"\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=\-]{6,}", re.IGNORECASE), r"\1 " + HIDDEN),
    (
        re.compile(
            r"(\b(?:password|passwd|secret|token|authorization|api[_-]?key|cookie)"
            r"[\"']?\s*[=:]\s*[\"']?)(?!\*\*\*|Bearer |Basic )[^\s\"',;&]+",
            re.IGNORECASE,
        ),
        r"\1" + HIDDEN,
    ),
)
_MOST_DEPTH = 6


def redact_text(text: str) -> str:
    """A text without passwords in URLs, bearer tokens and `password=...`."""
    for pattern, replacement in _IN_TEXT:
        text = pattern.sub(replacement, text)
    return text


def redact_value(name: str, value: Any, depth: int = 0) -> Any:
    """A field of a log line: hidden if its name says so, else with its texts redacted."""
    if _NAMES.search(name) and isinstance(value, str | bytes) and value:
        return HIDDEN
    if isinstance(value, str):
        return redact_text(value)
    if depth < _MOST_DEPTH:
        if isinstance(value, Mapping):
            return {key: redact_value(str(key), item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple | set | frozenset):
            return [redact_value("", item, depth + 1) for item in value]
    return value


def redact(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog that redacts every field of a line."""
    for name, value in line.items():
        if not name.startswith("_"):
            line[name] = redact_value(name, value)
    return line
