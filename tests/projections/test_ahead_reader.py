"""The reader of what is told ahead of the projections: what it hands on, what it outlives."""

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

import pytest

from fuseline.core.errors import BackendError
from fuseline.events.backend import Backend
from fuseline.projections import ahead_reader
from fuseline.projections.ahead import Ahead
from fuseline.projections.ahead_reader import AheadReader
from tests.logbook import open_backend
from tests.servers import RealServer
from tests.waiting import eventually


class Heard:
    """A reader that runs, and whom it has heard of, in order."""

    def __init__(self, backend: Backend) -> None:
        self.names: list[str] = []
        self.reader = AheadReader(backend, self._take)
        self._backend = backend

    def _take(self, ahead: Ahead) -> None:
        self.names.append(ahead.agent)

    async def tell(self, name: str, entry_id: str = "*") -> None:
        """As the function `tell` does, without an event."""
        shard = self._backend.keys.shards[self._backend.keys.shard_of(name)]
        await self._backend.wire.call("XADD", shard.ahead, entry_id, "a", name, "b", "-")


@contextlib.asynccontextmanager
async def running(backend: Backend) -> AsyncIterator[Heard]:
    heard = Heard(backend)
    await heard.reader.start()
    task = asyncio.create_task(heard.reader.run())
    yield heard
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_it_hands_on_what_comes_after_it_has_started(backend: Backend) -> None:
    await Heard(backend).tell("before")
    async with running(backend) as heard:
        for name in ("a", "b", "c", "a"):
            await heard.tell(name)
        await eventually(lambda: len(heard.names) == 4)
        assert heard.names == ["a", "b", "c", "a"]


async def test_what_was_told_between_start_and_run_is_handed_on(backend: Backend) -> None:
    heard = Heard(backend)
    await heard.reader.start()
    await heard.tell("a")
    task = asyncio.create_task(heard.reader.run())
    await eventually(lambda: heard.names == ["a"])
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_on_one_server_it_waits_for_one_key(backend: Backend) -> None:
    assert len({shard.ahead for shard in backend.keys.shards}) == 1


async def test_begun_anew_it_goes_on_from_where_the_stream_ends_now(backend: Backend) -> None:
    # As after a failover to a server whose clock is behind.
    async with running(backend) as heard:
        await heard.tell("late", "9999999999999-0")
        await eventually(lambda: heard.names == ["late"])
        await backend.wire.call("DEL", backend.keys.shards[0].ahead)
        for n in range(1, 4):
            await heard.tell("unheard", f"{n}-0")
        sent = heard.reader._wire.commands_sent
        heard.reader.begin_anew()
        await eventually(lambda: heard.reader._wire.commands_sent >= sent + 2)
        await heard.tell("heard", "5-0")
        await eventually(lambda: heard.names == ["late", "heard"])


async def test_it_outlives_a_restart_of_the_server(fresh_server: RealServer) -> None:
    async with open_backend(fresh_server.url, "ns") as backend, running(backend) as heard:
        await heard.tell("a")
        await eventually(lambda: heard.names == ["a"])
        fresh_server.kill()
        fresh_server.restart()

        async def hears_again() -> bool:
            with contextlib.suppress(BackendError):
                await heard.tell("b")
            return "b" in heard.names

        await eventually(hears_again)


async def test_a_key_of_another_program_is_said_once_and_done_without(
    backend: Backend, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(ahead_reader, "_REFUSED_SECONDS", 0.01)
    key = backend.keys.shards[0].ahead
    async with running(backend) as heard:
        await backend.wire.call("SET", key, "mine")
        heard.reader.begin_anew()
        sent = heard.reader._wire.commands_sent
        await eventually(lambda: heard.reader._wire.commands_sent > sent + 5)
        assert await backend.wire.call("GET", key) == b"mine"
        await backend.wire.call("DEL", key)
        await eventually(lambda: bool(heard.reader._ends))
        await heard.tell("a")
        await eventually(lambda: heard.names == ["a"])
    (line,) = _unreadable(caplog)
    assert "WRONGTYPE" in vars(line)["error"]


async def test_an_entry_that_cannot_be_read_does_not_stop_it(
    backend: Backend, caplog: pytest.LogCaptureFixture
) -> None:
    async with running(backend) as heard:
        await backend.wire.call("XADD", backend.keys.shards[0].ahead, "*", "x", "y")
        await heard.tell("a")
        await eventually(lambda: heard.names == ["a"])
    assert len(_unreadable(caplog)) == 1


def _unreadable(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [line for line in caplog.records if line.getMessage() == "ahead_unreadable"]
