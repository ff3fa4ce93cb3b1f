"""A client that reads too slowly is dropped with a clear event, and resumes without loss."""

import asyncio

import pytest

from fuseline.api.stream.filters import Filter
from fuseline.core.events import Mode
from fuseline.events.backend import Backend
from tests.api.stream.sse import Sse, stream
from tests.api.stream.support import enroll, force, key_of, streaming, views_in_feeds
from tests.projections.support import until_folded
from tests.waiting import eventually

_BOUNDS = [({"queue_events": 5}, "queue_events"), ({"queue_bytes": 4000}, "queue_bytes")]


@pytest.mark.parametrize(("bounds", "named"), _BOUNDS, ids=["by count", "by bytes"])
async def test_a_slow_reader_is_told_and_resumes_where_it_was(
    backend: Backend, redis_url: str, namespace: str, bounds: dict[str, int], named: str
) -> None:
    await enroll(backend, "a")
    await until_folded(backend, "a")
    async with streaming(redis_url, namespace, send_buffer=4096, **bounds) as served:
        client = await Sse.connect(served.url, receive_buffer=4096, kinds="changes")
        quick = await Sse.connect(served.url, kinds="changes")
        await client.snapshot()
        await quick.snapshot()
        notes = []
        for number in range(100_000):
            await force(backend, "a", Mode.FORCED_OPEN, 10**8 + number)
            await quick.until("changes")
            if any(d.subscriber.interrupted for d in served.hub._deliveries):
                break
        while (event := await client.next()) is not None:
            if event.kind == "changes":
                notes += [key_of(circuit) for circuit in event.data["circuits"]]
            elif event.kind == "overrun":
                assert named in event.data["reason"]
                assert event.data["resume"] == client.last_id
                break
        else:
            raise AssertionError("no overrun was told")
        assert await client.next() is None
        await client.close()
        await eventually(lambda: served.hub.streams == 1)
        await until_folded(backend, "a")
        feed = (await views_in_feeds(backend))["a"]
        assert len(notes) < len(feed)
        async with stream(served.url, client.last_id, kinds="changes") as again:
            while not notes or notes[-1] != feed[-1]:
                event = await again.next()
                assert event is not None
                assert event.kind in ("retry", "health", "changes"), event
                if event.kind == "changes":
                    notes += [key_of(circuit) for circuit in event.data["circuits"]]
        assert notes == feed[-len(notes) :]
        assert len(notes) == len(feed) - 1, "all but the view of the snapshot"
        await quick.close()


async def test_an_overrun_within_a_snapshot_does_not_count_as_delivered(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    names = [f"agent-{n:03d}" for n in range(30)]
    await enroll(backend, *names)
    await until_folded(backend, *names)
    async with streaming(redis_url, namespace, queue_events=3, part_circuits=10) as served:
        sent: list[bytes] = []
        stuck, go_on = asyncio.Event(), asyncio.Event()

        async def send(data: bytes) -> None:
            sent.append(data)
            if b'"part":2' in data:
                stuck.set()
                await go_on.wait()

        with served.hub.open(Filter()) as delivery:
            running = asyncio.create_task(delivery.run(send))
            await stuck.wait()
            for number in range(5):
                await force(backend, names[number], Mode.FORCED_OPEN)
                await until_folded(backend, names[number])
            await eventually(lambda: delivery.subscriber.interrupted)
            go_on.set()
            await running
        assert b"event: overrun" in sent[-1]
        assert b'"resume":null' in sent[-1]
        assert not any(b"id: " in data for data in sent)


async def test_a_client_that_takes_nothing_loses_its_place(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    names = [f"agent-{n:03d}" for n in range(400)]
    await enroll(backend, *names)
    await until_folded(backend, *names)
    bounds = {"send_seconds": 0.2, "part_circuits": 20}
    async with streaming(redis_url, namespace, send_buffer=4096, **bounds) as served:
        client = await Sse.connect(served.url, receive_buffer=4096)
        await client.until("snapshot")
        flood = asyncio.create_task(_flood(backend, names[0]))
        try:
            await eventually(lambda: served.hub.streams == 0, 30)
        finally:
            flood.cancel()
            await asyncio.wait([flood])
        client.abort()


async def _flood(backend: Backend, agent: str) -> None:
    number = 0
    while True:
        number += 1
        await force(backend, agent, Mode.FORCED_OPEN, 10**8 + number)
