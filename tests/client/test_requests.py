"""Requests that meet trouble: what is asked again, what callers get, what stays hidden."""

import asyncio
import contextlib
import logging
import re
from time import monotonic
from typing import Any

import pytest

from fuseline.api.access.roles import Role
from fuseline.client import (
    ApiError,
    Conflict,
    Forbidden,
    FuselineClient,
    InvalidInput,
    NotAuthenticated,
    NotFound,
    PreconditionFailed,
    TooManyAttempts,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
)
from tests.api.running import RunningApi, running_api
from tests.client.support import answer, relayed, scripted

HEALTHY = answer("200 OK", '{"status":"ok","reason":null}')
PROBLEM = '{"type":"urn:x","title":"T","status":1,"detail":"D","instance":"/","request_id":"r-1"}'


def asking(url: str, **values: Any) -> FuselineClient:
    return FuselineClient(url, token="fl_secret", **values)


async def test_what_changes_nothing_is_asked_again_when_the_connection_breaks() -> None:
    async with scripted(b"", b"", HEALTHY) as server, asking(server.url) as client:
        assert (await client.health()).status == "ok"
        assert len(server.requests) == 3


async def test_a_503_is_asked_again_and_not_before_retry_after() -> None:
    away = answer("503 Service Unavailable", PROBLEM, "Retry-After: 1")
    async with scripted(away, HEALTHY) as server, asking(server.url) as client:
        begin = monotonic()
        assert (await client.health()).status == "ok"
        assert monotonic() - begin >= 1
        assert len(server.requests) == 2


async def test_asking_again_ends_after_the_attempts() -> None:
    async with scripted() as server, asking(server.url, attempts=3) as client:
        with pytest.raises(Unreachable):
            await client.health()
        assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("reply", "error"),
    [(b"", Unreachable), (answer("503 Service Unavailable", PROBLEM), Unavailable)],
)
async def test_what_may_have_been_done_is_never_asked_again(
    reply: bytes, error: type[Exception]
) -> None:
    async with scripted(reply, reply) as server, asking(server.url) as client:
        with pytest.raises(error):
            await client.agents.create({"name": "a"})
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidInput),
        (401, NotAuthenticated),
        (403, Forbidden),
        (404, NotFound),
        (409, Conflict),
        (412, PreconditionFailed),
        (413, InvalidInput),
        (415, InvalidInput),
        (418, ApiError),
        (422, InvalidInput),
        (429, TooManyAttempts),
        (500, ApiError),
        (503, Unavailable),
    ],
)
async def test_each_status_has_its_error_with_the_problem(
    status: int, error: type[ApiError]
) -> None:
    reply = answer(f"{status} X", PROBLEM, "Retry-After: 7", kind="application/problem+json")
    async with scripted(reply) as server, asking(server.url, attempts=1) as client:
        with pytest.raises(ApiError) as caught:
            await client.me()
        assert type(caught.value) is error
        assert caught.value.status == status
        assert (caught.value.request_id, caught.value.retry_after_seconds) == ("r-1", 7.0)
        assert str(caught.value) == "T: D (request r-1)"


async def test_the_error_of_something_in_between_is_told_too() -> None:
    reply = answer("502 Bad Gateway", "<h1>no upstream</h1>", kind="text/html")
    async with scripted(reply) as server, asking(server.url) as client:
        with pytest.raises(ApiError, match=r"Bad Gateway: <h1>no upstream</h1>") as caught:
            await client.me()
        assert caught.value.status == 502


@pytest.mark.parametrize(
    "reply",
    [
        answer("200 OK", "<h1>hello</h1>", kind="text/html"),
        answer("200 OK", '{"name":"a"}'),
        answer("200 OK", '{"status":3}'),
        answer("302 Found", "", "Location: /elsewhere"),
        answer("206 Partial Content", '{"status":"ok"}'),
    ],
)
async def test_an_answer_of_something_else_is_unexpected(reply: bytes) -> None:
    async with scripted(reply) as server, asking(server.url) as client:
        with pytest.raises(UnexpectedAnswer, match="getHealth"):
            await client.health()


async def test_members_of_a_newer_release_are_passed_over() -> None:
    reply = answer("200 OK", '{"status":"ok","mood":"good"}')
    async with scripted(reply) as server, asking(server.url) as client:
        assert (await client.health()).status == "ok"


async def test_an_api_that_is_silent_is_not_waited_for_longer_than_told(api: RunningApi) -> None:
    token = api.tokens[Role.VIEWER]
    async with (
        relayed(api.url) as relay,
        FuselineClient(relay.url, token=token, timeout_seconds=0.3) as hasty,
        FuselineClient(relay.url, token=token) as patient,
    ):
        relay.hold()
        begin = monotonic()
        with pytest.raises(Unreachable):
            await hasty.me()
        assert monotonic() - begin < 5
        relay.release()
        assert (await patient.me()).name == "viewer-of-test"


async def test_an_answer_that_trickles_in_is_cut_off_too() -> None:
    ended = asyncio.Event()

    async def trickle(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
            while True:
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.transport.abort()
        ended.set()

    async with await asyncio.start_server(trickle, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with asking(url, timeout_seconds=0.5) as client:
            with pytest.raises(Unreachable, match=r"no answer from .* within 0\.5 s"):
                await client.health()
        await ended.wait()


async def test_nobody_there(api: RunningApi) -> None:
    async with asking("http://127.0.0.1:1", attempts=2) as client:
        with pytest.raises(Unreachable, match=r"http://127\.0\.0\.1:1 cannot be reached"):
            await client.health()


async def test_a_wait_for_a_task_may_last_longer_than_other_answers(api: RunningApi) -> None:
    token = api.tokens[Role.ADMIN]
    async with FuselineClient(api.url, token=token, timeout_seconds=2.0, attempts=1) as client:
        await client.agents.create({"name": "nobody-calls-it"})
        task = await client.tasks.submit("nobody-calls-it", 1)
        begin = monotonic()
        assert (await client.tasks.get(task.task, wait_seconds=2.5)).state == "queued"
        assert monotonic() - begin >= 2.5
        with pytest.raises(TimeoutError, match=r"has no result after 0\.2 s; it is queued"):
            await client.run("nobody-calls-it", 1, wait_seconds=0.2)


async def test_refusals_of_a_real_api(api: RunningApi, client: FuselineClient) -> None:
    made = await client.agents.create({"name": "a"})
    with pytest.raises(Conflict):
        await client.agents.create({"name": "a"})
    await client.agents.change("a", {"description": "x"}, revision=made.revision)
    with pytest.raises(PreconditionFailed):
        await client.agents.change("a", {"description": "y"}, revision=made.revision)
    with pytest.raises(PreconditionFailed):
        await client.agents.delete("a", reason="x", revision=made.revision)
    with pytest.raises(InvalidInput) as caught:
        await client.agents.change("a", {"circuit_breaker_config": {"failure_threshold": 0}})
    assert [error.field for error in caught.value.errors] == [
        "circuit_breaker_config.failure_threshold"
    ]
    assert caught.value.errors[0].value == 0
    with pytest.raises(NotFound):
        await client.circuits.get("nobody/../../me")
    async with FuselineClient(api.url, token=api.tokens[Role.VIEWER]) as viewer:
        with pytest.raises(Forbidden):
            await viewer.circuits.force_open("a", "because")
    async with FuselineClient(api.url) as nobody:
        with pytest.raises(NotAuthenticated):
            await nobody.me()


async def test_without_tokens_on_this_machine_changes_are_let_pass_too(
    redis_url: str, namespace: str
) -> None:
    async with (
        running_api(redis_url, namespace, local_mode=True) as api,
        FuselineClient(api.url) as client,
    ):
        assert (await client.me()).kind == "local"
        assert (await client.agents.create({"name": "a"})).updated_by == "local"


async def test_no_token_is_logged_or_shown(
    api: RunningApi, client: FuselineClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = await client.tokens.create("x", Role.VIEWER)
    await client.session.log_in()
    await client.me()
    await client.session.log_out()
    with pytest.raises(NotFound) as caught:
        await client.agents.get("nobody")
    seen = [record.getMessage() for record in caplog.records]
    assert any("HTTP Request" in line for line in seen)
    for secret in (api.tokens[Role.ADMIN], made.text):
        shown = "\n".join([*seen, repr(client), str(caught.value), repr(caught.value)])
        assert secret not in shown
    assert re.fullmatch(
        r"FuselineClient\(Target\(url='http://[^']+', token='\*\*\*'\)\)", repr(client)
    )
