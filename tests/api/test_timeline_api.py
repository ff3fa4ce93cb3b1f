"""Timelines over HTTP: pages both ways, counts, spans, explanations, tasks, and no secrets."""

import logging
from typing import Any

import httpx2
import pytest

from fuseline.api.access.roles import Role
from fuseline.core.events import Result
from tests.api.asking import ask_raw, problem, refused
from tests.api.driving import agent
from tests.api.running import RunningApi
from tests.api.stream.sse import Sse
from tests.bridge.support import connected
from tests.bridge.tasks_support import Agent as Handler
from tests.bridge.tasks_support import handlers_of, working
from tests.servers import RealServer

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_pages_turn_both_ways_and_hold_what_was_done(tidy_api: RunningApi) -> None:
    a = await agent(tidy_api, "p1", failure_threshold=4)
    await a.producer.succeed(5)
    await a.producer.send(Result.TIMEOUT, Result.ABANDONED, Result.IGNORED, Result.NOT_SENT)
    await a.producer.fail(3)
    await a.until(state="open")
    path = "circuits/p1/timeline"
    whole = (await a.client.get(path, params={"limit": 500})).json()["items"]
    forth = await _turned(a.client, path, "after", "oldest")
    back = await _turned(a.client, path, "before", None)
    assert [one["id"] for one in forth] == [one["id"] for one in whole]
    assert sorted(one["id"] for one in back) == sorted(one["id"] for one in whole)
    counted = (await a.client.get(f"{path}/counts")).json()["buckets"]
    totals = {kind: sum(one[kind] for one in counted) for kind in ("success", "failure", "timeout")}
    assert totals == {"success": 5, "failure": 3, "timeout": 1}
    bands = (await a.client.get(f"{path}/bands")).json()["bands"]
    assert [one["state"] for one in bands] == ["closed", "open"]
    assert bands[0]["to_ms"] == bands[1]["from_ms"]
    (opened,) = [one for one in whole if one["kind"] == "transition"]
    for transition in (opened["id"], "1"):
        told = (await a.client.get("circuits/p1/explain", params={"transition": transition})).json()
        assert told["transition"]["cause"] == "consecutive_failures"
        assert told["events_total"] == 4
        assert told["complete"]
        assert told["settings"]["failure_threshold"] == 4


async def _turned(client: Any, path: str, way: str, start: str | None) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    place = start
    while True:
        query = {"limit": 4} | ({} if place is None else {way: place})
        page = (await client.get(path, params=query)).json()
        found += page["items"]
        place = page["older"] if way == "before" else page["newer"]
        if place is None or (way == "after" and not page["has_newer"]):
            return found


@pytest.mark.parametrize(
    ("path", "name", "values"),
    [
        ("timeline", "since", ("", "x", "NaN", "-1", str(2**70), "2024-01-01", "\x00")),
        ("timeline", "until", ("", "x", "1e308", str(2**60), "-5y")),
        ("timeline", "kinds", ("nope", "all,nope", "\u202e", "x" * 301)),
        ("timeline", "limit", ("0", "-1", "1.5", "NaN", "100000", str(2**70), "true", "")),
        ("timeline", "before", ("x", "\u00e4", "x" * 201, "1-1-1-1")),
        ("timeline", "after", ("x", "\u00e4", "x" * 201)),
        ("timeline", "sinze", ("1",)),
        ("timeline/counts", "bucket_ms", ("0", "-1", "1", "NaN", "1.5", str(2**63), str(2**70))),
        ("timeline/counts", "max_buckets", ("0", "-1", "100000", "x")),
        ("timeline/bands", "limit", ("0", "-1", "10000000", "x")),
        ("explain", "transition", ("", "x", "0", "-1", "1.5", "1-1-1", "\x00", "x" * 65)),
    ],
)
async def test_wrong_queries(
    tidy_api: RunningApi, path: str, name: str, values: tuple[str, ...]
) -> None:
    a = await agent(tidy_api, "q1")
    for value in values:
        answer = await a.client.get(f"circuits/q1/{path}", params={name: value})
        try:
            refused(answer, name)
        except AssertionError as error:
            raise AssertionError(f"{path}?{name}={value!r}: {error}") from error


async def test_ranges_of_any_size_are_answered(tidy_api: RunningApi) -> None:
    a = await agent(tidy_api, "r1")
    await a.producer.succeed(1)
    end = "253402300799999"
    for path in ("timeline", "timeline/counts", "timeline/bands"):
        for query in ({"since": "0", "until": end}, {"since": end}, {"until": "0"}):
            answer = await a.client.get(f"circuits/r1/{path}", params=query)
            assert answer.status_code in (200, 422), (path, query, answer.text)
    assert (await a.client.get("circuits/r1/state", params={"at": end})).status_code == 200
    problem(await a.client.get("circuits/nobody/timeline"), 404)
    answer = await a.client.get("circuits/r1/explain", params={"transition": "77"})
    problem(answer, 404)


async def test_tasks_are_handed_in_looked_at_and_waited_for(
    tidy_api: RunningApi, server: RealServer
) -> None:
    await agent(tidy_api, "worked")
    client = tidy_api.client(Role.OPERATOR)
    namespace = tidy_api.backend.keys.namespace_name
    body = {"agent": "worked", "payload": {"n": 1}, "task_id": "order-17"}
    made = await client.post("tasks", json=body)
    assert (made.status_code, made.headers["location"]) == (202, "/api/v1/tasks/order-17")
    assert (await client.post("tasks", json=body)).status_code == 200
    waiting = (await client.get("tasks/order-17", params={"wait_seconds": 0.05})).json()
    assert "result" not in waiting
    async with (
        connected(server.url, namespace, projector=False) as manager,
        working(manager, handlers_of(worked=Handler())),
    ):
        done = (await client.get("tasks/order-17", params={"wait_seconds": 10})).json()
    assert done["result"]["status"] == "succeeded"
    assert done["result"]["result"] == {"echo": {"n": 1}}
    problem(await client.get("tasks/none"), 404)


async def _streamed(api: RunningApi, client: httpx2.AsyncClient, token: str) -> list[str]:
    """The events of the stream from its snapshot to a change of an agent with secrets."""
    url = f"{api.url}/api/v1/stream"
    stream = await Sse.connect(url, headers={"Authorization": f"Bearer {token}"})
    told: list[str] = []
    try:
        await client.patch("agents/secretive", json={"headers": {"X-Key": "s3cret-15"}})
        word = {"mode": "forced_open", "reason": "a test"}
        assert (await client.post("circuits/secretive/override", json=word)).status_code == 200
        while not any("forced_open" in one for one in told):
            event = await stream.next()
            assert event is not None
            told.append(repr(event))
    finally:
        await stream.close()
    assert any("secretive" in one for one in told)
    return told


async def test_no_answer_and_no_log_holds_a_secret(
    tidy_api: RunningApi, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client, viewer = tidy_api.client(), tidy_api.client(Role.VIEWER)
    body = {
        "name": "secretive",
        "url": "https://a.example/ask?key=s3cret-1",
        "headers": {"Authorization": "Bearer s3cret-2", "X-Key": "s3cret-3"},
        "options": {"api_key": "s3cret-4"},
    }
    answers = [await client.post("agents", json=body)]
    for wrong in (
        {"headers": {"X-Key": "s3cret-5\n"}},
        {"headers": "X-Key: s3cret-6"},
        {"headers": ["s3cret-7"]},
        {"url": "https://u:s3cret-8@a.example/"},
        {"url": "https://a b/?key=s3cret-9"},
        {"options": "s3cret-10"},
        {"apikey": "s3cret-11"},
        {"circuit_breaker_config": {"x": "s3cret-12"}},
    ):
        for method in ("PATCH", "PUT"):
            answer = await client.request(method, "agents/secretive", json=wrong)
            problem(answer, 422)
            answers.append(answer)
    changed = {"headers": {"X-Key": "s3cret-13"}, "options": {"api_key": "s3cret-14"}}
    answers.append(await client.patch("agents/secretive", json=changed))
    for path in (
        "agents", "agents/secretive", "circuits", "circuits/secretive", "tokens", "openapi.json",
        "circuits/secretive/timeline", "circuits/secretive/state?at=-1ms", "metrics", "me",
        "agents?search=s3cret",
    ):  # fmt: skip
        answers += [await client.get(path), await viewer.get(path)]
    token = tidy_api.tokens[Role.ADMIN]
    streamed = await _streamed(tidy_api, client, token)
    answers.append(await client.get("agents", params={"token": token}))
    raw = await ask_raw(tidy_api.url, "/agents?x=1", f"Authorization: Bearer {token}x".encode())
    # Not those of the client, which runs in this process too.
    logged = [one.getMessage() for one in caplog.records if one.name.startswith("fuseline")]
    texts = [one.text for one in answers] + [raw.body.decode(), *logged, *streamed]
    assert not [text for text in texts if "s3cret-" in text]
    assert not [text for text in texts if token[-43:] in text or "$argon2" in text]
