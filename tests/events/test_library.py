"""The function library on the server: loaded, upgraded, and loaded again when it is lost."""

import asyncio
from collections.abc import Iterator

import pytest

from fuseline.events import library
from fuseline.events.backend import Backend
from fuseline.events.codec import encode_event
from tests.logbook import append, log_of, open_backend, outcome
from tests.servers import RealServer

MAKE_SOURCE = library.source.__wrapped__  # not the cached one

pytestmark = pytest.mark.usefixtures("flushed")


@pytest.fixture(scope="module")
def functions_server() -> Iterator[RealServer]:
    """A server whose functions these tests may take away."""
    with RealServer() as started:
        yield started


@pytest.fixture
async def flushed(functions_server: RealServer, namespace: str) -> None:
    async with open_backend(functions_server.url, f"{namespace}-other") as backend:
        await backend.wire.call("FUNCTION", "FLUSH")


def use_build(monkeypatch: pytest.MonkeyPatch, build: int) -> None:
    monkeypatch.setattr(library, "BUILD", build)
    monkeypatch.setattr(library, "source", MAKE_SOURCE)


async def test_opening_loads_the_library_once(functions_server: RealServer, namespace: str) -> None:
    async with open_backend(functions_server.url, namespace) as backend:
        (loaded,) = await backend.wire.call("FUNCTION", "LIST")
        assert loaded[1] == library.LIBRARY_NAME.encode()
        calls = await _loads(backend)
    async with open_backend(functions_server.url, namespace) as backend:
        assert await _loads(backend) == calls


async def _loads(backend: Backend) -> int:
    info = (await backend.wire.call("INFO", "commandstats")).decode()
    for line in info.splitlines():
        if line.startswith("cmdstat_function|load:"):
            return int(line.partition("calls=")[2].partition(",")[0])
    return 0


async def test_a_newer_build_replaces_an_older_one(
    functions_server: RealServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_build(monkeypatch, 5)
    async with open_backend(functions_server.url, namespace) as backend:
        assert await backend.wire.call("FCALL", library.function("build"), 0) == 5
    use_build(monkeypatch, 6)
    async with open_backend(functions_server.url, namespace) as backend:
        assert await backend.wire.call("FCALL", library.function("build"), 0) == 6


async def test_an_older_build_leaves_a_newer_one_in_place(
    functions_server: RealServer, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_build(monkeypatch, 9)
    async with open_backend(functions_server.url, namespace):
        pass
    use_build(monkeypatch, 3)
    async with open_backend(functions_server.url, namespace) as backend:
        assert await backend.wire.call("FCALL", library.function("build"), 0) == 9
        assert (await append(backend, "a", [outcome()]))[0] == b"OK"


async def test_another_program_s_library_stays(
    functions_server: RealServer, namespace: str
) -> None:
    other = "#!lua name=theirs\nredis.register_function('theirs', function() return 1 end)"
    async with open_backend(functions_server.url, namespace) as backend:
        await backend.wire.call("FUNCTION", "FLUSH")
        await backend.wire.call("FUNCTION", "LOAD", other)
        assert (await append(backend, "a", [outcome()]))[0] == b"OK"
        assert await backend.wire.call("FCALL", "theirs", 0) == 1


async def test_functions_that_are_lost_in_mid_flight_are_loaded_again(
    functions_server: RealServer, namespace: str
) -> None:
    async with (
        open_backend(functions_server.url, namespace) as backend,
        open_backend(functions_server.url, f"{namespace}-other") as saboteur,
    ):
        done = asyncio.Event()
        flushed = 0

        async def flush() -> None:
            nonlocal flushed
            while not done.is_set():
                await saboteur.wire.call("FUNCTION", "FLUSH")
                flushed += 1
                await asyncio.sleep(0.002)

        task = asyncio.create_task(flush())
        missing = 0
        for seq in range(1, 501):
            # Another flush may come between loading and calling; then the caller sends again.
            while True:
                (reply,) = await backend.fcall_many([_call(backend, seq)])
                if not isinstance(reply, Exception):
                    break
                assert "Function not found" in str(reply)
                missing += 1
            assert reply[:2] == [b"OK", seq]
        done.set()
        await task
        assert flushed > 20
        assert await _loads(backend) > 5
        assert [event.seq for _, _, event in await log_of(backend, "a")] == list(range(1, 501))


def _call(backend: Backend, seq: int) -> tuple[str, tuple[str, ...], tuple[object, ...]]:
    agent = backend.keys.agent("a")
    shard = backend.keys.shards[agent.shard]
    blob = encode_event(outcome(worker=1, seq=seq))
    keys = (shard.producers, shard.dirty, shard.wake, agent.events, agent.probes)
    return "append", keys, (1, "w", 1, seq, "", 1, "a", 1, blob)


@pytest.mark.parametrize("name", ["sweep", "build"])
async def test_functions_that_only_read_say_so(
    functions_server: RealServer, namespace: str, name: str
) -> None:
    async with open_backend(functions_server.url, namespace) as backend:
        reply = await backend.wire.call("FCALL_RO", library.function(name), 0)
        assert reply in ([], library.BUILD)


def test_no_placeholder_is_left_in_the_source() -> None:
    assert "@" not in library.source()
    assert library.source().startswith(f"#!lua name={library.LIBRARY_NAME}\n")
