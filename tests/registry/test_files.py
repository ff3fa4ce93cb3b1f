"""Files of agents: what is read, and what is refused before it can do harm."""

import json
from typing import Any

import pytest

from fuseline.core.errors import ConfigError
from fuseline.registry.errors import DocumentError
from fuseline.registry.files import MAX_BYTES, read_documents, write_documents
from fuseline.registry.plan import Action, compared, plan
from tests.registry.support import DEFAULTS, FULL, URL, fields, record_of, refused


def read(text: str | bytes) -> dict[str, Any]:
    return {found.place: found.document for found in read_documents(text)}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"name": "a"}', {"": {"name": "a"}}),
        ('[{"name": "a"}, 1]', {"[0]": {"name": "a"}, "[1]": 1}),
        ('{"agents": [{"name": "a"}]}', {"agents[0]": {"name": "a"}}),
        ("name: a", {"": {"name": "a"}}),
        ("- name: a\n- name: b", {"[0]": {"name": "a"}, "[1]": {"name": "b"}}),
        ("agents:\n- name: a", {"agents[0]": {"name": "a"}}),
        ("name: a\n---\nname: b", {"document[0]": {"name": "a"}, "document[1]": {"name": "b"}}),
        (
            "name: a\n---\n- name: b",
            {"document[0]": {"name": "a"}, "document[1][0]": {"name": "b"}},
        ),
        ("{name: a, tags: [x]}", {"": {"name": "a", "tags": ["x"]}}),
        ("\ufeffname: a", {"": {"name": "a"}}),
        ("name: 2026-11-24", {"": {"name": "2026-11-24"}}),
        ("", {}),
        ("# nothing\n", {}),
        ("agents: []", {}),
        ("[]", {}),
    ],
)
def test_forms_that_are_read(text: str, found: dict[str, Any]) -> None:
    assert read(text) == found
    assert read(text.encode()) == found


BOMB = "a: &a [x, x]\n" + "\n".join(
    f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (BOMB, "without aliases"),
        ("a: &x 1\nb: *x", "without aliases"),
        ("[" * 100_000, "at most 40 levels"),
        ('{"a":' * 100_000, "at most 40 levels"),
        ("x: " + "[" * 41 + "]" * 41, "at most 40 levels"),
        ("a: 1\na: 2", "twice"),
        ('{"a": 1, "a": 2}', "stand once"),
        ('{"a": {"b": 1, "b": 2}}', "stand once"),
        ("!!python/object/apply:os.system [id]", "constructor"),
        ("a: !!python/name:os.system", "constructor"),
        ("{", "line "),
        ("a:\n\t- b", "line 2"),
        ("a: \x07", "JSON or YAML"),
        (b"\xff\xfe", "UTF-8"),
        (b" " * (MAX_BYTES + 1), "at most"),
        ('{"a": ' + "9" * 5000 + "}", "ordinary size"),
        ("5", "an agent"),
        ("x", "an agent"),
        ("agents:\n- name: a\nother: 1", "nothing beside agents"),
    ],
)
def test_files_that_are_refused(text: str | bytes, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as raised:
        read(text)
    assert len(str(raised.value)) < 1000


def test_a_name_that_stands_twice_names_both_places() -> None:
    with pytest.raises(DocumentError) as raised:
        read("agents:\n- name: a\n- name: b\n- name: a\n- name: b")
    assert fields(raised.value.errors) == ["agents[2].name", "agents[3].name"]
    assert "agents[0]" in str(raised.value)


def test_all_that_is_wrong_is_said_with_its_place() -> None:
    text = "- name: A\n- name: b\n  tags: ['']\n- 1\n- name: c\n  headers: {X: '***'}\n  url: http://x/"
    errors = refused(plan, {}, read_documents(text), DEFAULTS)
    assert fields(errors) == ["[0].name", "[1].tags[0]", "[2]", "[3].headers.X"]


def test_an_update_by_file_says_all() -> None:
    standing = {"full": record_of(FULL)}
    (step,) = plan(standing, read_documents(f"name: full\nurl: {URL}"), DEFAULTS).steps
    assert step.action is Action.UPDATE
    assert step.after is not None
    assert step.after.same_settings(record_of({"url": URL}))
    assert step.differences["url"] == [f"{URL}?***", URL]
    assert step.differences["circuit_breaker_config.failure_threshold"] == [None, 5]
    assert "hunter2" not in str(step.differences)


def test_differences_tell_a_choice_from_a_default() -> None:
    plain, chosen = record_of({}), record_of({"circuit_breaker_config": {"minimum_calls": 10}})
    path = "circuit_breaker_config.minimum_calls"
    assert compared(plain, chosen, DEFAULTS) == {path: ["default", 10]}
    assert compared(chosen, plain, DEFAULTS) == {path: [10, "default"]}
    assert compared(None, chosen, DEFAULTS) == {path: [None, 10]}


def test_pruning_needs_a_file_that_names_agents() -> None:
    standing = {"a": record_of({})}
    with pytest.raises(ConfigError, match="names agents"):
        plan(standing, [], DEFAULTS, prune=True)
    assert not plan(standing, [], DEFAULTS).steps
    found = plan(standing, read_documents("name: b"), DEFAULTS, prune=True)
    assert [(step.action, step.name) for step in found.steps] == [
        (Action.CREATE, "b"), (Action.DELETE, "a"),
    ]  # fmt: skip


def test_files_hold_what_is_not_a_default_and_no_secret() -> None:
    records = [record_of({}), record_of(FULL)]
    text = write_documents(records, DEFAULTS)
    assert "hunter2" not in text
    assert read(text) == read(write_documents(records, DEFAULTS, as_json=True))
    assert json.loads(write_documents(records, DEFAULTS, as_json=True))["agents"][0] == {
        "name": "a"
    }
