"""Resuming: a client that lost its connection gets exactly what it missed, or a snapshot."""

import asyncio
import random
from typing import Any

import pytest

from fuseline.core.events import Mode
from fuseline.events.agents import configure, read_agent, remove
from fuseline.events.backend import Backend
from tests.api.stream.sse import Sse, stream
from tests.api.stream.support import (
    Key,
    Streaming,
    enroll,
    force,
    key_of,
    streaming,
    views_in_feeds,
)
from tests.logbook import failing, open_backend, same_shard
from tests.projections.support import Producer, projecting, until_folded
from tests.waiting import eventually


class Witness:
    """A client that loses its connection at random, and notes every view it is told."""

    def __init__(self, rng: random.Random, urls: list[str], longest: int = 40) -> None:
        self._rng, self._urls, self._longest = rng, urls, longest
        self.notes: list[tuple[str, Any]] = []
        self.last_id: str | None = None
        self.connections = 0
        self.reasons: list[str] = []

    async def run(self) -> None:
        while True:
            client = await Sse.connect(self._rng.choice(self._urls), self.last_id)
            self.connections += 1
            try:
                for _ in range(self._rng.randrange(1, self._longest)):
                    event = await client.next(30)
                    if event is None:
                        break
                    self._take(event.kind, event.data)
                    self.last_id = client.last_id
            finally:
                client.abort()

    def _take(self, kind: str, data: Any) -> None:
        if kind == "snapshot":
            self.reasons.append(data["reason"])
            self.notes.append(("snapshot", {c["agent"]: key_of(c) for c in data["circuits"]}))
        elif kind == "changes":
            names = [circuit["agent"] for circuit in data["circuits"]]
            assert len(names) == len(set(names)), "an agent stands twice in one event"
            self.notes += [("change", (c["agent"], key_of(c))) for c in data["circuits"]]

    def reached(self, feeds: dict[str, list[Key]]) -> dict[str, int]:
        """How far the notes follow the feeds without leaving anything out; fails if they do not."""
        at = dict.fromkeys(feeds, -1)
        for kind, note in self.notes:
            if kind == "snapshot":
                for agent, key in note.items():
                    at[agent] = feeds[agent].index(key, max(0, at[agent]))
            else:
                agent, key = note
                assert at[agent] + 1 < len(feeds[agent]), f"more of {agent} than its feed holds"
                wanted = feeds[agent][at[agent] + 1]
                assert key == wanted, f"{agent}: {key} came, {wanted} is next in the feed"
                at[agent] += 1
        return at


async def _change(backend: Backend, agents: list[str], rng: random.Random, stop: asyncio.Event):
    """Changes of all kinds; each leaves a view that no other leaves."""
    producers = {agent: Producer(backend, agent, n) for n, agent in enumerate(agents, 1)}
    while not stop.is_set():
        agent = rng.choice(agents)
        match rng.randrange(4):
            case 0:
                await force(backend, agent, Mode.FORCED_OPEN, rng.randrange(10**6, 10**9))
            case 1:
                await force(backend, agent, Mode.FORCED_CLOSED, rng.randrange(10**6, 10**9))
            case 2:
                record = await read_agent(backend, agent)
                assert record is not None
                await configure(
                    backend, agent, failing(2, timeout_seconds=1.0),
                    revision=record.revision, actor="tester",
                )  # fmt: skip
            case 3:
                await producers[agent].fail(2)
        if rng.random() < 0.1:
            await asyncio.sleep(rng.random() * 0.03)


@pytest.mark.parametrize("seed", range(4))
async def test_no_change_is_lost_doubled_or_out_of_order_whenever_the_connection_breaks(
    backend: Backend, redis_url: str, namespace: str, seed: int
) -> None:
    rng = random.Random(seed)
    agents = [f"agent-{n}" for n in range(6)]
    await enroll(backend, *agents)
    await until_folded(backend, *agents)
    # Two processes: one may be ahead of the other when a client changes between them.
    async with streaming(redis_url, namespace) as one, streaming(redis_url, namespace) as two:
        witnesses = [Witness(random.Random(f"{seed}/{n}"), [one.url, two.url]) for n in range(5)]
        running = [asyncio.create_task(witness.run()) for witness in witnesses]
        stop = asyncio.Event()
        changing = asyncio.create_task(_change(backend, agents, rng, stop))
        await asyncio.sleep(2.0)  # the least length of the load, not a wait for anything
        await eventually(
            lambda: (
                all(witness.connections > 5 for witness in witnesses)
                or any(task.done() for task in running)
            ),
            60,
        )
        stop.set()
        await changing
        for agent in agents:  # a last view that nothing follows
            await force(backend, agent, Mode.FORCED_OPEN, 10**9)
        await until_folded(backend, *agents)
        feeds = await views_in_feeds(backend)
        ends = {agent: len(views) - 1 for agent, views in feeds.items()}
        try:
            for witness in witnesses:
                await eventually(
                    lambda witness=witness: (
                        witness.reached(feeds) == ends or any(t.done() for t in running)
                    )
                )
        finally:
            for task in running:
                task.cancel()
            await asyncio.wait(running)
    assert sum(len(views) for views in feeds.values()) > 60
    for witness in witnesses:
        assert witness.reached(feeds) == ends
        assert witness.connections > 5
        assert set(witness.reasons) == {"first"}, "a snapshot took the place of what was missed"


async def test_what_was_missed_comes_before_what_happens(
    served: Streaming, backend: Backend
) -> None:
    await enroll(backend, "a")
    await until_folded(backend, "a")
    async with stream(served.url) as client:
        await client.snapshot()
    for expires in (10**7, 10**8, 10**9):
        await force(backend, "a", Mode.FORCED_OPEN, expires)
        await until_folded(backend, "a")  # together they might be one entry of the feed
    async with stream(served.url, client.last_id) as again:
        ends = []
        for _ in range(3):
            event = await again.until("changes")
            (circuit,) = event.data["circuits"]
            ends.append(circuit["mode_until_ms"])
        assert ends == sorted(ends)
        await force(backend, "a", Mode.AUTO)
        await again.change("a", mode="auto")


async def test_a_client_that_missed_nothing_gets_no_snapshot(
    served: Streaming, backend: Backend
) -> None:
    await enroll(backend, "a")
    await until_folded(backend, "a")
    async with stream(served.url) as client:
        await client.snapshot()
    async with stream(served.url, client.last_id) as again:
        await force(backend, "a", Mode.FORCED_OPEN)
        kinds = [(await again.next()).kind for _ in range(3)]
        assert kinds == ["retry", "health", "changes"]


async def test_a_client_resumes_at_a_process_that_was_started_meanwhile(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    await enroll(backend, "a")
    await until_folded(backend, "a")
    async with streaming(redis_url, namespace) as served, stream(served.url) as client:
        await client.snapshot()
    await force(backend, "a", Mode.FORCED_OPEN)
    await until_folded(backend, "a")
    async with streaming(redis_url, namespace) as served, stream(served.url, client.last_id) as on:
        kinds = [(await on.next()).kind for _ in range(3)]
        assert kinds == ["retry", "health", "changes"]


async def test_resuming_with_a_filter_tells_what_left_it_meanwhile(
    served: Streaming, backend: Backend
) -> None:
    await enroll(backend, "a", "b")
    await force(backend, "a", Mode.FORCED_OPEN)
    await until_folded(backend, "a", "b")
    query = {"state": "forced_open", "kinds": "changes"}
    await eventually(lambda: len(served.hub.board) == 2)
    async with stream(served.url, **query) as client:
        assert set((await client.snapshot())[1]) == {"a"}
    await force(backend, "a", Mode.AUTO)
    await force(backend, "b", Mode.FORCED_OPEN)
    await until_folded(backend, "a", "b")
    async with stream(served.url, client.last_id, **query) as again:
        left: list[str] = []
        came: list[str] = []
        while not (left and came):
            event = await again.until("changes")
            left += event.data["left"]
            came += [circuit["agent"] for circuit in event.data["circuits"]]
        assert (left, came) == (["a"], ["b"])


async def test_an_id_that_is_none_of_ours_gets_a_snapshot(
    served: Streaming, backend: Backend
) -> None:
    async with stream(served.url) as client:
        await client.snapshot()
        own = client.last_id
    assert own is not None
    for foreign in ("17", "", "x.y.z", own + ".1", "a" * 10_000, own.replace(".", "-")):
        async with stream(served.url, foreign) as again:
            assert (await again.snapshot())[0] == ("gap" if foreign else "first")


async def test_a_feed_trimmed_too_far_gives_a_snapshot_for_a_gap(
    served: Streaming, backend: Backend
) -> None:
    await enroll(backend, "a")
    await until_folded(backend, "a")
    async with stream(served.url) as client:
        await client.snapshot()
    for expires in range(10**7, 10**7 + 5):
        await force(backend, "a", Mode.FORCED_OPEN, expires)
        await until_folded(backend, "a")  # together they might be one entry of the feed
    feed = backend.keys.shards[backend.keys.agent("a").shard].feed
    await backend.wire.call("XTRIM", feed, "MAXLEN", 2)
    async with stream(served.url, client.last_id) as again:
        reason, circuits = await again.snapshot()
        assert reason == "gap"
        assert circuits["a"]["mode"] == "forced_open"
        await force(backend, "a", Mode.AUTO)
        await again.change("a", mode="auto")


async def test_a_feed_with_other_entries_under_the_same_numbers_is_noticed(
    redis_url: str, namespace: str, backend: Backend
) -> None:
    """A server that crashed loses the end of the feed, and it grows again."""
    a, b = same_shard(backend, 2)
    await enroll(backend, a, b)
    await until_folded(backend, a, b)
    async with streaming(redis_url, namespace) as served, stream(served.url) as client:
        await client.snapshot()
        await force(backend, a, Mode.FORCED_OPEN)
        await client.change(a, mode="forced_open")
    feed = backend.keys.shards[backend.keys.agent(a).shard].feed
    (last,) = await backend.wire.call("XREVRANGE", feed, "+", "-", "COUNT", 1)
    await backend.wire.call("XDEL", feed, last[0])
    # An entry id is used once only, so the feed is written anew with its last entry another.
    entries = await backend.wire.call("XRANGE", feed, "-", "+")
    await backend.wire.call("DEL", feed)
    for entry_id, fields in [*entries, (last[0], [*last[1][:2], b"b", entries[0][1][3]])]:
        await backend.wire.call("XADD", feed, entry_id, *fields)
    async with streaming(redis_url, namespace) as served:
        async with stream(served.url, client.last_id) as again:
            assert (await again.snapshot())[0] == "data_loss"
        await force(backend, b, Mode.FORCED_OPEN)
        await until_folded(backend, b)
        async with stream(served.url, client.last_id) as again:
            assert (await again.snapshot())[0] == "data_loss"


async def test_an_id_ahead_of_the_feeds_gives_a_snapshot_for_lost_data(
    served: Streaming, backend: Backend
) -> None:
    await enroll(backend, "a")
    await until_folded(backend, "a")
    async with stream(served.url) as client:
        await client.snapshot()
    assert client.last_id is not None
    incarnation, *numbers, check = client.last_id.split(".")
    ahead = ".".join([incarnation, *(f"{int(n, 16) + 5:x}" for n in numbers), check])
    async with stream(served.url, ahead) as again:
        assert (await again.snapshot())[0] == "data_loss"


async def test_many_who_come_at_once_share_a_snapshot_and_miss_nothing(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    agents = [f"agent-{n}" for n in range(40)]
    await enroll(backend, *agents)
    await until_folded(backend, *agents)
    async with streaming(redis_url, namespace, part_circuits=7) as served:
        witnesses = [Witness(random.Random(n), [served.url], 10**9) for n in range(20)]
        running = []
        for number, witness in enumerate(witnesses):
            running.append(asyncio.create_task(witness.run()))
            await force(backend, agents[number], Mode.FORCED_OPEN, 10**8 + number)
        await until_folded(backend, *agents)
        feeds = await views_in_feeds(backend)
        ends = {agent: len(views) - 1 for agent, views in feeds.items()}
        for witness in witnesses:
            await eventually(lambda witness=witness: witness.reached(feeds) == ends)
        for task in running:
            task.cancel()
        await asyncio.wait(running)


async def test_a_removed_agent_is_told_to_who_was_away(served: Streaming, backend: Backend) -> None:
    await enroll(backend, "a")
    await until_folded(backend, "a")
    async with stream(served.url) as client:
        await client.snapshot()
    record = await read_agent(backend, "a")
    assert record is not None
    await remove(backend, "a", revision=record.revision, actor="tester")
    await enroll(backend, "a")
    await until_folded(backend, "a")
    async with stream(served.url, client.last_id) as again:
        first, second = [await again.until("changes") for _ in range(2)]
        assert first.data["removed"] == ["a"]
        assert [circuit["agent"] for circuit in second.data["circuits"]] == ["a"]


async def test_views_while_nobody_projects_come_when_somebody_does(
    redis_url: str, namespace: str
) -> None:
    async with open_backend(redis_url, namespace) as backend:
        async with projecting(redis_url, namespace):
            await enroll(backend, "a")
            await until_folded(backend, "a")
        async with streaming(redis_url, namespace) as served, stream(served.url) as client:
            await client.snapshot()
            await force(backend, "a", Mode.FORCED_OPEN)
            event = await client.until("health")
            assert event.data["server"] is True
            assert event.data["unprojected_shards"]
            async with projecting(redis_url, namespace):
                await client.change("a", mode="forced_open")
                await client.until(
                    lambda event: event.kind == "health" and not event.data["unprojected_shards"]
                )
