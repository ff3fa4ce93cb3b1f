"""Bodies that are wrong: refused with the field, the value and what is allowed; nothing is kept."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any

import httpx2
import msgspec
import pytest

from fuseline.bridge.tasks.model import check_attempts, check_deadline
from fuseline.core.config import RULES
from fuseline.core.endpoint import RULES as ENDPOINT_RULES
from fuseline.core.errors import ConfigError
from fuseline.core.retry_policy import RETRY_RULES
from fuseline.core.rules import Rule, rules_of
from fuseline.schemas.access import TokenCreate
from fuseline.schemas.circuits import Override
from fuseline.schemas.tasks import TaskSubmit
from tests.api.asking import problem, refused
from tests.api.running import RunningApi

pytestmark = pytest.mark.asyncio(loop_scope="module")

URL = "https://agent.example/ask"
HUGE = 2**70
SETTINGS: dict[str, Rule] = {
    **{f"circuit_breaker_config.{name}": rule for name, rule in RULES.items()},
    **{name: rule for name, rule in ENDPOINT_RULES.items() if name != "url"},
    **{f"retry.{name}": rule for name, rule in RETRY_RULES.items()},
}
WRONG_NAMES = (
    "", " ", ".", "..", "../x", "a/b", "a\\b", "a b", "%2e%2e", "%2F", "a..b", "-a", "a-", "A",
    "a" * 101, "ä", "\u0430", "\u202eabc", "a\x00b", "a\nb", "a{b}", "a:b", "\ufeffa", "a\u200d",
    0, True, 1.5, [], {}, ["a"], HUGE,
)  # fmt: skip


def wrong_values(rule: Rule) -> Iterator[Any]:
    """Values that no field under this rule may take."""
    yield from ([], {}, [1], {"a": 1})
    if rule.kind is bool:
        yield from (0, 1, -1, "true", "", 1e308, HUGE)
    elif rule.kind in (int, float):
        yield from (True, False, "5", "", "\u0665", "NaN", HUGE, -HUGE, 1e308, -1e308)
        low, high = rule.minimum, rule.maximum
        yield rule.above if low is None else low - 1e-9
        assert high is not None
        yield high + (1 if rule.kind is int else high * 1e-9)
        if rule.kind is int:
            yield from (1.5, 1e-9)
    else:
        yield from (
            0,
            -1,
            True,
            1.5,
            1e308,
            HUGE,
            "",
            "no such word",
            "\u202e",
            "a\x00",
            "x" * 5000,
        )
        if issubclass(rule.kind, StrEnum):
            yield from (word.upper() for word in rule.kind)


def body_with(path: str, value: Any) -> dict[str, Any]:
    group, _, name = path.rpartition(".")
    return {group: {name: value}} if group else {name: value}


async def test_wrong_settings_of_an_agent_are_refused_and_change_nothing(
    tidy_api: RunningApi,
) -> None:
    client = tidy_api.client()
    made = await client.post("agents", json={"name": "there", "url": URL})
    assert made.status_code == 201
    wrong = {path: list(wrong_values(rule)) for path, rule in SETTINGS.items()}
    for turn in range(max(map(len, wrong.values()))):
        sent = {path: values[turn % len(values)] for path, values in wrong.items()}
        await all_refused(client, sent)
    sent = {path: None for path, rule in SETTINGS.items() if not rule.nullable}
    await all_refused(client, sent, patched=False)  # in a patch it means: back to the default
    assert (await client.get("agents")).json()["items"] == [made.json()]


async def all_refused(
    client: httpx2.AsyncClient, sent: dict[str, Any], *, patched: bool = True
) -> None:
    """Each of these values is refused by its path, in a new agent, a replaced and a patched one."""
    body: dict[str, Any] = {}
    for path, value in sent.items():
        group, _, name = path.rpartition(".")
        (body.setdefault(group, {}) if group else body)[name] = value
    answers = [
        await client.post("agents", json={"name": "new", "url": URL} | body),
        await client.put("agents/there", json={"url": URL} | body),
    ]
    if patched:
        answers.append(await client.patch("agents/there", json=body))
    for answer in answers:
        for path, value in sent.items():
            told = refused(answer, path)
            assert told["value"] == value or isinstance(value, str | list | dict), (value, told)
            assert isinstance(value, bool) == isinstance(told["value"], bool)


async def test_the_settings_at_their_bounds_are_taken(tidy_api: RunningApi) -> None:
    client = tidy_api.client()
    await client.post("agents", json={"name": "a", "url": URL})
    numbers = {path: rule for path, rule in SETTINGS.items() if rule.kind in (int, float)}
    for side in ("minimum", "maximum"):
        body: dict[str, Any] = {"url": URL, "retry": {}, "circuit_breaker_config": {}}
        for path, rule in numbers.items():
            bound = getattr(rule, side)
            group, _, name = path.rpartition(".")
            (body[group] if group else body)[name] = rule.kind(1e-9 if bound is None else bound)
        answer = await client.put("agents/a", json=body)
        assert answer.status_code == 200, answer.text
        assert {name: answer.json()[name] for name in body} == body


@pytest.mark.parametrize("name", WRONG_NAMES, ids=lambda name: ascii(name)[:20])
async def test_a_wrong_name_is_refused(tidy_api: RunningApi, name: Any) -> None:
    client = tidy_api.client()
    told = refused(await client.post("agents", json={"name": name, "url": URL}), "name")
    assert "letters" in told["allowed"]
    assert (await client.get("agents")).json()["total"] == 0


async def test_the_other_members_of_an_agent(tidy_api: RunningApi) -> None:
    client = tidy_api.client()
    made = await client.post("agents", json={"name": "there", "url": URL})
    cases: list[tuple[str, dict[str, Any]]] = [
        ("description", {"description": value})
        for value in (0, True, [], {}, HUGE, "\x00", "\u202eabc", "a\x1bb", "x" * 1001)
    ]
    cases += [
        ("tags", {"tags": value})
        for value in (0, True, "a", {}, ["a", "a"], [str(n) for n in range(33)])
    ]
    cases += [
        ("tags[0]", {"tags": [value]})
        for value in (0, True, None, "", " ", "a b", "\u202e", "x" * 65, [])
    ]
    cases += [
        ("url", {"url": value})
        for value in (
            0, True, [], {}, HUGE, "", "x", "ftp://a/b", "file:///etc/passwd", "http://", "//a",
            "http://a b/", "http://a/#x", "http://u:p@a/", "http://a:99999/", "http://a:0/",
            "http://a\n/", "http://a/\x00", "javascript:alert(1)", "http://[::1/", "h" * 3000,
        )
    ]  # fmt: skip
    cases += [("headers", {"headers": value}) for value in (0, True, "a: b", ["a: b"])]
    cases += [
        ("headers", {"headers": {name: "x"}}) for name in ("", "a b", "ä", "a\r\nb", "Host", "a:")
    ]
    cases += [
        ("headers.X-A", {"headers": {"X-A": value}})
        for value in (0, True, [], "a\r\nX-B: c", "\x00", "ä", "${env:}", "${file:x}", "x" * 9000)
    ]
    cases += [
        (f"{name}[0]", {name: [value]})
        for name in ("failure_statuses", "ignored_statuses")
        for value in (0, True, None, "", "600", "6xx", "50x", "5xx\n", -1, [], HUGE)
    ]
    cases += [
        (name, {name: value})
        for name in ("failure_statuses", "ignored_statuses")
        for value in (0, True, "5xx", {})
    ]
    cases += [("options", {"options": value}) for value in (0, True, "x", [], {"a": "x" * 20_000})]
    cases += [("options.a", {"options": {"a": HUGE}})]
    cases += [("retry", {"retry": value}) for value in (0, True, "x", [])]
    cases += [
        ("circuit_breaker_config", {"circuit_breaker_config": value}) for value in (0, "x", [])
    ]
    cases += [
        (f"{group}x", body_with(f"{group}x", 1))
        for group in ("", "retry.", "circuit_breaker_config.")
    ]
    cases += [("revision", {"revision": 7}), ("updated_by", {"updated_by": "me"})]
    while cases:  # in each turn every member at most once
        turn: dict[str, dict[str, Any]] = {}
        members: dict[str, Any] = {}
        for path, body in list(cases):
            if not members.keys() & body.keys():
                members |= body
                turn[path] = body
                cases.remove((path, body))
        for answer in (
            await client.post("agents", json={"name": "new", "url": URL} | members),
            await client.put("agents/there", json={"url": URL} | members),
            await client.patch("agents/there", json=members),
        ):
            for path, body in turn.items():
                try:
                    refused(answer, path)
                except AssertionError as error:
                    raise AssertionError(f"{path} {ascii(body)[:200]}: {error}") from error
    assert (await client.get("agents")).json()["items"] == [made.json()]


OPERATIONS: dict[str, tuple[str, type[msgspec.Struct], dict[str, Any]]] = {
    "override": (
        "circuits/there/override",
        Override,
        {"mode": "forced_open", "reason": "r"},
    ),
    "task": ("tasks", TaskSubmit, {"agent": "there", "payload": 1}),
    "token": ("tokens", TokenCreate, {"name": "n", "role": "viewer"}),
}
FREE = {("token", "name"), ("task", "agent"), ("override", "reason")}
"""Texts, of which most are allowed."""


@pytest.mark.parametrize("operation", OPERATIONS)
async def test_wrong_fields_of_other_bodies(tidy_api: RunningApi, operation: str) -> None:
    client = tidy_api.client()
    await client.post("agents", json={"name": "there", "url": URL})
    path, kind, good = OPERATIONS[operation]
    rules = rules_of(kind)
    assert set(rules) | {"payload"} >= set(kind.__struct_fields__)
    before = [await client.get(one) for one in ("tokens", "circuits/there/timeline")]
    for name, rule in rules.items():
        values = list(wrong_values(rule))
        if (operation, name) in FREE:
            values = [one for one in values if not isinstance(one, str)] + ["", "\x00", "x" * 501]
        for value in [*values, *([] if rule.nullable else [None])]:
            answer = await client.post(path, json=good | {name: value})
            told = refused(answer, name)
            assert isinstance(value, bool) == isinstance(told["value"], bool)
        if name in good:
            told = refused(
                await client.post(path, json={n: v for n, v in good.items() if n != name}), name
            )
            assert "must be there" in told["allowed"]
    told = refused(await client.post(path, json=good | {"tokn": "fl_secret"}), "tokn")
    assert told["value"] == "***"
    after = [await client.get(one) for one in ("tokens", "circuits/there/timeline")]
    assert [one.json()["items"] for one in before] == [one.json()["items"] for one in after]


async def test_the_bounds_of_tasks_are_those_of_the_queues() -> None:
    rules = rules_of(TaskSubmit)
    for name, check in (("max_attempts", check_attempts), ("deadline_seconds", check_deadline)):
        rule = rules[name]
        for bound, step in ((rule.minimum, -1), (rule.maximum, 1)):
            assert bound is not None
            assert check(bound)  # type: ignore[operator]
            with pytest.raises(ConfigError):
                check(bound + step)  # type: ignore[operator]


async def test_what_does_not_go_together_in_an_override(tidy_api: RunningApi) -> None:
    client = tidy_api.client()
    await client.post("agents", json={"name": "there", "url": URL})
    path = "circuits/there/override"
    auto = {"mode": "auto", "reason": "r"}
    refused(await client.post(path, json=auto | {"expires_in_seconds": 5}), "expires_in_seconds")
    forced = {"mode": "forced_open", "reason": "r"}
    refused(await client.post(path, json=forced | {"reset": True}), "reset")
    for reason in (" ", "a\nb", "\u202e", "\x00"):
        refused(await client.post(path, json=forced | {"reason": reason}), "reason")
    assert (await client.get("circuits/there")).json()["circuit"]["mode"] == "auto"


async def test_a_wrong_login_tells_nothing_of_the_token(tidy_api: RunningApi) -> None:
    client = tidy_api.client(None)
    secret = "fl_abcdefghijkl_" + "s3cret" * 8
    wrong: list[Any] = [[secret], {"token": secret}, 5, None, True, HUGE, secret * 10]
    for value in wrong:
        answer = await client.post("session", json={"token": value})
        assert refused(answer, "token")["value"] == "***"
        assert "s3cret" not in answer.text
    for body in ({}, {"tokens": secret}, {secret: 1, "token": "x"}):
        problem(await client.post("session", json=body), 422)
    assert "set-cookie" not in (await client.post("session", json={"token": ""})).headers


BODIES: dict[str, tuple[bytes, int]] = {
    "nothing": (b"", 400),
    "blanks": (b"  ", 400),
    "half": (b'{"name":', 400),
    "words behind": (b'{"name":"new"} x', 400),
    "a list": (b"[]", 400),
    "a text": (b'"x"', 400),
    "null": (b"null", 400),
    "NaN": (b'{"name":"new","circuit_breaker_config":{"timeout_seconds":NaN}}', 400),
    "Infinity": (b'{"name":"new","circuit_breaker_config":{"timeout_seconds":Infinity}}', 400),
    "-Infinity": (b'{"name":"new","timeout_seconds":-Infinity}', 400),
    "beyond a float": (b'{"name":"new","timeout_seconds":1e999}', 400),
    "digits": (b'{"name":"new","timeout_seconds":' + b"9" * 5000 + b"}", 400),
    "many digits": (b'{"name":"new","timeout_seconds":' + b"9" * 4000 + b"}", 422),
    "no UTF-8": (b'{"name":"new\xff"}', 400),
    "UTF-16": ('{"name":"new"}'.encode("utf-16"), 400),
    "lone surrogate": (b'{"name":"new\\ud800"}', 400),
    "BOM": (b'\xef\xbb\xbf{"name":"new"}', 400),
    "twice": (b'{"name":"new","name":"new"}', 422),
    "twice inside": (b'{"name":"new","retry":{"max_attempts":1,"max_attempts":2}}', 422),
    "deep list": (b'{"name":' + b"[" * 100_000 + b"]" * 100_000 + b"}", 400),
    "deep object": (b'{"a":' * 1000 + b"1" + b"}" * 1000, 400),
    "deep options": (b'{"name":"new","options":' + b'{"a":' * 40 + b"1" + b"}" * 41, 400),
    "10 MB": (b'{"name":"new","description":"' + b"x" * 10_000_000 + b'"}', 413),
    "form": (b"name=new", 400),
}


@pytest.mark.parametrize("name", BODIES)
async def test_a_body_that_is_no_document(tidy_api: RunningApi, name: str) -> None:
    client = tidy_api.client(**{"Content-Type": "application/json"})
    body, status = BODIES[name]
    for method, path in (("POST", "agents"), ("POST", "tasks"), ("POST", "session")):
        try:
            answer = await client.request(method, path, content=body)
        except (httpx2.WriteError, httpx2.ReadError):
            assert status == 413  # it hung up before it had read all
            continue
        problem(answer, status, 422)
        assert len(answer.content) < 20_000
    assert (await client.get("agents")).json()["total"] == 0


@pytest.mark.parametrize(
    ("kind", "coding"),
    [
        ("", ""),
        ("text/plain", ""),
        ("application/xml", ""),
        ("application/x-www-form-urlencoded", ""),
        ("multipart/form-data; boundary=x", ""),
        ("application/json/x", ""),
        ("\xe4", ""),
        ("application/json", "gzip"),
        ("application/json", "deflate, gzip"),
        ("application/json", "br"),
    ],
)
async def test_other_kinds_of_bodies(tidy_api: RunningApi, kind: str, coding: str) -> None:
    headers = {"Content-Type": kind.encode("latin-1"), "Content-Encoding": coding.encode()}
    sent = {name: value for name, value in headers.items() if value}
    client = tidy_api.client()
    for path in ("agents", "tasks", "tokens", "session", "circuits/x/override"):
        answer = await client.post(path, content=b'{"name":"new"}', headers=sent)
        problem(answer, 415)
    assert (await client.get("agents")).json()["total"] == 0
