"""The stream as a client sees it: nothing missed, whatever happens to the connection."""

import asyncio
from time import monotonic

import anyio
import pytest

from fuseline.api.access.roles import Role
from fuseline.client import (
    EventStream,
    FuselineClient,
    InvalidInput,
    NotAuthenticated,
    UnexpectedAnswer,
    Unreachable,
)
from fuseline.schemas.circuits import CircuitSummary
from fuseline.schemas.stream import (
    StreamChanges,
    StreamClosing,
    StreamEvent,
    StreamHealth,
    StreamSnapshot,
)
from tests.api.running import RunningApi, running_api
from tests.client.support import answer, relayed, scripted

SNAPSHOT = (
    'id: 1.1\nevent: snapshot\ndata: {"reason":"first","part":1,"parts":1,"now_ms":1,'
    '"circuits":[],"unprojected_shards":[]}\n\n'
)


def events(text: str) -> bytes:
    """Events, after which the connection ends."""
    return answer("200 OK", text, kind="text/event-stream; charset=utf-8")


async def until_changed(stream: EventStream, agent: str, mode: str) -> CircuitSummary:
    """Reads until a change tells of a mode; a snapshot would be a loss."""
    async for event in stream:
        assert not isinstance(event, StreamSnapshot), event
        for circuit in event.circuits if isinstance(event, StreamChanges) else ():
            if circuit.agent == agent and circuit.mode.value == mode:
                return circuit
    raise AssertionError("the stream has ended")


async def until_snapshot(stream: EventStream) -> StreamSnapshot:
    async for event in stream:
        if isinstance(event, StreamSnapshot):
            return event
    raise AssertionError("the stream has ended")


async def until_shown(stream: EventStream, agent: str) -> set[str]:
    """Reads until a circuit is shown; the feed may tell of it a moment after the snapshot.

    Returns:
        All agents that were shown.
    """
    shown: set[str] = set()
    async for event in stream:
        if isinstance(event, StreamSnapshot | StreamChanges):
            shown |= {circuit.agent for circuit in event.circuits}
            if agent in shown:
                return shown
    raise AssertionError("the stream has ended")


async def test_all_circuits_come_first_and_then_what_changes(client: FuselineClient) -> None:
    await client.agents.create({"name": "a"})
    async with client.stream() as stream:
        assert isinstance(await anext(stream), StreamHealth)
        await until_shown(stream, "a")
        await client.circuits.force_open("a", "a drill")
        assert (await until_changed(stream, "a", "forced_open")).revision == 1


async def test_filters_hold(client: FuselineClient) -> None:
    for name in ("a", "b"):
        await client.agents.create({"name": name})
    async with client.stream(agents=["b"], kinds=["changes"]) as stream:
        shown = await until_shown(stream, "b")
        await client.circuits.force_open("a", "a drill")
        await client.circuits.force_open("b", "a drill")
        shown |= await until_shown(stream, "b")
        assert shown == {"b"}


async def test_a_cut_connection_goes_on_without_a_gap(
    api: RunningApi, client: FuselineClient
) -> None:
    await client.agents.create({"name": "a"})
    async with (
        relayed(api.url) as relay,
        FuselineClient(relay.url, token=api.tokens[Role.VIEWER]) as viewer,
        viewer.stream(kinds=["changes"]) as stream,
    ):
        await until_snapshot(stream)
        for turn in range(3):
            relay.cut()
            await client.circuits.force_open("a", f"drill {turn}")
            await client.circuits.force_closed("a", f"drill {turn}")
            # Told as one change or as two, but told.
            await until_changed(stream, "a", "forced_closed")
            await client.circuits.hand_back("a", f"drill {turn}")
            await until_changed(stream, "a", "auto")
        assert relay.accepted >= 4


async def test_a_stopped_api_says_so_and_the_stream_goes_on_when_it_is_back(
    redis_url: str, namespace: str
) -> None:
    async with running_api(redis_url, namespace) as first:
        async with FuselineClient(first.url, token=first.tokens[Role.ADMIN]) as client:
            await client.agents.create({"name": "a"})
            stream = client.stream(kinds=["changes"])
            await until_snapshot(stream)
            last_id = stream.last_id
            reading = asyncio.create_task(until_closing(stream))
        # The client is closed: its streams are, too.
        await reading
    async with (
        running_api(redis_url, namespace) as second,
        FuselineClient(second.url, token=second.tokens[Role.ADMIN]) as client,
    ):
        await client.circuits.force_open("a", "meanwhile")
        async with client.stream(kinds=["changes"], last_id=last_id) as stream:
            await until_changed(stream, "a", "forced_open")


async def until_closing(stream: EventStream) -> list[StreamEvent]:
    seen = []
    async for event in stream:
        seen.append(event)
        if isinstance(event, StreamClosing):
            break
    return seen


async def test_the_end_of_an_api_is_handed_out(redis_url: str, namespace: str) -> None:
    async with running_api(redis_url, namespace) as api:
        client = FuselineClient(api.url, token=api.tokens[Role.VIEWER])
        stream = client.stream()
        await until_snapshot(stream)
        reading = asyncio.create_task(until_closing(stream))
    assert isinstance((await reading)[-1], StreamClosing)
    await client.aclose()


async def test_a_wait_that_is_cut_short_loses_nothing(client: FuselineClient) -> None:
    await client.agents.create({"name": "a"})
    async with client.stream(kinds=["changes"]) as stream:
        await until_snapshot(stream)
        for turn in range(10):
            mode = "forced_open" if turn % 2 else "forced_closed"
            force = client.circuits.force_open if turn % 2 else client.circuits.force_closed
            found = None
            with anyio.move_on_after(0.001 * turn):
                found = await until_changed(stream, "a", mode)
            assert found is None
            assert stream._response is None, "the connection is given up at once"
            await force("a", f"turn {turn}")
            await until_changed(stream, "a", mode)


async def test_a_silent_connection_is_made_anew(api: RunningApi, client: FuselineClient) -> None:
    await client.agents.create({"name": "a"})
    async with (
        relayed(api.url) as relay,
        FuselineClient(relay.url, token=api.tokens[Role.VIEWER]) as viewer,
        viewer.stream(kinds=["changes"], silence_seconds=0.5) as stream,
    ):
        await until_snapshot(stream)
        relay.hold()
        await client.circuits.force_open("a", "a drill")
        reading = asyncio.create_task(until_changed(stream, "a", "forced_open"))
        while relay.accepted < 2:
            await asyncio.sleep(0.01)
        relay.release()
        await reading


async def test_the_last_id_and_the_pause_that_the_api_asks_for_are_kept() -> None:
    first = events("retry: 10\n\n" + SNAPSHOT + ": hb\nid: 1.2\n\n")
    async with (
        scripted(first, events("event: new_kind\ndata: x\n\n"), events(SNAPSHOT)) as server,
        FuselineClient(server.url) as client,
    ):
        begin = monotonic()
        async with client.stream() as stream:
            assert isinstance(await anext(stream), StreamSnapshot)
            assert stream.last_id == "1.1"
            assert isinstance(await anext(stream), StreamSnapshot)
        assert monotonic() - begin < 0.5
        lines = [request.lower().splitlines() for request in server.requests]
        assert not any(line.startswith("last-event-id") for line in lines[0])
        assert "last-event-id: 1.2" in lines[1]
        assert "last-event-id: 1.2" in lines[2]


async def test_an_event_that_was_cut_off_is_not_handed_out() -> None:
    cut = events("retry: 10\n\n" + SNAPSHOT + SNAPSHOT.replace("1.1", "1.2")[:-30])
    async with scripted(cut, events(SNAPSHOT)) as server, FuselineClient(server.url) as client:
        async with client.stream() as stream:
            await anext(stream)
            await anext(stream)
        assert "last-event-id: 1.1" in server.requests[1].lower()


async def test_what_a_balancer_says_meanwhile_is_waited_out() -> None:
    down = answer("502 Bad Gateway", "<h1>no upstream</h1>", kind="text/html")
    full = answer("503 Service Unavailable", "{}", "Retry-After: 0")
    async with (
        scripted(events("retry: 10\n\n"), down, full, events(SNAPSHOT)) as server,
        FuselineClient(server.url) as client,
        client.stream() as stream,
    ):
        await anext(stream)
        assert len(server.requests) == 4


async def test_refusals_are_raised(api: RunningApi, client: FuselineClient) -> None:
    with pytest.raises(InvalidInput):
        await anext(client.stream(states=["ajar"]))
    async with FuselineClient(api.url) as nobody:
        with pytest.raises(NotAuthenticated):
            await anext(nobody.stream())


@pytest.mark.parametrize(
    "reply",
    [
        answer("200 OK", "{}"),
        answer("302 Found", "", "Location: /elsewhere"),
        events("event: snapshot\ndata: {}\n\n"),
    ],
)
async def test_what_is_no_stream_is_unexpected(reply: bytes) -> None:
    async with scripted(reply) as server, FuselineClient(server.url) as client:
        with pytest.raises(UnexpectedAnswer, match="followCircuits"):
            await anext(client.stream())


async def test_it_gives_up_when_told_to() -> None:
    async with FuselineClient("http://127.0.0.1:1") as client:
        with pytest.raises(Unreachable):
            await anext(client.stream(give_up_seconds=0.2))


async def test_a_closed_stream_ends_and_closing_the_client_closes_it(
    client: FuselineClient,
) -> None:
    stream = client.stream()
    await anext(stream)
    await stream.aclose()
    assert [event async for event in stream] == []
    other = client.stream()
    await anext(other)
    await client.aclose()
    assert [event async for event in other] == []
