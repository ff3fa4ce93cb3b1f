"""A release is rolled out under load: functions, events, workers of both releases at once."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from fuseline.events import library
from fuseline.events.log import read
from tests.faults.support import actors, assert_verified, until_all_folded
from tests.ha.load import NS, SHARDS, Worker, in_log, made
from tests.ha.topology import TIMEOUT_SECONDS
from tests.logbook import open_backend
from tests.servers import RealServer, ServerMissingError

OLD, NEW = library.BUILD + 1, library.BUILD + 2  # this process leaves both in place


@pytest.fixture
def own_server() -> Iterator[RealServer]:
    """A server whose functions this test may change."""
    try:
        server = RealServer(appendonly=True)
    except ServerMissingError as missing:
        pytest.skip(str(missing))
    with server:
        yield server


async def test_nothing_is_lost_while_a_newer_release_comes_in(
    own_server: RealServer, tmp_path: Path
) -> None:
    url = own_server.url
    async with actors(3) as crew:
        old, new, back = (
            Worker(name, member, tmp_path)
            for name, member in zip(("old", "new", "back"), crew, strict=True)
        )
        for worker, build in ((old, OLD), (new, NEW), (back, OLD)):
            await worker.member.ask("be_release", build=build, adds_a_field=build == NEW)
        # The older release folds, also what the newer one writes.
        await old.begin(url, pause=0.05, projector=False)
        await old.member.ask("project", url=url, namespace=NS, shards=SHARDS)
        async with open_backend(url, NS, SHARDS) as backend:
            assert await backend.fcall("build", (), ()) == OLD
            await old.more(200)
            await new.begin(url, pause=0.05, projector=False)
            assert await backend.fcall("build", (), ()) == NEW
            await asyncio.gather(old.more(200), new.more(200))
            # Rolled back: processes of the older release come and leave the newer functions.
            await back.begin(url, pause=0.05, projector=False)
            await asyncio.gather(*(worker.more(200) for worker in (old, new, back)))
            assert await backend.fcall("build", (), ()) == NEW

            workers = (old, new, back)
            figures = await asyncio.gather(*(worker.end() for worker in workers))
            assert [one["resent"] + one["dropped"] for one in figures] == [0, 0, 0]
            for worker, one in zip(workers, figures, strict=True):
                assert await in_log(backend, worker.agents) == made(one)
            (newest,) = await backend.wire.call(
                "XREVRANGE", backend.keys.agent(new.agents[0]).events, "+", "-", "COUNT", 1
            )
            assert b"added" in newest[1][1]
            assert await read(backend, backend.keys.agent(new.agents[0]), count=1)
            everyone = [agent for worker in workers for agent in worker.agents]
            await until_all_folded(backend, everyone, TIMEOUT_SECONDS)
            await assert_verified(backend, everyone)
