"""Masks that come back: kept where they are what was shown, refused anywhere else."""

from typing import Any

import msgspec
import pytest

from fuseline.core.agent import AgentRecord
from fuseline.registry.document import document_of
from fuseline.registry.edit import created, patched, replaced
from tests.registry.support import DEFAULTS, FULL, URL, fields, record_of, refused


@pytest.fixture
def record() -> AgentRecord:
    return record_of(FULL)


def test_no_secret_is_shown(record: AgentRecord) -> None:
    text = msgspec.json.encode(document_of(record, DEFAULTS)).decode()
    assert "hunter2" not in text
    assert "${env:TOKEN}" in text
    assert "${file:/run/secret}" in text


@pytest.mark.parametrize("make", [replaced, patched])
def test_what_was_shown_keeps_what_is_stored(record: AgentRecord, make: Any) -> None:
    shown = document_of(record, DEFAULTS)
    assert make(record, shown, DEFAULTS).same_settings(record)
    after = make(record, shown | {"description": "new"}, DEFAULTS)
    assert after.endpoint == record.endpoint


@pytest.mark.parametrize("make", [replaced, patched])
def test_secrets_beside_masks_are_taken(record: AgentRecord, make: Any) -> None:
    shown = document_of(record, DEFAULTS)
    headers = shown["headers"] | {"X-Key": "new"}
    after = make(record, shown | {"headers": headers}, DEFAULTS)
    assert after.endpoint.headers == FULL["headers"] | {"X-Key": "new"}


def test_names_of_headers_are_the_same_in_upper_and_lower_case(record: AgentRecord) -> None:
    after = replaced(record, {"url": URL, "headers": {"x-key": "***"}}, DEFAULTS)
    assert after.endpoint is not None
    assert after.endpoint.headers == {"x-key": "hunter2"}
    after = patched(record, {"headers": {"x-key": "***"}}, DEFAULTS)
    assert after.same_settings(record)


@pytest.mark.parametrize("make", [replaced, patched])
@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("headers.X-New", {"headers": {"X-New": "***"}}),
        ("headers.X-Key", {"headers": {"X-Key": "Bearer ***"}}),
        ("headers.X-Key", {"headers": {"X-Key": "******"}}),
        ("headers.X-Key", {"headers": {"X-Key": "a***"}}),
        ("headers.X-Basic", {"headers": {"X-Basic": "***"}}),
        ("headers.X-Mixed", {"headers": {"X-Mixed": "***${file:/other}"}}),
        ("headers.Authorization", {"headers": {"Authorization": "Bearer ***"}}),
        ("url", {"url": "https://other.example/ask?***"}),
        ("url", {"url": "https://agent.example/ask?key=***"}),
        ("options.token", {"options": {"token": "***"}}),
        ("options.api_token", {"options": {"api_token": "x***"}}),
    ],
)
def test_any_other_mask_is_refused(
    record: AgentRecord, make: Any, field: str, change: dict[str, Any]
) -> None:
    base = {"url": URL} if make is replaced else {}
    assert fields(refused(make, record, base | change, DEFAULTS)) == [field]


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("headers.X", {"headers": {"X": "***"}}),
        ("url", {"url": f"{URL}?***"}),
        ("options.key", {"options": {"key": "***"}}),
    ],
)
def test_a_new_agent_has_nothing_that_a_mask_could_keep(field: str, change: dict[str, Any]) -> None:
    errors = refused(created, {"name": "a", "url": URL} | change, DEFAULTS)
    assert fields(errors) == [field]
    assert all("***" in str(error.value) for error in errors)


def test_stars_that_hide_nothing_are_text() -> None:
    made = record_of({"url": f"{URL}/***", "description": "***", "options": {"glob": "***"}})
    assert made.endpoint is not None
    assert made.endpoint.url == f"{URL}/***"
    assert replaced(made, document_of(made, DEFAULTS), DEFAULTS).same_settings(made)
