"""The endpoint of an agent: bounds, wire form, and that secrets are not shown."""

from typing import Any

import msgspec
import pytest

from fuseline.core.endpoint import FIELDS, Endpoint, RetryPolicy, WhenOpen
from fuseline.core.errors import ConfigError
from fuseline.core.references import Reference, ReferenceKind, masked, parse_references

URL = "https://agent.example/a2a"
UNUSUAL: dict[str, Any] = {
    "url": "http://[2001:db8::1]:8080/x?key=abc",
    "protocol": "a2a",
    "headers": {"Authorization": "Bearer ${env:TOKEN}", "X-Key": "literal"},
    "connect_timeout_seconds": 1.5,
    "attempt_timeout_seconds": 2.0,
    "timeout_seconds": 3.0,
    "retry": RetryPolicy(max_attempts=7, backoff_seconds=0.0, backoff_max_seconds=1.0),
    "idempotent": True,
    "failure_statuses": ("408", "5xx"),
    "ignored_statuses": ("404",),
    "when_open": WhenOpen.DEFER,
    "max_response_bytes": 1,
    "options": {"card_path": "/card", "deep": [1, {"a": None}]},
}


def endpoint(**values: Any) -> Endpoint:
    return Endpoint(**({"url": URL} | values))


def test_defaults() -> None:
    made = msgspec.structs.asdict(endpoint())
    assert made == {
        "url": URL,
        "protocol": "http",
        "headers": {},
        "connect_timeout_seconds": 5.0,
        "attempt_timeout_seconds": 30.0,
        "timeout_seconds": 120.0,
        "retry": RetryPolicy(max_attempts=3, backoff_seconds=0.1, backoff_max_seconds=5.0),
        "idempotent": False,
        "failure_statuses": ("429", "5xx"),
        "ignored_statuses": (),
        "when_open": WhenOpen.REJECT,
        "max_response_bytes": 10 * 1024 * 1024,
        "options": {},
    }


@pytest.mark.parametrize(
    "url",
    [
        "http://a",
        "http://a/",
        "https://a.example:443/x/y?z=1",
        "http://127.0.0.1:1",
        "http://[::1]:65535/",
        "https://münchen.example/",
        "http://a?x",
    ],
)
def test_urls_that_are_allowed(url: str) -> None:
    assert endpoint(url=url).url == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example",
        "ftp://a",
        "unix:///run/x.sock",
        "file:///etc/passwd",
        "HTTP://a",
        "http://",
        "http:///x",
        "http://user@a/",
        "http://user:hunter2@a/",
        "http://a@b@c/",
        "http://a:0/",
        "http://a:65536/",
        "http://a:x/",
        "http://a/#fragment",
        "http://a/ b",
        "http://a/\nX: y",
        "http://a\\@b/",
        "http://[::1/",
        "http://" + "a" * 2048,
        None,
        5,
    ],
)
def test_urls_that_are_refused(url: Any) -> None:
    with pytest.raises(ConfigError, match=r"^url: ") as caught:
        endpoint(url=url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("field", "values", "refused"),
    [
        ("connect_timeout_seconds", [0.001, 86_400], [0, -1, 86_401, "5", True, float("nan")]),
        ("attempt_timeout_seconds", [0.001, 86_400], [0, 86_401, None]),
        ("timeout_seconds", [0.001, 86_400], [0, 86_401, None]),
        ("max_response_bytes", [1, 1 << 30], [0, (1 << 30) + 1, 1.5]),
        ("protocol", ["http", "a2a", "my-own_1.0"], ["", "HTTP", "a b", "1a", "x" * 41, 5]),
        ("idempotent", [True, False], [1, "true", None]),
        ("when_open", ["reject", "defer"], ["wait", None]),
        ("failure_statuses", [[], ["5xx", "404"], [503]], ["5xx", ["6xx"], ["50"], [None], 5]),
        ("ignored_statuses", [[], ["4XX"]], [["x"], [True, []], None]),
        ("headers", [{}, {"A-b": "x y"}], [[], {"A b": "x"}, {"": "x"}, {"A": 5}, {5: "x"}]),
        ("options", [{}, {"a": [1]}], [[], 5, {"a": object()}, {"a": "x" * 20_000}]),
        ("retry", [{}, {"max_attempts": 10}], [5, None, [1]]),
    ],
)
def test_bounds_are_refused_by_name(field: str, values: list[Any], refused: list[Any]) -> None:
    for value in values:
        endpoint(**{field: value})
    for value in refused:
        with pytest.raises(ConfigError, match=f"^{field}"):
            endpoint(**{field: value})


@pytest.mark.parametrize(
    ("field", "values", "refused"),
    [
        ("max_attempts", [1, 10], [0, 11, 1.5]),
        ("backoff_seconds", [0, 600], [-0.1, 601]),
        ("backoff_max_seconds", [0, 600], [-0.1, 601]),
    ],
)
def test_bounds_of_the_retry_policy(field: str, values: list[Any], refused: list[Any]) -> None:
    for value in values:
        assert getattr(endpoint(retry={field: value}).retry, field) == value
    for value in refused:
        with pytest.raises(ConfigError, match=f"^retry.{field}: "):
            endpoint(retry={field: value})


def test_unknown_names_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"^adress: .*expected one of the fields url, protocol"):
        Endpoint.from_mapping({"url": URL, "adress": "x"})
    with pytest.raises(ConfigError, match=r"^retry\.attempts: "):
        Endpoint.from_mapping({"url": URL, "retry": {"attempts": 1}})
    with pytest.raises(ConfigError, match=r"^url: "):
        Endpoint.from_mapping({"protocol": "http"})


@pytest.mark.parametrize(
    "headers",
    [
        {"X": "hunter2\r\nY: z"},
        {"X": "hunter2ü"},
        {"X": " hunter2"},
        {"X": "hunter2" * 2000},
        {"X": "hunter2 ${env:}"},
        {"X": "hunter2 ${env:A B}"},
        {"X": "hunter2 ${file:relative}"},
        {"X": "hunter2 ${vault:x}"},
        {"X": "hunter2 ${env:A"},
        {"X": "a", "x": "b"},
        {"Content-Length": "5"},
        {"host": "elsewhere"},
        {"Idempotency-Key": "1"},
    ],
)
def test_bad_headers_are_refused_without_their_values(headers: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=r"^headers") as caught:
        endpoint(headers=headers)
    assert "hunter2" not in str(caught.value)


# --- the wire ---


@pytest.mark.parametrize("values", [{"url": URL}, UNUSUAL])
def test_wire_form_survives_msgpack(values: dict[str, Any]) -> None:
    made = Endpoint(**values)
    wire = msgspec.msgpack.decode(msgspec.msgpack.encode(made.to_wire()))
    assert Endpoint.from_wire(wire) == made


def test_wire_form_holds_what_differs_from_the_defaults() -> None:
    assert endpoint().to_wire() == {"url": URL}
    assert set(Endpoint(**UNUSUAL).to_wire()) == set(FIELDS)


def test_names_of_a_newer_version_are_left_out() -> None:
    wire = endpoint(retry={"max_attempts": 2}).to_wire()
    wire["new"] = 1
    wire["retry"]["new"] = 2
    assert Endpoint.from_wire(wire) == endpoint(retry={"max_attempts": 2})


# --- what is shown ---


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("abc", "***"),
        ("Bearer abc", "Bearer ***"),
        ("Bearer ${env:A}", "Bearer ${env:A}"),
        ("${file:/run/secrets/x}", "${file:/run/secrets/x}"),
        ("user ${env:A} x", "***${env:A}***"),
    ],
)
def test_values_are_masked_and_references_are_not(text: str, shown: str) -> None:
    assert masked(text) == shown


def test_references_are_found_inside_text() -> None:
    assert parse_references("a${env:B_1}c${file:/d e}") == (
        "a",
        Reference(ReferenceKind.ENV, "B_1"),
        "c",
        Reference(ReferenceKind.FILE, "/d e"),
    )


def test_no_secret_is_in_what_is_shown() -> None:
    made = Endpoint(**UNUSUAL | {"options": {"api_key": "hunter2", "a": 1}})
    for text in (repr(made), str(made), str(made.shown())):
        assert "literal" not in text
        assert "abc" not in text
        assert "hunter2" not in text
        assert "${env:TOKEN}" in text
    assert list(made.shown()) == list(FIELDS)
    msgspec.json.encode(made.shown())


@pytest.mark.parametrize(
    ("status", "fails", "ignores"),
    [(200, False, False), (429, True, False), (404, False, True), (500, True, False)],
)
def test_statuses_by_number_and_class(status: int, fails: bool, ignores: bool) -> None:
    made = endpoint(ignored_statuses=["404"])
    assert (made.fails(status), made.ignores(status)) == (fails, ignores)
