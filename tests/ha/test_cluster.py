"""A cluster: which node gets what, what comes back, and what happens while it changes."""

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fuseline.core.errors import BackendError, BackendUnavailableError, IncompatibleServerError
from fuseline.events import library
from fuseline.events.agents import register
from fuseline.events.backend import Backend
from fuseline.events.routing import slot_of_key
from fuseline.events.settings import BackendSettings
from fuseline.projections.ahead import Ahead, tell_call
from fuseline.projections.ahead_reader import AheadReader
from fuseline.projections.diagnosis import diagnose
from fuseline.projections.findings import Level
from fuseline.projections.projector import Projector
from tests.faults.support import actors
from tests.ha.load import NS, SHARDS, Worker, in_log, look_again, made
from tests.ha.topology import TIMEOUT_SECONDS, ClusterTopology, Node
from tests.logbook import (
    append,
    failing,
    failure,
    folded,
    log_of,
    open_backend,
    outcome,
    same_shard,
)
from tests.servers import RealServer
from tests.waiting import eventually


@pytest.fixture
async def backend(cluster: ClusterTopology, namespace: str) -> AsyncIterator[Backend]:
    async with open_backend(cluster.url, namespace, SHARDS) as opened:
        yield opened


async def test_replies_come_in_the_order_of_their_commands(backend: Backend) -> None:
    keys = [keys.producers for keys in backend.keys.shards]
    assert len({await _node(backend, key) for key in keys}) == 3
    await backend.wire.call_many([("HSET", key, "n", n) for n, key in enumerate(keys)])
    asked = [n * 5 % SHARDS for n in range(40)]
    replies = await backend.wire.call_many([("HGET", keys[n], "n") for n in asked])
    assert replies == [str(n).encode() for n in asked]
    replies = await backend.wire.call_many([("TIME",), ("XLEN", keys[0]), ("HGET", keys[1], "n")])
    assert "WRONGTYPE" in str(replies[1])
    assert replies[2] == b"1"


async def _node(backend: Backend, key: str) -> tuple[str, int]:
    assert backend._nodes is not None
    return backend._nodes.master_of(slot_of_key(key))


async def test_the_functions_are_on_every_master_and_come_back(
    backend: Backend, cluster: ClusterTopology
) -> None:
    for master in cluster.masters:
        assert await master.tell("FCALL", library.function("build"), 0) == library.BUILD
    await cluster.masters[1].tell("FUNCTION", "FLUSH")
    for n in range(30):
        assert (await append(backend, f"a{n}", [outcome()]))[0] == b"OK"
    assert await cluster.masters[1].tell("FCALL", library.function("build"), 0) == library.BUILD


async def test_what_is_told_ahead_comes_from_all_nodes(backend: Backend) -> None:
    names: list[str] = []

    def take(ahead: Ahead) -> None:
        names.append(ahead.agent)

    reader = AheadReader(backend, take)
    await reader.start()
    task = asyncio.create_task(reader.run())
    wanted = []
    for round_of in range(2):
        for shard in backend.keys.shards:
            wanted.append(f"{round_of}-{shard.shard}")
            await backend.wire.call("XADD", shard.ahead, "*", "a", wanted[-1], "b", "-")
        await eventually(lambda: sorted(names) == sorted(wanted))
        sent = reader._wire.commands_sent
        reader.begin_anew()
        # The end of each stream, and then a read of each.
        await eventually(lambda n=sent: reader._wire.commands_sent >= n + 2 * SHARDS)
    (nothing,) = await backend.fcall_many(
        [tell_call(backend.keys.shards[0], backend.keys.agent(same_shard(backend, 1)[0]))]
    )
    assert nothing == 0
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_a_reader_waits_for_streams_on_all_nodes_at_once(backend: Backend) -> None:
    wire = backend.make_wire(2.0)
    feeds = [keys.feed for keys in backend.keys.shards]

    async def read(at: dict[str, str], block_ms: int) -> dict[str, list[str]]:
        found = await wire.call(
            "XREAD", "BLOCK", block_ms, "STREAMS", *feeds, *(at.get(feed, "0-0") for feed in feeds)
        )
        return {key.decode(): [i.decode() for i, _ in entries] for key, entries in found or ()}

    assert await read({}, 50) == {}
    at: dict[str, str] = {}
    for n, feed in enumerate(feeds * 3):
        waiting = asyncio.create_task(read(at, 60_000))
        await asyncio.sleep(0)
        await backend.wire.call("XADD", feed, f"{n + 1}-0", "a", "b")
        assert await asyncio.wait_for(waiting, TIMEOUT_SECONDS) == {feed: [f"{n + 1}-0"]}
        at[feed] = f"{n + 1}-0"

    # A caller that leaves takes nothing with it; one that goes back reads it again.
    waiting = asyncio.create_task(read(at, 60_000))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    await backend.wire.call("XADD", feeds[3], "1000-0", "a", "b")
    await eventually(lambda: _is(read(at, 50), {feeds[3]: ["1000-0"]}), TIMEOUT_SECONDS)
    assert await read(at | {feeds[3]: "0-0"}, 60_000) == {
        feeds[3]: ["4-0", "12-0", "20-0", "1000-0"]
    }


async def _is(found: object, wanted: object) -> bool:
    return await found == wanted  # type: ignore[misc]


async def test_one_silent_node_does_not_take_the_replies_of_the_others(
    cluster: ClusterTopology, backend: Backend
) -> None:
    keys = [keys.producers for keys in backend.keys.shards]
    commands = [("HSETNX", key, "n", 1) for key in keys]
    silent = cluster.masters[2]
    on_silent = [await _node(backend, key) == ("127.0.0.1", silent.port) for key in keys]
    assert 0 < sum(on_silent) < SHARDS
    wire = backend.make_wire()
    await wire.call_many([("EXISTS", key) for key in keys])
    wire._seconds = 0.2  # shorter than what makes the others replace it
    for used in wire._wires.values():  # type: ignore[attr-defined]
        used._timeout_seconds = 0.2
    silent.pause()
    try:
        replies = await wire.call_some(commands)
    finally:
        silent.resume()
    failed = [isinstance(reply, BackendUnavailableError) for reply in replies]
    # Others may be late too when the machine is busy; the silent one cannot answer.
    assert all(f for f, is_silent in zip(failed, on_silent, strict=True) if is_silent)
    assert not all(failed)
    await eventually(lambda: _all_answer(backend, keys), TIMEOUT_SECONDS)


async def _all_answer(backend: Backend, keys: list[str]) -> bool:
    try:
        await backend.wire.call_many([("EXISTS", key) for key in keys])
    except BackendUnavailableError:
        return False
    return True


async def test_a_slot_that_moves_under_load_loses_nothing(
    cluster: ClusterTopology, tmp_path: Path
) -> None:
    async with actors(1) as crew, open_backend(cluster.url, NS, SHARDS) as backend:
        worker = Worker("worker", crew[0], tmp_path)
        await worker.begin(cluster.url, pause=0.05)
        await worker.more(200)
        slot = slot_of_key(backend.keys.agent(worker.agents[0]).events)
        _, port = await _node(backend, backend.keys.agent(worker.agents[0]).events)
        source = next(node for node in cluster.masters if node.port == port)
        target = next(node for node in cluster.masters if node is not source)
        await _move(slot, source, target, cluster)
        await worker.more(200)
        figures = await worker.end()
        assert figures["dropped"] == 0
        await look_again(backend)
        assert await in_log(backend, worker.agents) == made(figures)
        assert backend.moves > 0
        assert (await _node(backend, backend.keys.agent(worker.agents[0]).events))[1] == target.port
        await eventually(lambda: folded(backend, worker.agents[0]), TIMEOUT_SECONDS)


async def _move(slot: int, source: Node, target: Node, cluster: ClusterTopology) -> None:
    """As `--cluster reshard` does it: key by key, the slot half here and half there meanwhile."""
    source_id = (await source.tell("CLUSTER", "MYID")).decode()
    target_id = (await target.tell("CLUSTER", "MYID")).decode()
    await target.tell("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
    await source.tell("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
    while keys := await source.tell("CLUSTER", "GETKEYSINSLOT", slot, 1):
        moved = await source.tell(
            "MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *(k.decode() for k in keys)
        )
        assert moved in (b"OK", b"NOKEY"), moved
        await asyncio.sleep(0.05)  # long enough for calls to meet the half that is left
    for node in (target, source, *cluster.nodes):
        await node.tell("CLUSTER", "SETSLOT", slot, "NODE", target_id)


async def test_commands_look_at_all_nodes(cluster: ClusterTopology, namespace: str) -> None:
    environment = os.environ | {
        "REDIS_URL": cluster.url,
        "FUSELINE_NAMESPACE": namespace,
        "FUSELINE_SHARDS": str(SHARDS),
    }

    async def fuseline(*words: str) -> str:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "fuseline", *words, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        out, errors = await process.communicate()
        assert process.returncode == 0, (words, out, errors)
        return out.decode()

    agents = [f"a{n}" for n in range(12)]
    async with open_backend(cluster.url, namespace, SHARDS) as backend:
        for n, agent in enumerate(agents):
            await register(backend, agent, failing(3), "tester")
            await append(backend, agent, [failure()] * 3, producer=n)
        projector = asyncio.create_task(Projector(backend, "test").run())
        for agent in agents:
            await eventually(lambda agent=agent: folded(backend, agent), TIMEOUT_SECONDS)
        status, verified, doctor = await asyncio.gather(
            fuseline("status", "--json"), fuseline("verify", "--json"), fuseline("doctor", "--json")
        )
        projector.cancel()
        await asyncio.wait([projector])
    assert {one["agent"]: one["state"] for one in json.loads(status)["agents"]} == dict.fromkeys(
        agents, "open"
    )
    assert {one["agent"] for one in json.loads(verified)["agents"]} == set(agents)
    found = {f["check"]: f for f in json.loads(doctor)["findings"]}
    assert found["replicas"]["text"] == "1 of a master"
    assert found["persistence"]["text"] == "appendonly yes, appendfsync everysec"
    assert found["lag"]["text"] == "all events are folded"


async def test_the_doctor_sees_a_master_without_a_replica(
    cluster: ClusterTopology, backend: Backend
) -> None:
    findings = [f async for f in diagnose(backend)]
    assert [f.text for f in findings if f.check == "replicas"] == ["1 of a master"]
    await cluster.masters[0].tell("CONFIG", "SET", "appendonly", "no")
    try:
        found = [f async for f in diagnose(backend) if f.check == "persistence"]
        assert sorted(f.level for f in found) == [Level.OK, Level.WARNING]
    finally:
        await cluster.masters[0].tell("CONFIG", "SET", "appendonly", "yes")


async def test_a_url_of_the_wrong_kind_is_told(cluster: ClusterTopology) -> None:
    plain = f"redis://{cluster.masters[0].host}"
    errors = []
    for namespace in ("a", "b", "c", "d", "e"):  # one of them lies on another node
        try:
            backend = await Backend.open(BackendSettings(url=plain, namespace=namespace))
        except BackendError as error:
            errors.append(error)
        else:
            await backend.close()
    assert errors
    assert all(isinstance(error, IncompatibleServerError) for error in errors)
    assert "use redis+cluster://" in str(errors[0])
    with RealServer(tcp=True) as single:
        url = single.tcp_url.replace("redis:", "redis+cluster:")
        with pytest.raises(BackendError, match="is no node of a cluster"):
            await Backend.open(BackendSettings(url=url))


async def test_nobody_there_is_told_in_time() -> None:
    settings = BackendSettings(url="redis+cluster://127.0.0.1:1,127.0.0.1:2")
    with pytest.raises(BackendUnavailableError, match=r"127\.0\.0\.1:1, 127\.0\.0\.1:2"):
        await asyncio.wait_for(Backend.open(settings), TIMEOUT_SECONDS)


async def test_a_log_reads_the_same_on_every_node(backend: Backend) -> None:
    for n in range(10):
        await append(backend, f"agent-{n}", [outcome()] * n or [failure()], producer=n)
    for n in range(10):
        assert len(await log_of(backend, f"agent-{n}")) == max(1, n)
