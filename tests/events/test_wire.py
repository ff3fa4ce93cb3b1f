"""One connection for many tasks: every reply goes to the one who asked, or to nobody."""

import asyncio
import random
import time

import pytest
from redis.exceptions import ResponseError

from fuseline.core.errors import BackendUnavailableError, WrongKeyTypeError
from fuseline.events.backend import Backend
from tests.logbook import open_backend
from tests.servers import RealServer


async def storm(backend: Backend, rounds: int, seed: int) -> tuple[int, int]:
    """Commands whose callers leave at random; returns how many left and how many were answered."""
    rng = random.Random(seed)
    cancelled = answered = 0
    wire = backend.wire

    async def one(n: int) -> None:
        if n % 3:
            assert await wire.call("ECHO", f"word {n}") == f"word {n}".encode()
        else:
            replies = await wire.call_many([("ECHO", f"{n}-{i}") for i in range(5)])
            assert replies == [f"{n}-{i}".encode() for i in range(5)]

    n = 0
    while cancelled < rounds:
        tasks = []
        for _ in range(rng.randrange(1, 8)):
            tasks.append(asyncio.create_task(one(n)))
            n += 1
        for _ in range(rng.randrange(0, 6)):
            await asyncio.sleep(0)
        if rng.random() < 0.3:
            await asyncio.sleep(rng.random() * 0.0005)
        for task in tasks:
            if rng.random() < 0.6:
                task.cancel()
        for outcome in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(outcome, asyncio.CancelledError):
                cancelled += 1
            else:
                assert outcome is None
                answered += 1
        assert await wire.call("ECHO", "after") == b"after"
    return cancelled, answered


@pytest.mark.parametrize("seed", range(2))
async def test_a_cancelled_command_never_leaves_its_reply_to_another(
    redis_url: str, namespace: str, seed: int
) -> None:
    async with open_backend(redis_url, namespace) as backend:
        cancelled, answered = await storm(backend, 1000, seed)
        assert cancelled >= 1000
        assert answered > 100


@pytest.mark.slow
async def test_ten_thousand_cancelled_commands_leave_no_reply_to_another(
    redis_url: str, namespace: str
) -> None:
    async with open_backend(redis_url, namespace) as backend:
        cancelled, _ = await storm(backend, 10_000, 99)
        assert cancelled >= 10_000
        clients = (await backend.wire.call("CLIENT", "LIST")).decode()
        assert clients.count("name=fuseline ") < 20


async def test_commands_of_one_call_are_answered_in_order(redis_url: str, namespace: str) -> None:
    async with open_backend(redis_url, namespace) as backend:
        replies = await backend.wire.call_many([("ECHO", n) for n in range(1000)])
        assert replies == [str(n).encode() for n in range(1000)]


async def test_an_error_reply_stands_in_its_place(redis_url: str, namespace: str) -> None:
    async with open_backend(redis_url, namespace) as backend:
        key = backend.keys.shards[0].feed
        replies = await backend.wire.call_many(
            [("SET", key, "x"), ("XLEN", key), ("ECHO", "a"), ("NO-SUCH",), ("ECHO", "b")]
        )
        assert replies[0] == b"OK"
        assert isinstance(replies[1], ResponseError)
        assert isinstance(replies[3], ResponseError)
        assert (replies[2], replies[4]) == (b"a", b"b")
        with pytest.raises(WrongKeyTypeError):
            await backend.wire.call("XLEN", key)
        assert await backend.wire.call("ECHO", "c") == b"c"


async def test_commands_are_counted(redis_url: str, namespace: str) -> None:
    async with open_backend(redis_url, namespace) as backend:
        before = backend.commands_sent
        await backend.wire.call("PING")
        await backend.wire.call_many([("PING",)] * 9)
        assert backend.commands_sent == before + 10


async def test_a_paused_server_times_out_and_is_used_again_later(fresh_server: RealServer) -> None:
    async with open_backend(fresh_server.url, "ns", timeout_seconds=0.3) as backend:
        fresh_server.pause()
        try:
            for _ in range(2):
                began = time.monotonic()
                with pytest.raises(BackendUnavailableError, match="in time"):
                    await backend.wire.call("ECHO", "lost")
                assert 0.2 < time.monotonic() - began < 1.0
        finally:
            fresh_server.resume()
        assert await backend.wire.call("ECHO", "found") == b"found"


async def test_waiting_callers_of_a_paused_server_all_get_an_answer(
    fresh_server: RealServer,
) -> None:
    async with open_backend(fresh_server.url, "ns", timeout_seconds=0.2) as backend:
        fresh_server.pause()
        try:
            outcomes = await asyncio.gather(
                *(backend.wire.call("ECHO", n) for n in range(5)), return_exceptions=True
            )
        finally:
            fresh_server.resume()
        assert [type(outcome) for outcome in outcomes] == [BackendUnavailableError] * 5


async def test_a_restarted_server_is_found_again(fresh_server: RealServer) -> None:
    async with open_backend(fresh_server.url, "ns") as backend:
        fresh_server.kill()
        with pytest.raises(BackendUnavailableError):
            await backend.wire.call("PING")
        fresh_server.start()
        assert await backend.wire.call("ECHO", "again") == b"again"
