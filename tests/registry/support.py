"""Records and documents of the tests of the registry."""

from typing import Any

import pytest

from fuseline.core.agent import AgentRecord
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import ConfigError
from fuseline.registry.document import WRITABLE, Document, document_of
from fuseline.registry.edit import created
from fuseline.registry.errors import DocumentError

DEFAULTS = CircuitBreakerConfig()
URL = "https://agent.example/ask"
FULL: Document = {
    "name": "full",
    "url": "https://agent.example/ask?key=hunter2",
    "protocol": "a2a",
    "description": "Two\nlines: ä, 漢",
    "tags": ["finance", "team/a"],
    "headers": {
        "Authorization": "Bearer ${env:TOKEN}",
        "X-Key": "hunter2",
        "X-Basic": "Basic hunter2",
        "X-Mixed": "id-${file:/run/secret}",
    },
    "connect_timeout_seconds": 1.5,
    "attempt_timeout_seconds": 2.0,
    "timeout_seconds": 3.0,
    "retry": {"max_attempts": 7, "backoff_seconds": 0.0, "backoff_max_seconds": 1.0},
    "idempotent": True,
    "failure_statuses": ["408", "5xx"],
    "ignored_statuses": ["404"],
    "when_open": "defer",
    "max_response_bytes": 1,
    "options": {"card_path": "/card", "api_token": "hunter2", "deep": [1, {"a": None}]},
    "retention": {"outcomes": 0, "days": 30.5},
    "circuit_breaker_config": {"failure_threshold": None, "timeout_seconds": 7.0},
}


def record_of(document: Document, defaults: CircuitBreakerConfig = DEFAULTS) -> AgentRecord:
    """The record of a document, whatever its name, as if it were stored."""
    return created({"name": "a"} | document, defaults)


def writable(record: AgentRecord, defaults: CircuitBreakerConfig = DEFAULTS) -> Document:
    """The members that may be set, as they are shown."""
    document = document_of(record, defaults)
    return {name: document[name] for name in WRITABLE}


def refused(make: Any, *args: Any) -> list[ConfigError]:
    """What is wrong, all of it."""
    with pytest.raises(DocumentError) as raised:
        make(*args)
    errors = raised.value.errors
    assert str(raised.value) == str(errors[0])
    for error in errors:
        assert "hunter2" not in str(error)
    return errors


def fields(errors: list[ConfigError]) -> list[str]:
    return [error.field for error in errors]
