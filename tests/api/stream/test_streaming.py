"""What a client of the stream sees while nothing goes wrong."""

import asyncio

import pytest

from fuseline.core.events import Mode, Result
from fuseline.events.agents import read_agent, register, remove
from fuseline.events.backend import Backend
from tests.api.stream.sse import Event, Sse, stream
from tests.api.stream.support import Streaming, enroll, force, streaming
from tests.logbook import failing
from tests.projections.support import Producer, until_folded
from tests.waiting import eventually

_SUCCESS, _FAILURE = Result.SUCCESS, Result.FAILURE


async def test_a_new_client_gets_health_and_a_snapshot_with_an_id(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    await enroll(backend, "a", "b")
    await until_folded(backend, "a", "b")
    async with streaming(redis_url, namespace) as served, stream(served.url) as client:
        assert client.status == 200
        assert client.headers["content-type"].startswith("text/event-stream")
        assert client.headers["cache-control"] == "no-store"
        assert client.headers["x-accel-buffering"] == "no"
        assert "content-encoding" not in client.headers
        assert (await client.next()).kind == "retry"
        assert (await client.next()) == Event(
            "health", {"server": True, "unprojected_shards": []}, None
        )
        reason, circuits = await client.snapshot()
        assert reason == "first"
        assert set(circuits) == {"a", "b"}
        assert circuits["a"]["state"] == "closed"
        assert client.last_id


async def test_a_change_arrives_with_its_circuit_and_an_id(
    served: Streaming, backend: Backend
) -> None:
    await enroll(backend, "a", "b")
    await until_folded(backend, "a", "b")
    async with stream(served.url) as client:
        await client.snapshot()
        before = client.last_id
        await force(backend, "a", Mode.FORCED_OPEN)
        event = await client.change("a", mode="forced_open")
        assert [circuit["agent"] for circuit in event.data["circuits"]] == ["a"]
        assert client.last_id != before


async def test_an_opening_circuit_arrives_with_its_figures(
    served: Streaming, backend: Backend
) -> None:
    await enroll(backend, "a")
    async with stream(served.url) as client:
        await client.snapshot()
        await Producer(backend, "a").fail(3)
        event = await client.change("a", state="open")
        (circuit,) = event.data["circuits"]
        assert circuit["failures"] == 3
        assert circuit["cause"] == "consecutive_failures"
        assert circuit["open_until_ms"] > event.data["now_ms"]


async def test_a_new_agent_appears_and_a_removed_one_goes(
    served: Streaming, backend: Backend
) -> None:
    async with stream(served.url) as client:
        assert await client.snapshot() == ("first", {})
        await enroll(backend, "new")
        await client.change("new")
        record = await read_agent(backend, "new")
        assert record is not None
        await remove(backend, "new", revision=record.revision, actor="tester")
        event = await client.until(lambda event: event.kind == "changes" and event.data["removed"])
        assert event.data["removed"] == ["new"]
        assert event.data["circuits"] == []
        async with stream(served.url) as later:
            assert await later.snapshot() == ("first", {})


async def test_a_large_snapshot_comes_in_parts_and_only_the_last_has_an_id(
    served: Streaming, backend: Backend, redis_url: str, namespace: str
) -> None:
    names = [f"agent-{n:02d}" for n in range(25)]
    await enroll(backend, *names)
    await until_folded(backend, *names)
    async with (
        streaming(redis_url, namespace, part_circuits=10) as parted,
        stream(parted.url) as client,
    ):
        parts = [await client.until("snapshot") for _ in range(3)]
        assert [event.data["part"] for event in parts] == [1, 2, 3]
        assert [event.data["parts"] for event in parts] == [3, 3, 3]
        assert [bool(event.id) for event in parts] == [False, False, True]
        seen = [circuit["agent"] for event in parts for circuit in event.data["circuits"]]
        assert sorted(seen) == names


async def test_circuits_in_trouble_come_first(served: Streaming, backend: Backend) -> None:
    await enroll(backend, "a", "b", "c")
    await force(backend, "b", Mode.FORCED_OPEN)
    await until_folded(backend, "a", "b", "c")
    await eventually(lambda: served.hub.board.get("b") and served.hub.board.get("c"))
    async with stream(served.url) as watching:
        await watching.snapshot()
    async with stream(served.url) as client:
        event = await client.until("snapshot")
        assert [circuit["agent"] for circuit in event.data["circuits"]] == ["b", "a", "c"]


async def test_figures_of_a_busy_agent_arrive_and_fade(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    await register(backend, "a", failing(None, window_size_seconds=1.0), "tester")
    await until_folded(backend, "a")
    async with (
        streaming(redis_url, namespace, figures_seconds=0.05, refresh_seconds=0.1) as served,
        stream(served.url) as client,
    ):
        await client.snapshot()
        await Producer(backend, "a").send(*[_SUCCESS] * 4, _FAILURE)

        def shows(calls: int):
            return lambda event: (
                event.kind == "figures"
                and [(c["agent"], c["calls"]) for c in event.data["circuits"]] == [("a", calls)]
            )

        event = await client.until(shows(5))
        assert event.data["circuits"][0]["failure_rate"] == 0.2
        assert event.id == client.last_id
        await client.until(shows(0))
        # And then there is nothing more to tell.
        with pytest.raises(TimeoutError):
            await client.until("figures", timeout_seconds=0.5)


async def test_figures_come_for_those_who_want_them_only(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    await enroll(backend, "a", "b")
    await until_folded(backend, "a", "b")
    async with (
        streaming(redis_url, namespace, figures_seconds=0.05) as served,
        stream(served.url, kinds="figures", agents="a") as figures,
        stream(served.url, kinds="changes") as changes,
    ):
        await figures.snapshot()
        await changes.snapshot()
        producers = Producer(backend, "a"), Producer(backend, "b", 2)
        for producer in producers:
            await producer.succeed(1)
        event = await figures.until("figures")
        assert {circuit["agent"] for circuit in event.data["circuits"]} == {"a"}
        await force(backend, "a", Mode.FORCED_OPEN)
        assert (await changes.next()).kind == "changes"
        await producers[0].succeed(1)
        event = await figures.next()
        assert event is not None
        assert event.kind == "figures"


async def test_a_circuit_that_leaves_the_filter_is_told_once(
    served: Streaming, backend: Backend
) -> None:
    await enroll(backend, "a", "b")
    await until_folded(backend, "a", "b")
    async with stream(served.url, state="open,forced_open", kinds="changes") as client:
        assert (await client.snapshot())[1] == {}
        await force(backend, "b", Mode.FORCED_CLOSED)  # never was in it
        await force(backend, "a", Mode.FORCED_OPEN)
        await client.change("a", mode="forced_open")
        await force(backend, "a", Mode.AUTO)
        event = await client.next()
        assert event is not None
        assert event.kind == "changes"
        assert (event.data["circuits"], event.data["left"]) == ([], ["a"])
        await force(backend, "a", Mode.FORCED_CLOSED)
        await force(backend, "b", Mode.FORCED_OPEN)
        event = await client.next()
        assert event is not None
        assert [circuit["agent"] for circuit in event.data["circuits"]] == ["b"]
        assert event.data["left"] == []


async def test_a_client_of_some_agents_hears_of_no_others(
    served: Streaming, backend: Backend
) -> None:
    await enroll(backend, "a", "b", "c")
    await until_folded(backend, "a", "b", "c")
    await eventually(lambda: len(served.hub.board) == 3)
    async with stream(served.url, agents="b,c,not-there") as client:
        assert set((await client.snapshot())[1]) == {"b", "c"}
        await force(backend, "a", Mode.FORCED_OPEN)
        await force(backend, "c", Mode.FORCED_OPEN)
        event = await client.until("changes")
        assert [circuit["agent"] for circuit in event.data["circuits"]] == ["c"]


async def test_a_silent_stream_has_heartbeats_that_move_its_id_on(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    await enroll(backend, "a", "b")
    await until_folded(backend, "a", "b")
    async with (
        streaming(redis_url, namespace, heartbeat_seconds=0.05) as served,
        stream(served.url, agents="a") as client,
    ):
        await client.snapshot()
        first = await client.until(":")
        assert first.id == client.last_id
        await force(backend, "b", Mode.FORCED_OPEN)  # not for this client
        moved = await client.until(lambda event: event.kind == ":" and event.id != first.id)
        assert moved.data is None


@pytest.mark.parametrize(
    ("query", "field", "value"),
    [
        ({"state": "ajar"}, "state", "ajar"),
        ({"state": ""}, "state", ""),
        ({"kinds": "changes,gossip"}, "kinds", "gossip"),
        ({"agents": "a,,b"}, "agents", ""),
        ({"agents": "a:b"}, "agents", "a:b"),
        ({"agents": ""}, "agents", ""),
        ({"agents": ",".join(str(n) for n in range(1001))}, "agents", 1001),
    ],
)
async def test_a_bad_filter_is_refused_with_field_value_and_what_is_allowed(
    served: Streaming, query: dict[str, str], field: str, value: object
) -> None:
    async with stream(served.url, **query) as client:
        assert client.status == 422
        (error,) = (await client.body())["errors"]
        assert (error["field"], error["value"]) == (field, value)
        assert error["allowed"]


async def test_one_client_too_many_is_refused_and_comes_in_when_another_has_gone(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with streaming(redis_url, namespace, max_streams=2) as served:
        clients = [await Sse.connect(served.url) for _ in range(2)]
        async with stream(served.url) as refused:
            assert refused.status == 503
            assert "max_streams" in (await refused.body())["detail"]
        clients[0].abort()
        await eventually(lambda: served.hub.streams == 1)
        async with stream(served.url) as client:
            assert client.status == 200
            await client.snapshot()
        await clients[1].close()


async def test_clients_that_vanish_leave_nothing_behind(
    served: Streaming, backend: Backend
) -> None:
    await enroll(backend, "a")
    tasks = len(asyncio.all_tasks())
    for number in range(100):
        client = await Sse.connect(served.url, agents=f"a,{number}")
        if number % 2:
            await client.until("snapshot")
        client.abort()
    await eventually(lambda: served.hub.streams == 0)
    assert not served.hub._channels
    await eventually(lambda: len(asyncio.all_tasks()) <= tasks)


async def test_closing_ends_all_streams_at_once_with_a_word(
    served: Streaming, backend: Backend
) -> None:
    async with stream(served.url) as one, stream(served.url, agents="a") as two:
        for client in (one, two):
            await client.snapshot()
        served.hub.close()
        for client in (one, two):
            event = await client.until("closing", 1.0)
            assert event.data == {"reason": "shutdown"}
            assert await client.next() is None
        await eventually(lambda: served.hub.streams == 0)
        async with stream(served.url) as late:
            assert (await late.until("closing")).data == {"reason": "shutdown"}


async def test_a_stream_ends_after_its_time_so_that_access_is_checked_again(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with (
        streaming(redis_url, namespace, max_age_seconds=0.3) as served,
        stream(served.url) as client,
    ):
        await client.snapshot()
        assert (await client.until("closing")).data == {"reason": "max_age"}
        assert await client.next() is None
        async with stream(served.url, client.last_id) as again:
            assert (await again.next()).kind == "retry"
            assert (await again.next()).kind == "health"
            assert (await again.next()).kind == "closing"
