"""The server goes away and comes back, with its data or without."""

from collections.abc import Awaitable

import pytest

from fuseline.core.errors import BackendError
from fuseline.core.events import Mode
from tests.api.stream.sse import stream
from tests.api.stream.support import enroll, force, streaming
from tests.logbook import open_backend
from tests.projections.support import projecting, until_folded
from tests.servers import RealServer
from tests.waiting import eventually


async def test_clients_stay_and_get_what_they_missed_when_the_server_is_back(
    fresh_server: RealServer, namespace: str
) -> None:
    url = fresh_server.url
    async with open_backend(url, namespace) as backend, projecting(url, namespace):
        await enroll(backend, "a")
        await until_folded(backend, "a")
        async with (
            streaming(url, namespace) as served,
            stream(served.url) as client,
            stream(served.url) as other,
        ):
            await client.snapshot()
            await other.snapshot()
            fresh_server.stop()
            event = await client.until("health")
            assert event.data["server"] is False
            fresh_server.start()
            await eventually(lambda: _done(force(backend, "a", Mode.FORCED_OPEN)))
            for one in (client, other):
                seen = []
                while not seen or seen[-1] != "changes":
                    event = await one.next()
                    assert event is not None
                    seen.append(event.kind)
                assert "snapshot" not in seen
                assert event.data["circuits"][0]["mode"] == "forced_open"


async def _done(change: Awaitable[None]) -> bool:
    """Whether the server has taken it."""
    try:
        await change
    except BackendError:
        return False
    return True


async def test_a_hung_server_is_told_and_nothing_is_lost(
    fresh_server: RealServer, namespace: str
) -> None:
    url = fresh_server.url
    async with open_backend(url, namespace) as backend, projecting(url, namespace):
        await enroll(backend, "a")
        await until_folded(backend, "a")
        async with streaming(url, namespace) as served, stream(served.url) as client:
            await client.snapshot()
            fresh_server.pause()
            assert (await client.until("health")).data["server"] is False
            fresh_server.resume()
            assert (await client.until("health")).data["server"] is True
            await force(backend, "a", Mode.FORCED_OPEN)
            await client.change("a", mode="forced_open")


@pytest.mark.parametrize("how", ["flushed", "restarted without data"])
async def test_lost_data_gives_connected_and_resuming_clients_a_snapshot_that_says_so(
    fresh_server: RealServer, namespace: str, how: str
) -> None:
    url = fresh_server.url
    async with open_backend(url, namespace) as backend, projecting(url, namespace):
        await enroll(backend, "a", "b")
        await until_folded(backend, "a", "b")
        async with streaming(url, namespace) as served, stream(served.url) as client:
            await client.snapshot()
            before = client.last_id
            if how == "flushed":
                await backend.wire.call("FLUSHALL")
            else:
                fresh_server.kill()
                for path in fresh_server.folder.glob("appendonlydir/*"):
                    path.unlink()
                fresh_server.start()
            reason, circuits = await client.snapshot()
            assert reason == "data_loss"
            assert circuits == {}
            async with stream(served.url, before) as again:
                assert (await again.snapshot())[0] == "data_loss"
            await eventually(lambda: _done(enroll(backend, "c")))
            await client.change("c")


async def test_who_comes_while_the_server_is_away_is_served_when_it_is_back(
    fresh_server: RealServer, namespace: str
) -> None:
    url = fresh_server.url
    async with open_backend(url, namespace) as backend, projecting(url, namespace):
        await enroll(backend, "a")
        await until_folded(backend, "a")
        async with streaming(url, namespace) as served:
            async with stream(served.url) as early:
                await early.snapshot()
            fresh_server.stop()
            await eventually(lambda: not served.hub._tail.server)
            async with stream(served.url) as new, stream(served.url, early.last_id) as again:
                for client in (new, again):
                    assert (await client.until("health")).data["server"] is False
                reason, circuits = await new.snapshot()  # as last seen
                assert (reason, set(circuits)) == ("first", {"a"})
                fresh_server.start()
                for client in (new, again):
                    assert (await client.until("health")).data["server"] is True
                await eventually(lambda: _done(force(backend, "a", Mode.FORCED_OPEN)))
                for client in (new, again):
                    await client.change("a", mode="forced_open")
