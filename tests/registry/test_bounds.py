"""Every member at every bound, over creating, replacing and patching: taken, or refused by path."""

import datetime as dt
import json
import math
from typing import Any

import pytest

from fuseline.core.config import RULES
from fuseline.core.endpoint import RULES as ENDPOINT_RULES
from fuseline.core.retry_policy import RETRY_RULES
from fuseline.core.rules import Rule
from fuseline.registry.document import BREAKER, WRITABLE, Document
from fuseline.registry.edit import created, patched, replaced
from tests.registry.support import DEFAULTS, URL, fields, record_of, refused, writable

HUGE = 10**400
STRANGE: list[Any] = [
    "", "1", "true", "null", "NaN", "\x00", "\ud800", "漢", "../..", [], [1], {}, {"a": 1},
    math.nan, math.inf, -math.inf, HUGE, -HUGE, 1 << 20_000, b"x", {1}, dt.date(2026, 1, 1),
]  # fmt: skip
NAMES_ALLOWED = ["a", "0", "a-b_c.d", "a" * 100, "1.2.3", "a.b", "a__b", "a--b"]
NAMES_REFUSED = [
    "", "A", "a b", " a", "a ", "-a", "a-", ".a", "a.", "_a", "a..b", "..", "../a", "a/b", "a\\b",
    "a:b", "{a}", "a%2fb", "é", "а", "漢", "a\n", "a\x00", "a\u200b", "\ud800", "a" * 101, "Ａ",
    "²", None, 1, True, [], {}, 1.5, math.nan, HUGE, b"a",
]  # fmt: skip


def inner(path: str, value: Any) -> Document:
    """A document that holds a value at a path."""
    name, _, rest = path.partition(".")
    return {"url": URL, name: {rest: value}} if rest else {"url": URL} | {name: value}


def allowed_at(rule: Rule) -> list[Any]:
    if rule.kind is bool:
        return [True, False]
    if rule.minimum is None and rule.above is None:
        return list(rule.kind) if rule.kind is not str else []
    low = rule.minimum if rule.minimum is not None else math.nextafter(rule.above or 0, math.inf)
    found = [low, rule.maximum, rule.default]
    return [value for value in found if value is not None] + ([None] if rule.nullable else [])


def refused_at(rule: Rule) -> list[Any]:
    if rule.kind is bool:
        return [0, 1, 0.0, *STRANGE]
    if rule.kind is str or (rule.minimum is None and rule.above is None):
        return [
            True,
            0,
            *(value for value in STRANGE if rule.name != "protocol" or value != "null"),
        ]
    low = rule.minimum if rule.minimum is not None else rule.above
    assert low is not None
    assert rule.maximum is not None
    step = 1 if rule.kind is int else 0
    below = [low - 1, -1, 0, -0.0] if low > 0 or rule.above is not None else [-1, -5e-324]
    above = [rule.maximum + 1, math.nextafter(rule.maximum, math.inf)]
    fraction = [low + 0.5] if step else []
    return [*below, *above, *fraction, True, False, *STRANGE]


PATHS: list[tuple[str, Rule]] = [
    *((f"{BREAKER}.{name}", rule) for name, rule in RULES.items()),
    *((name, rule) for name, rule in ENDPOINT_RULES.items() if name not in ("url", "protocol")),
    *((f"retry.{name}", rule) for name, rule in RETRY_RULES.items()),
]


def edits(document: Document) -> list[tuple[Any, ...]]:
    base = record_of({"url": URL})
    return [
        (created, {"name": "a"} | document, DEFAULTS),
        (replaced, base, document, DEFAULTS),
        (patched, base, document, DEFAULTS),
    ]


def assert_refused(path: str, document: Document, *, but: Any = None) -> None:
    for make, *arguments in edits(document):
        if make is not but:
            found = fields(refused(make, *arguments))
            assert found
            assert all(
                field == path or field.startswith((f"{path}.", f"{path}[")) for field in found
            ), found


def value_at(document: Document, path: str) -> Any:
    name, _, rest = path.partition(".")
    return document[name][rest] if rest else document[name]


def test_all_members_are_tried() -> None:
    elsewhere = {"name", "url", "protocol", "description", "tags", "headers", "options", "retry"}
    elsewhere |= {"failure_statuses", "ignored_statuses", "retention", BREAKER}
    assert {path for path, _ in PATHS if "." not in path} | elsewhere == set(WRITABLE)


@pytest.mark.parametrize(("path", "rule"), PATHS, ids=[path for path, _ in PATHS])
def test_settings_are_taken_at_their_bounds(path: str, rule: Rule) -> None:
    for value in allowed_at(rule):
        for make, *arguments in edits(inner(path, value)):
            shown = value_at(writable(make(*arguments)), path)
            assert shown == value, make
            assert isinstance(shown, bool) == isinstance(value, bool)


@pytest.mark.parametrize(("path", "rule"), PATHS, ids=[path for path, _ in PATHS])
def test_settings_are_refused_beyond_their_bounds(path: str, rule: Rule) -> None:
    for value in refused_at(rule):
        assert_refused(path, inner(path, value))
    if not rule.nullable:  # in a patch null is the way back
        assert_refused(path, inner(path, None), but=patched)


@pytest.mark.parametrize("name", NAMES_ALLOWED)
def test_names_that_are_slugs_are_taken(name: str) -> None:
    assert created({"name": name}, DEFAULTS).name == name


@pytest.mark.parametrize("name", NAMES_REFUSED, ids=repr)
def test_names_that_are_no_slugs_are_refused(name: Any) -> None:
    assert fields(refused(created, {"name": name}, DEFAULTS)) == ["name"]


def test_a_new_agent_needs_a_name() -> None:
    assert fields(refused(created, {}, DEFAULTS)) == ["name"]


REFUSED: list[tuple[str, list[Any]]] = [
    (
        "url",
        [
            "", "x", "ftp://x", "http://", "http://a b", "//x", "http://x#f", "http://x:0",
            "http://x:65536", "http://user:hunter2@x/", "http://x/?hunter2#x",
            "http://" + "x" * 2048, "http://x/\n", "http://x\\y", "javascript:alert(1)",
            "http://x/\ud800",
            1, True, [], {},            math.nan,
        ],
    ),
    ("protocol", ["", "HTTP", "-", "a" * 41, "ä", "a b", "../x", "http\n", 1, True, [], {}]),
    ("description", ["a" * 1001, "\x00", "a\x1b[31m", "\u202e", 1, True, [], {}, math.inf]),
    ("tags", ["a", 1, True, {}, ["a"] * 2, [str(n) for n in range(33)]]),
    ("tags", [[""], ["a b"], ["a", 1], [None], ["a\n"], ["a" * 65], [["a"]], [{}], [True]]),
    ("headers", ["X", 1, True, [], [["X", "y"]], {"": "a"}, {"a b": "c"}, {"X\n": "y"}]),
    ("headers", [{"Host": "x"}, {"X": "a", "x": "b"}, {f"X-{n}": "a" for n in range(65)}]),
    ("headers", [{"ä": "x"}, {1: "x"}, {"a" * 101: "x"}, {"\ud800": "x"}]),
    ("retry", [1, True, "x", [], {"max": 1}, {"max_attempts": 0, "other": 1}]),
    ("retention", [1, True, "x", [], {"hours": 1}, {"outcomes": -1}, {"outcomes": 0.5}]),
    ("retention", [{"outcomes": True}, {"outcomes": 1_000_000_001}, {"days": -5e-324}]),
    ("retention", [{"days": 36_500.1}, {"days": "7"}, {"days": math.nan}, {"days": []}]),
    ("failure_statuses", ["5xx", 503, True, {}, [600], ["6xx"], ["5"], [True], [5.0], [[]], [""]]),
    ("ignored_statuses", ["5xx", 503, True, {}, [99], ["xx"], ["500 "], ["500\n"], [HUGE]]),
    ("options", ["x", 1, True, [], {"a": math.nan}, {"a": [{"b": math.inf}]}, {"a": 1 << 64}]),
    ("options", [{"a": "x" * 16_384}, {1: 2}, {"a": b"x"}, {"a": "\ud800"}, {"\ud800": 1}]),
    ("options", [{"a": HUGE}, {"a": -(1 << 63) - 1}, {"a": dt.date(2026, 1, 1)}]),
    (BREAKER, [1, True, "default", [], {"Enabled": True}, {"": 1}, {"enabled ": True}, {1: 2}]),
]  # fmt: skip


@pytest.mark.parametrize(("path", "values"), REFUSED, ids=[path for path, _ in REFUSED])
def test_members_with_rules_of_their_own_are_refused_by_path(path: str, values: list[Any]) -> None:
    for value in values:
        assert_refused(path, {"url": URL, path: value})


@pytest.mark.parametrize("name", sorted(set(WRITABLE) - {"name", "url"}))
def test_null_is_no_value_but_in_a_patch(name: str) -> None:
    assert_refused(name, {"url": URL, name: None}, but=patched)


def test_retention_is_taken_at_its_bounds_and_null_is_as_for_all() -> None:
    for values in ({"outcomes": 0, "days": 0.0}, {"outcomes": 1_000_000_000, "days": 36_500.0}):
        for make, *arguments in edits({"retention": values}):
            record = make(*arguments)
            assert writable(record)["retention"] == values
            part = patched(record, {"retention": {"days": None}}, DEFAULTS)
            assert writable(part)["retention"] == values | {"days": None}
            assert writable(patched(part, {"retention": None}, DEFAULTS))["retention"] == {
                "outcomes": None,
                "days": None,
            }
            assert replaced(part, writable(part), DEFAULTS).same_settings(part)


def test_values_of_headers_are_refused_by_their_name() -> None:
    values = ["hunter2ä", " hunter2", "hunter2\n", "a\x00", "${hunter2}", "${env:1}", "x" * 8193]
    for value in [*values, 1, True, [], {"hunter2": 1}, math.nan]:
        assert_refused("headers.X-Key", {"headers": {"X-Key": value}})
    assert_refused("headers.X-Key", {"url": URL, "headers": {"X-Key": None}}, but=patched)


def test_paths_name_the_place() -> None:
    document: Document = {
        "name": "a", "url": URL, "tags": ["a", "b", "c d"], "failure_statuses": ["5xx", 99],
        "headers": {"X-Key": 1}, "retry": {"max_attempts": 0, "x.y": 1},
        "options": {"a": {"b": [0, math.nan]}}, "hunter": "hunter2", "\x1b[31m": 1, 7: 8,
        BREAKER: {"failure_threshold": 0, "nonsense": "hunter2"},
    }  # fmt: skip
    errors = refused(created, document, DEFAULTS)
    assert sorted(fields(errors)) == sorted(
        [
            "tags[2]", "failure_statuses[1]", "headers.X-Key", "retry.max_attempts",
            "retry['x.y']", "options.a.b[1]", "hunter", r"['\x1b[31m']", "[7]",
            f"{BREAKER}.failure_threshold", f"{BREAKER}.nonsense",
        ]
    )  # fmt: skip


@pytest.mark.parametrize("document", [None, True, 1, "x", [], [{"name": "a"}], math.nan])
def test_a_document_is_an_object(document: Any) -> None:
    for make, *arguments in edits({}):
        arguments[-2] = document
        assert fields(refused(make, *arguments)) == [""]


def test_depth_is_bounded() -> None:
    deep: Any = 1
    for _ in range(10_000):
        deep = [deep]
    for name in ("options", "tags", "description", "retry"):
        for make, *arguments in edits(
            {"url": URL, name: {"a": deep} if name == "options" else deep}
        ):
            assert refused(make, *arguments)


def test_refusals_are_short_however_long_the_value() -> None:
    values: list[Any] = ["x" * 10**5, ["x" * 10**5], HUGE, {"x" * 10**5: 1}, {"a": "x" * 10**5}]
    for value in values:
        for name in sorted({*WRITABLE, "unknown" * 1000}):
            for make, *arguments in edits({"url": URL, name: value}):
                for error in refused(make, *arguments):
                    assert len(str(error)) < 2000
                    assert json.dumps([error.field, error.allowed]).isascii()
