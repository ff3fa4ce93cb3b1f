"""Transports for HTTP clients: what counts, when it counts, and what an open circuit raises."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from fuseline import (
    CircuitBreakerManager,
    ConfigError,
    Result,
)
from tests.bridge.agents import manners as m
from tests.bridge.agents.server import Manners, Request, agent_at
from tests.integrations.clients import Open
from tests.integrations.support import PATIENT, ends
from tests.waiting import eventually

ANSWERS = {
    "SUCCESS": [
        m.answers(1),
        m.answers(1, 404),
        m.answers(1, 400),
        m.sends(m.reply(b"", 204)),
        m.streams([b"1\n", b"2\n"]),
    ],
    "FAILURE http_500": [m.answers(1, 500)],
    "FAILURE http_429": [m.answers(1, 429)],
}


async def test_answers_count_by_their_status(
    manager: CircuitBreakerManager, open_any: Open
) -> None:
    client = await open_any()
    turns = [manners for group in ANSWERS.values() for manners in group]
    async with agent_at(m.in_turn(*turns)) as agent:
        for _ in turns:
            await client.status(agent.url)
    expected = [count for count, group in ANSWERS.items() for _ in group]
    assert [" ".join(end).strip() for end in await ends(manager, "a")] == expected


BROKEN = {
    "reset": (m.resets, {"connection_lost"}),
    "hangs_up": (m.hangs_up, {"connection_lost"}),
    "garbage": (m.garbage, {"malformed"}),
    "cut_short": (m.cut_short(), {"connection_lost", "malformed"}),
    "stream_breaks": (m.streams([b"1\n"], ends=False), {"connection_lost", "malformed"}),
}


async def test_broken_connections_are_failures(
    manager: CircuitBreakerManager, open_any: Open
) -> None:
    client = await open_any(agent_of=lambda request: request.url.path.strip("/"))
    for name, (manners, kinds) in BROKEN.items():
        async with agent_at(manners) as agent:
            with pytest.raises(client.library_error):
                await client.status(agent.url.replace("/agent", f"/{name}"))
        # aiohttp repeats a request whose connection broke, and each is a call.
        found = await ends(manager, name)
        assert {result for result, _ in found} == {"FAILURE"}, name
        assert {kind for _, kind in found} <= kinds, name


async def test_nobody_listens(manager: CircuitBreakerManager, open_client: Open) -> None:
    client = await open_client()
    async with agent_at(m.answers(1)) as agent:
        url = agent.url
    with pytest.raises(client.library_error):
        await client.status(url)
    assert await ends(manager, "a") == [("FAILURE", "connect_refused")]


async def test_no_such_host(manager: CircuitBreakerManager, open_client: Open) -> None:
    client = await open_client()
    with pytest.raises(client.library_error):
        await client.status("http://no-such-host.invalid/")
    assert await ends(manager, "a") == [("FAILURE", "dns_error")]


@pytest.mark.parametrize("manners", [m.hangs, m.streams([b"1\n"], then=m.hangs)])
async def test_silence_is_a_timeout(
    manager: CircuitBreakerManager, open_any: Open, manners: Manners
) -> None:
    client = await open_any(timeout_seconds=0.3)
    async with agent_at(manners) as agent:
        with pytest.raises((client.library_error, TimeoutError)):
            await client.status(agent.url)
    assert await ends(manager, "a") == [("TIMEOUT", "timeout_read")]


async def test_a_body_counts_when_it_ends(manager: CircuitBreakerManager, open_any: Open) -> None:
    go_on = asyncio.Event()

    async def waits(request: Request, writer: asyncio.StreamWriter) -> None:
        await go_on.wait()
        writer.write(b"2\r\n2\n\r\n0\r\n\r\n")

    client = await open_any()
    async with agent_at(m.streams([b"1\n"], then=waits)) as agent, client.head(agent.url) as body:
        assert await anext(body) == b"1\n"
        assert await ends(manager, "a") == []
        assert manager.get("a").in_flight == 1
        go_on.set()
        assert [piece async for piece in body] == [b"2\n"]
        assert manager.get("a").in_flight == 0
    assert await ends(manager, "a") == [("SUCCESS", "")]


@pytest.mark.parametrize("read", [True, False])
async def test_a_body_that_is_left_says_nothing(
    manager: CircuitBreakerManager, open_client: Open, read: bool
) -> None:
    client = await open_client()
    async with agent_at(m.streams([b"1\n"], then=m.hangs)) as agent:
        async with client.head(agent.url) as body:
            if read:
                assert await anext(body) == b"1\n"
        assert manager.get("a").in_flight == 0
    assert await ends(manager, "a") == [("ABANDONED", "")]


async def test_an_error_of_the_reader_says_nothing(
    manager: CircuitBreakerManager, open_client: Open
) -> None:
    client = await open_client()
    async with agent_at(m.streams([b"1\n"], then=m.hangs)) as agent:
        with suppress(ZeroDivisionError):
            async with client.head(agent.url) as body:
                await anext(body)
                raise ZeroDivisionError
    assert await ends(manager, "a") == [("ABANDONED", "")]


@pytest.mark.parametrize("status", [404, 503])
async def test_a_status_that_is_no_answer_counts_at_once(
    manager: CircuitBreakerManager, open_client: Open, status: int
) -> None:
    head = f"HTTP/1.1 {status} Said\r\nContent-Length: 9\r\n\r\n".encode()

    async def half(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        await m.hangs(request, writer)

    client = await open_client()
    async with agent_at(half) as agent, client.head(agent.url):
        (outcome,) = await ends(manager, "a")
        assert outcome == (("FAILURE", "http_503") if status == 503 else ("SUCCESS", ""))
    assert len(await ends(manager, "a")) == 1


async def test_an_answer_to_head_is_over_with_its_head(
    manager: CircuitBreakerManager, open_client: Open
) -> None:
    client = await open_client()
    async with agent_at(m.sends(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")) as agent:
        assert await client.without_body(agent.url) == 200
    assert await ends(manager, "a") == [("SUCCESS", "")]


@pytest.mark.parametrize("manners", [m.hangs, m.streams([b"1\n"], then=m.hangs)])
async def test_a_caller_that_leaves_says_nothing(
    manager: CircuitBreakerManager, open_client: Open, manners: Manners
) -> None:
    client = await open_client()
    async with agent_at(manners) as agent:
        call = asyncio.create_task(client.status(agent.url))
        await eventually(lambda: agent.requests, 60)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert await ends(manager, "a") == [("ABANDONED", "")]


async def test_failure_statuses_may_be_chosen(
    manager: CircuitBreakerManager, open_client: Open
) -> None:
    client = await open_client(failure_statuses=["4xx", 502])
    async with agent_at(m.in_turn(m.answers(1, 404), m.answers(1, 503))) as agent:
        await client.status(agent.url)
        await client.status(agent.url)
    assert await ends(manager, "a") == [("FAILURE", "http_404"), ("SUCCESS", "")]
    with pytest.raises(ConfigError, match=r"^failure_statuses: 'bad' is not allowed"):
        await open_client(failure_statuses=["bad"])


async def test_the_classifier_of_the_breaker_comes_first(
    manager: CircuitBreakerManager, open_client: Open
) -> None:
    def classifier(response: Any, error: BaseException | None) -> Result | None:
        status = getattr(response, "status_code", None) or getattr(response, "status", None)
        return Result.IGNORED if status in (500, 200) else None

    manager.get("a", PATIENT, classifier=classifier)
    client = await open_client()
    turns = m.in_turn(m.answers(1, 500), m.answers(1, 503), m.streams([b"1"]))
    async with agent_at(turns) as agent:
        for _ in range(3):
            await client.status(agent.url)
    expected = [("IGNORED", ""), ("FAILURE", "http_503"), ("IGNORED", "")]
    assert await ends(manager, "a") == expected


async def test_each_redirect_is_a_call(manager: CircuitBreakerManager, open_client: Open) -> None:
    client = await open_client(agent_of=None)
    async with agent_at(m.answers(1)) as goal, agent_at(m.redirects(goal.url)) as first:
        if hasattr(client, "library"):
            client.client.follow_redirects = True
        assert await client.status(first.url) == 200
    assert await ends(manager, f"127.0.0.1-{first.port}") == [("SUCCESS", "")]
    assert await ends(manager, f"127.0.0.1-{goal.port}") == [("SUCCESS", "")]


async def test_large_bodies_arrive_whole(manager: CircuitBreakerManager, open_client: Open) -> None:
    pieces = [bytes([number % 256]) * 40_000 for number in range(50)]
    client = await open_client()
    async with agent_at(m.streams(pieces)) as agent, client.head(agent.url) as body:
        received = b"".join([piece async for piece in body])
    assert received == b"".join(pieces)
    assert await ends(manager, "a") == [("SUCCESS", "")]
