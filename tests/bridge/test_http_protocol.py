"""Plain HTTP against real agents, good and bad: what each manner counts as."""

import json

import pytest

from fuseline import CircuitBreakerManager
from tests.bridge.agents import manners
from tests.bridge.agents.manners import answers, reply, sends
from tests.bridge.agents.server import Manners, agent_at
from tests.bridge.executor_support import scene
from tests.waiting import eventually


async def test_payload_and_answer_are_json(manager: CircuitBreakerManager) -> None:
    payload = {"order": 17, "text": "grüße \u2028", "items": [1.5, None, True]}
    async with scene(manager, manners.echoes) as s:
        found = await s.executor.call("a", payload)
        assert (found.result, found.status) == (payload, 200)
        request = s.agent.requests[0]
        assert (request.method, request.target) == ("POST", "/agent")
        assert request.headers["content-type"] == "application/json"
        assert request.json == payload
        assert await s.ends() == [("SUCCESS", "")]


async def test_an_empty_answer_of_status_204_is_null(manager: CircuitBreakerManager) -> None:
    async with scene(manager, sends(b"HTTP/1.1 204 No Content\r\n\r\n")) as s:
        assert await s.call() is None
        assert await s.ends() == [("SUCCESS", "")]


async def test_a_compressed_answer_is_read(manager: CircuitBreakerManager) -> None:
    async with scene(manager, manners.compresses({"a": "b" * 5000})) as s:
        assert await s.call() == {"a": "b" * 5000}


# what the agent does, kind of the failure, whether the agent may have seen the request
BAD: list[tuple[str, Manners, str]] = [
    ("no json", manners.no_json, "malformed"),
    ("nothing", sends(reply(b"")), "malformed"),
    ("a number too much", sends(reply(b"1 2")), "malformed"),
    ("not a number", sends(reply(b"NaN")), "malformed"),
    ("no utf-8", sends(reply(b'"\xff"')), "malformed"),
    ("nested too deeply", sends(reply(b"[" * 100_000)), "malformed"),
    ("no HTTP", manners.garbage, "malformed"),
    ("cut short", manners.cut_short(), "malformed"),
    ("cut in a chunk", manners.streams([b'{"a":'], "application/json", ends=False), "malformed"),
    ("too long a body", sends(reply(b'{"a": 1}', headers={"Content-Length": "4"})), "malformed"),
    ("no gzip", sends(reply(b"{}", headers={"Content-Encoding": "gzip"})), "malformed"),
    ("reset", manners.resets, "connection_lost"),
    ("hangs up", manners.hangs_up, "connection_lost"),
    ("redirect", manners.redirects("http://127.0.0.1:1/"), "http_307"),
    ("429", answers({}, 429), "http_429"),
    ("500", answers({}, 500), "http_500"),
    ("503", answers({}, 503), "http_503"),
]


@pytest.mark.parametrize(("manner", "kind"), [b[1:] for b in BAD], ids=[b[0] for b in BAD])
async def test_bad_answers_are_failures_of_their_kind(
    manager: CircuitBreakerManager, manner: Manners, kind: str
) -> None:
    async with scene(manager, manner) as s:
        error = await s.error()
        assert error.sent
        assert await s.ends() == [("FAILURE", kind)]


@pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
async def test_other_statuses_of_the_caller_are_successes_of_the_agent(
    manager: CircuitBreakerManager, status: int
) -> None:
    async with scene(manager, answers({"error": "no such order"}, status)) as s:
        error = await s.error()
        assert error.status == status
        assert "no such order" in str(error)
        assert await s.ends() == [("SUCCESS", "")]


async def test_an_error_spares_the_connection(manager: CircuitBreakerManager) -> None:
    async with scene(manager, answers({"error": "x"}, 404)) as s:
        for _ in range(5):
            await s.error()
        assert s.agent.connections == 1


async def test_status_classes_can_be_chosen(manager: CircuitBreakerManager) -> None:
    turns = [answers({}, status) for status in (404, 503, 500, 200)]
    async with scene(
        manager,
        manners.in_turn(*turns),
        failure_statuses=["404", "5xx", 200],
        ignored_statuses=["503"],
    ) as s:
        for _ in turns:
            await s.error()
        assert await s.ends() == [
            ("FAILURE", "http_404"),
            ("IGNORED", "http_503"),
            ("FAILURE", "http_500"),
            ("FAILURE", "http_200"),
        ]


async def test_retry_after_stands_in_the_event(manager: CircuitBreakerManager) -> None:
    dates = {
        "Date": "Tue, 24 Nov 2026 10:00:00 GMT",
        "Retry-After": "Tue, 24 Nov 2026 10:01:30 GMT",
    }
    turns = [answers({}, 503, {"Retry-After": "7"}), answers({}, 429, dates)]
    async with scene(manager, manners.in_turn(*turns)) as s:
        await s.error()
        await s.error()
        assert [o.retry_after_ms for o in await s.outcomes()] == [7000, 90_000]


async def test_redirects_are_not_followed(manager: CircuitBreakerManager) -> None:
    async with agent_at(answers("the wrong one")) as other:
        async with scene(manager, manners.redirects(other.url)) as s:
            assert "redirects are not followed" in str(await s.error())
        assert not other.requests


async def test_cookies_of_one_call_are_not_sent_with_the_next(
    manager: CircuitBreakerManager,
) -> None:
    async with scene(manager, answers(1, headers={"Set-Cookie": "session=alice"})) as s:
        await s.call()
        await s.call()
        assert "cookie" not in s.agent.requests[1].headers


# --- sizes ---


async def test_a_declared_size_beyond_the_limit_is_refused_at_once(
    manager: CircuitBreakerManager,
) -> None:
    async with scene(manager, sends(reply(b'"' + b"x" * 98 + b'"')), max_response_bytes=99) as s:
        await s.error()
        assert await s.ends() == [("FAILURE", "too_large")]


async def test_an_answer_of_just_the_limit_is_read(manager: CircuitBreakerManager) -> None:
    async with scene(manager, sends(reply(b'"' + b"x" * 98 + b'"')), max_response_bytes=100) as s:
        assert await s.call() == "x" * 98


async def test_a_body_without_end_is_cut_off(manager: CircuitBreakerManager) -> None:
    async with scene(manager, manners.endless, max_response_bytes=1 << 20) as s:
        await s.error()
        assert await s.ends() == [("FAILURE", "too_large")]
        await eventually(lambda: s.agent.open == 0)


async def test_a_gzip_bomb_is_cut_off_by_what_it_becomes(manager: CircuitBreakerManager) -> None:
    bomb = manners.bomb(megabytes=64)
    async with scene(manager, bomb, max_response_bytes=1 << 20) as s:
        await s.error()
        assert await s.ends() == [("FAILURE", "too_large")]


# --- streams ---


@pytest.mark.parametrize("size", [1, 3, 7, 1000])
async def test_lines_are_parts_however_they_are_cut(
    manager: CircuitBreakerManager, size: int
) -> None:
    values = [{"n": 1}, "\u2028 ü", [1, 2], None, 5]
    raw = "\n".join(json.dumps(v, ensure_ascii=False) for v in values).encode() + b"\r\n\n"
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    async with scene(manager, manners.streams(pieces)) as s:
        assert await s.parts() == values
        assert await s.ends() == [("SUCCESS", "")]


@pytest.mark.parametrize("size", [1, 4, 1000])
async def test_events_are_parts(manager: CircuitBreakerManager, size: int) -> None:
    raw = (
        b': hello\n\nevent: delta\ndata: {"n": 1}\n\nid: 7\ndata: [1,\ndata: 2]\n\n'
        b'data: "ende"\r\n\r\ndata: [DONE]\n\ndata: "too late"\n\n'
    )
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    async with scene(manager, manners.streams(pieces, "text/event-stream; charset=utf-8")) as s:
        assert await s.parts() == [{"n": 1}, [1, 2], "ende"]
        assert "text/event-stream" in s.agent.requests[0].headers["accept"]
        assert await s.ends() == [("SUCCESS", "")]


async def test_an_answer_that_is_no_stream_is_one_part(manager: CircuitBreakerManager) -> None:
    async with scene(manager, sends(reply(b"[1,\n2]", headers=manners.JSON))) as s:
        assert await s.parts() == [[1, 2]]


@pytest.mark.parametrize("media", ["application/x-ndjson", "text/event-stream"])
async def test_a_stream_that_breaks_off_is_malformed(
    manager: CircuitBreakerManager, media: str
) -> None:
    piece = b'data: {"n": 1}\n\n' if media == "text/event-stream" else b'{"n": 1}\n'
    async with scene(manager, manners.streams([piece], media, ends=False)) as s:
        await s.stream_error()
        assert await s.ends() == [("FAILURE", "malformed")]


@pytest.mark.parametrize("media", ["application/x-ndjson", "text/event-stream"])
async def test_a_part_that_is_no_json_is_malformed(
    manager: CircuitBreakerManager, media: str
) -> None:
    async with scene(manager, manners.streams([b"data: {no}\n\n"], media)) as s:
        await s.stream_error()
        assert await s.ends() == [("FAILURE", "malformed")]


@pytest.mark.parametrize("media", ["application/x-ndjson", "text/event-stream"])
async def test_a_stream_is_limited_as_a_whole(manager: CircuitBreakerManager, media: str) -> None:
    piece = b'data: "%s"\n\n' if media == "text/event-stream" else b'"%s"\n'
    pieces = [piece % (b"x" * 300)] * 5
    async with scene(manager, manners.streams(pieces, media), max_response_bytes=1000) as s:
        await s.stream_error()
        assert await s.ends() == [("FAILURE", "too_large")]


async def test_a_line_without_end_is_cut_off(manager: CircuitBreakerManager) -> None:
    async with scene(manager, manners.endless, max_response_bytes=1 << 20) as s:
        await s.stream_error()
        assert await s.ends() == [("FAILURE", "too_large")]


async def test_a_status_ends_a_stream_before_it_begins(manager: CircuitBreakerManager) -> None:
    async with scene(manager, answers({}, 503, {"Retry-After": "3"})) as s:
        assert (await s.stream_error()).status == 503
        (outcome,) = await s.outcomes()
        assert (outcome.failure_kind, outcome.retry_after_ms) == ("http_503", 3000)
