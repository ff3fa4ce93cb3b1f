"""Creating, replacing and patching agents: what becomes of each member."""

from typing import Any

import msgspec
import pytest

from fuseline.core.agent import AgentRecord
from fuseline.core.config import RULES, CircuitBreakerConfig
from fuseline.core.endpoint import Endpoint
from fuseline.registry.document import BREAKER, READ_ONLY, WRITABLE, document_of
from fuseline.registry.edit import created, patched, replaced
from fuseline.registry.files import read_documents
from tests.registry.support import DEFAULTS, FULL, URL, fields, record_of, refused, writable

OFF = sorted(name for name, rule in RULES.items() if rule.nullable)


def test_the_smallest_document_is_a_name() -> None:
    record = created({"name": "a"}, DEFAULTS)
    assert (record.endpoint, record.config, record.chosen) == (None, DEFAULTS, ())
    assert document_of(record, DEFAULTS)["url"] is None
    assert document_of(record, DEFAULTS)["defaulted"] == list(RULES)


def test_every_member_is_kept() -> None:
    record = created(FULL, DEFAULTS)
    assert record.endpoint is not None
    assert record.endpoint.headers == FULL["headers"]
    assert record.endpoint.options == FULL["options"]
    assert record.endpoint.url == FULL["url"]
    document = writable(record)
    for name in set(WRITABLE) - {"url", "headers", "options"}:
        assert document[name] == FULL[name], name


def test_the_example_of_the_replaced_system_is_accepted_as_it_stands() -> None:
    with open("examples/circuit_breaker_example.json") as file:
        (found,) = read_documents(file.read())
    record = created(found.document, DEFAULTS)
    settings = found.document[BREAKER]
    assert len(settings) == 6
    assert {name: getattr(record.config, name) for name in settings} == settings
    assert set(record.chosen) == set(settings)
    assert record.endpoint == Endpoint(url=found.document["url"])


def test_the_example_file_is_accepted() -> None:
    with open("examples/agents.yaml") as file:
        for found in read_documents(file.read()):
            created(found.document, DEFAULTS)


def test_settings_that_are_left_out_stand_at_the_defaults_of_the_process() -> None:
    defaults = CircuitBreakerConfig(minimum_calls=77)
    record = created({"name": "a", BREAKER: {"failure_threshold": 2}}, defaults)
    assert record.config == CircuitBreakerConfig(minimum_calls=77, failure_threshold=2)
    document = document_of(record, defaults)
    assert document[BREAKER] == {"failure_threshold": 2}
    assert "minimum_calls" in document["defaulted"]
    assert document["effective_circuit_breaker_config"]["minimum_calls"] == 77


def test_a_setting_that_is_given_at_its_default_is_chosen() -> None:
    record = record_of({BREAKER: {"failure_threshold": 5}})
    assert document_of(record, DEFAULTS)[BREAKER] == {"failure_threshold": 5}
    assert "failure_threshold" not in document_of(record, DEFAULTS)["defaulted"]


def test_a_default_of_earlier_stays_and_is_shown_as_chosen() -> None:
    record = created({"name": "a"}, CircuitBreakerConfig(minimum_calls=77))
    document = document_of(record, DEFAULTS)
    assert document[BREAKER] == {"minimum_calls": 77}
    assert replaced(record, document, DEFAULTS).same_settings(record)
    assert patched(record, {"tags": ["t"]}, DEFAULTS).config == record.config
    # Left out, it goes to what the default is now.
    assert replaced(record, {}, DEFAULTS).config == DEFAULTS


def test_replacing_takes_what_is_absent_to_its_default() -> None:
    record = record_of(FULL | {"name": "a"})
    after = replaced(record, {"url": URL}, DEFAULTS)
    assert after.same_settings(record_of({"url": URL}))
    assert replaced(record, {}, DEFAULTS).endpoint is None


@pytest.mark.parametrize("make", [replaced, patched])
def test_an_edit_keeps_revision_and_times(make: Any) -> None:
    stamps: dict[str, Any] = {
        "revision": 3, "created_ms": 5, "updated_ms": 6, "updated_by": "ada",
    }  # fmt: skip
    record = msgspec.structs.replace(record_of({}), **stamps)
    after = make(record, {"tags": ["x"]}, DEFAULTS)
    assert {name: getattr(after, name) for name in stamps} == stamps
    assert after.tags == ("x",)


@pytest.mark.parametrize("make", [replaced, patched])
def test_what_is_only_shown_may_come_back_as_it_was_shown(make: Any) -> None:
    record = msgspec.structs.replace(
        record_of(FULL | {"name": "a"}), revision=3, created_ms=5, updated_ms=6, updated_by="ada"
    )
    assert make(record, document_of(record, DEFAULTS), DEFAULTS).same_settings(record)
    for name in READ_ONLY:
        for wrong in (4, "x", None, [], {}, True):
            if wrong == document_of(record, DEFAULTS)[name]:
                continue
            assert fields(refused(make, record, {"url": URL, name: wrong}, DEFAULTS)) == [name]


def test_what_is_only_shown_cannot_be_given_to_a_new_agent() -> None:
    for name in READ_ONLY:
        assert fields(refused(created, {"name": "a", name: 1}, DEFAULTS)) == [name]


@pytest.mark.parametrize("make", [replaced, patched])
def test_the_name_must_be_that_of_the_agent(make: Any) -> None:
    record = AgentRecord(name="Not A Slug/é", config=DEFAULTS, revision=1)
    assert make(record, {"name": record.name, "tags": ["t"]}, DEFAULTS).tags == ("t",)
    for other in ("b", None, 1, [], "not a slug/é"):
        assert fields(refused(make, record, {"name": other}, DEFAULTS)) == ["name"]


def test_a_patch_changes_what_it_names() -> None:
    record = record_of(FULL)
    assert patched(record, {}, DEFAULTS).same_settings(record)
    after = patched(record, {"description": "new", "idempotent": False}, DEFAULTS)
    assert record.endpoint is not None
    assert after.description == "new"
    assert after.endpoint == msgspec.structs.replace(record.endpoint, idempotent=False)
    assert (after.config, after.tags) == (record.config, record.tags)


def test_lists_are_replaced_by_a_patch() -> None:
    after = patched(record_of(FULL), {"tags": ["x"], "failure_statuses": [503]}, DEFAULTS)
    assert after.tags == ("x",)
    assert after.endpoint is not None
    assert after.endpoint.failure_statuses == ("503",)


def test_objects_merge_in_a_patch() -> None:
    patch: dict[str, Any] = {
        "headers": {"X-New": "1", "X-Key": None, "authorization": "Bearer ${env:OTHER}"},
        "retry": {"max_attempts": 2},
        "options": {"card_path": None, "deep": {"x": {"y": 1, "z": None}}},
        BREAKER: {"minimum_calls": 4},
    }
    after = patched(record_of(FULL), patch, DEFAULTS)
    assert after.endpoint is not None
    assert after.endpoint.headers == {
        "X-Basic": "Basic hunter2",
        "X-Mixed": "id-${file:/run/secret}",
        "X-New": "1",
        "authorization": "Bearer ${env:OTHER}",
    }
    assert (after.endpoint.retry.max_attempts, after.endpoint.retry.backoff_max_seconds) == (2, 1.0)
    assert after.endpoint.options == {"api_token": "hunter2", "deep": {"x": {"y": 1}}}
    assert after.chosen == ("failure_threshold", "minimum_calls", "timeout_seconds")


@pytest.mark.parametrize("name", sorted(set(WRITABLE) - {"name", "url"}))
def test_null_takes_a_member_back_to_its_default(name: str) -> None:
    after = writable(patched(record_of(FULL), {name: None}, DEFAULTS))
    usual = writable(record_of({"url": URL}))
    assert after[name] == usual[name]
    before = writable(record_of(FULL))
    assert {n: v for n, v in after.items() if n != name} == {
        n: v for n, v in before.items() if n != name
    }


def test_null_takes_a_member_of_an_object_back_to_its_default() -> None:
    after = patched(record_of(FULL), {"retry": {"max_attempts": None}}, DEFAULTS)
    assert after.endpoint is not None
    assert (after.endpoint.retry.max_attempts, after.endpoint.retry.backoff_seconds) == (3, 0.0)


@pytest.mark.parametrize("name", OFF)
def test_null_turns_a_test_of_the_breaker_off_and_default_takes_it_back(name: str) -> None:
    off = patched(record_of({BREAKER: {name: 1}}), {BREAKER: {name: None}}, DEFAULTS)
    assert getattr(off.config, name) is None
    assert off.chosen == (name,)
    assert patched(off, {BREAKER: {name: "default"}}, DEFAULTS).same_settings(record_of({}))


UNUSUAL = {
    "enabled": False,
    "when_unavailable": "reject",
    "adaptive": True,
    "adaptive_confidence": 0.95,
    "adaptive_half_life_seconds": 900,
}


@pytest.mark.parametrize("name", sorted(set(RULES) - set(OFF)))
@pytest.mark.parametrize("word", [None, "default"])
def test_null_and_default_take_any_other_setting_back(name: str, word: Any) -> None:
    value = UNUSUAL.get(name, 1)
    record = record_of({BREAKER: {name: value, "failure_threshold": 9}})
    after = patched(record, {BREAKER: {name: word}}, DEFAULTS)
    assert after.same_settings(record_of({BREAKER: {"failure_threshold": 9}}))


def test_the_word_default_is_for_patches_only() -> None:
    wrong = {"name": "a", BREAKER: {"failure_threshold": "default"}}
    assert fields(refused(created, wrong, DEFAULTS)) == [f"{BREAKER}.failure_threshold"]


def test_a_patch_without_url_takes_the_endpoint_along() -> None:
    after = patched(record_of(FULL), {"url": None}, DEFAULTS)
    assert after.endpoint is None
    assert after.description == FULL["description"]
    errors = refused(patched, record_of(FULL), {"url": None, "headers": {"X": "hunter2"}}, DEFAULTS)
    assert fields(errors) == ["headers"]


def test_settings_of_an_endpoint_need_a_url() -> None:
    wrong = {n: v for n, v in FULL.items() if n not in ("name", "url", "description", "tags")}
    del wrong[BREAKER], wrong["retention"]
    errors = refused(created, {"name": "a"} | wrong, DEFAULTS)
    assert sorted(fields(errors)) == sorted(wrong)
    assert all("a url with it" in error.allowed for error in errors)
    # At their defaults they say nothing.
    assert created(writable(record_of({})), DEFAULTS).endpoint is None
