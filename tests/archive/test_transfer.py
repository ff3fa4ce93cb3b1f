"""A namespace in a file and back: the same keys, proven by verify, whatever interrupts it."""

import asyncio
import contextlib
import random
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fuseline.alerts.store import AlertStore
from fuseline.archive.exporting import export
from fuseline.archive.file import ExportFileError, part_of
from fuseline.archive.importing import NotEmptyError, import_file
from fuseline.bridge.tasks.model import (
    Priority,
    TaskBody,
    TaskResult,
    TaskStatus,
    encode_body,
    encode_result,
)
from fuseline.bridge.tasks.store import Place, TaskStore
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import ConfigError
from fuseline.events.agents import list_agents, register
from fuseline.events.backend import Backend
from fuseline.projections.leases import LostLeaseError
from fuseline.projections.verify import verify
from tests.archive.support import GONE, LIVELY, contents, peopled, trim
from tests.cli.support import World
from tests.logbook import append, open_backend, outcome, outcomes_of, projection_of
from tests.projections.support import projecting, until_folded
from tests.servers import RealServer


@pytest.fixture
async def other(redis_url: str) -> AsyncIterator[Backend]:
    """An empty namespace beside it."""
    async with open_backend(redis_url, f"t{uuid.uuid4().hex[:12]}") as opened:
        yield opened


class StopHereError(Exception):
    """Stands for whatever ends a process."""


def ends_after(count: int) -> object:
    """Progress that ends in an error."""
    left = [count]

    def progress(done: int) -> None:
        left[0] -= done
        if left[0] < 0:
            raise StopHereError

    return progress


async def assert_verified(backend: Backend) -> None:
    names = [keys async for page in list_agents(backend) for keys in page]
    assert len(names) == len(LIVELY) + 1
    for keys in [*names, backend.keys.agent(GONE)]:
        found = await verify(backend, keys)
        assert found.ok, found


async def test_everything_comes_back_as_it_was_and_goes_on(
    backend: Backend, other: Backend, redis_url: str, tmp_path: Path
) -> None:
    await peopled(backend, redis_url)
    await backend.wire.call("HSET", backend.keys.access.tokens, "id", "hash")
    before = await contents(backend)
    done = await export(backend, tmp_path / "all.gz")
    assert done.agents == len(LIVELY) + 2
    assert not part_of(tmp_path / "all.gz").exists()
    result = await import_file(other, tmp_path / "all.gz")
    assert (result.agents, result.entries, result.ahead_seconds) == (done.agents, done.entries, 0)
    assert await contents(other) == before
    await assert_verified(other)
    assert await backend.wire.call("HGETALL", other.keys.namespace) != []
    # The sources of outcomes are known, so none comes twice; and folding goes on.
    assert (await append(other, GONE, [outcome()], first=2, producer=7))[1] == 2
    async with projecting(redis_url, other.keys.namespace_name):
        for name in LIVELY:
            await append(other, name, [outcome()], producer=hash(name) % 1000 + 10)
        await until_folded(other, *LIVELY)
    await assert_verified(other)


async def test_an_export_that_is_interrupted_goes_on(
    backend: Backend, other: Backend, redis_url: str, tmp_path: Path
) -> None:
    await peopled(backend, redis_url)
    path = tmp_path / "all.gz"
    for entries in (1, 300, 900):
        with pytest.raises(StopHereError):
            await export(backend, path, ends_after(entries))  # type: ignore[arg-type]
        assert not path.exists()
    with part_of(path).open("ab") as file:  # killed in the middle of a record
        file.write(b"\x1f\x8b half of something")
    done = await export(backend, path)
    assert done.resumed > 0
    assert (done.agents, done.entries) == (len(LIVELY) + 2, await stored_entries(backend))
    await import_file(other, path)
    assert await contents(other) == await contents(backend)


async def stored_entries(backend: Backend) -> int:
    found = await contents(backend)
    return sum(len(value[0]) for value in found.values() if isinstance(value, tuple))


async def test_an_import_that_is_interrupted_goes_on(
    backend: Backend, other: Backend, redis_url: str, tmp_path: Path
) -> None:
    await peopled(backend, redis_url)
    path = tmp_path / "all.gz"
    await export(backend, path)
    size = path.stat().st_size
    resumed = 0
    for part in range(11, 20, 2):  # the first half of the progress is the checksum
        with pytest.raises(StopHereError):
            await import_file(other, path, on_bytes=ends_after(size * part // 10))  # type: ignore[arg-type]
    done = await import_file(other, path)
    resumed = done.resumed
    assert resumed > 0
    assert await contents(other) == await contents(backend)
    with pytest.raises(NotEmptyError, match="--replace"):
        await import_file(other, path)
    await append(other, LIVELY[1], [outcome()], producer=99)
    assert (await import_file(other, path, replace=True)).agents == done.agents
    found = await contents(other)
    (producers,) = [
        found[name] for name in found if name.endswith(":producers") and (b"99" in found[name])
    ]
    del producers[b"99"]  # numbers never go back
    assert {k: v for k, v in found.items() if v} == await contents(backend)


async def test_a_namespace_in_use_is_exported_as_of_one_moment(
    backend: Backend, other: Backend, redis_url: str, tmp_path: Path
) -> None:
    await peopled(backend, redis_url)
    stop = asyncio.Event()

    async def use(name: str, producer: int) -> None:
        first = 1
        while not stop.is_set():
            some = [outcome(worker=producer, seq=first + n) for n in range(5)]
            await append(backend, name, some, first=first, producer=producer)
            first += 5
            if first % 50 == 1:
                with contextlib.suppress(LostLeaseError):  # the projector took it back
                    await trim(backend, name, outcomes=100)

    users = [asyncio.create_task(use(name, 100 + place)) for place, name in enumerate(LIVELY)]
    async with projecting(redis_url, backend.keys.namespace_name):
        for turn in range(3):
            await export(backend, tmp_path / f"{turn}.gz")
            await import_file(other, tmp_path / f"{turn}.gz", replace=turn > 0)
            await assert_verified(other)
            for producer, name in enumerate(LIVELY, start=100):
                key = other.keys.shards[other.keys.shard_of(name)].producers
                known = await other.wire.call("HGET", key, producer)
                sent = [o.seq for o in await outcomes_of(other, name) if o.worker == producer]
                # Neither more nor less than the log has, or outcomes would be lost or come twice.
                assert int((known or b"0 0").split(b" ")[1]) == max(sent, default=0)
        stop.set()
        await asyncio.gather(*users)


async def test_a_damaged_or_short_file_changes_nothing(
    backend: Backend, other: Backend, redis_url: str, tmp_path: Path
) -> None:
    await peopled(backend, redis_url, events=60)
    path = tmp_path / "all.gz"
    await export(backend, path)
    whole = path.read_bytes()
    chance = random.Random(5)
    damaged = tmp_path / "damaged.gz"
    for _ in range(40):
        at = chance.randrange(len(whole))
        if 4 <= at % 50 <= 9 and whole[at - 4 : at - 2] == b"\x1f\x8b":
            continue
        data = bytearray(whole)
        data[at] ^= 1 << chance.randrange(8)
        damaged.write_bytes(data)
        with pytest.raises(ExportFileError):
            await import_file(other, damaged)
        damaged.write_bytes(whole[:at])
        with pytest.raises(ExportFileError):
            await import_file(other, damaged)
    damaged.write_bytes(b"no export at all")
    with pytest.raises(ExportFileError, match="no export"):
        await import_file(other, damaged)
    assert await contents(other) == {}


async def test_what_does_not_fit_is_refused_by_name(
    backend: Backend, redis_url: str, tmp_path: Path
) -> None:
    await register(backend, "a", CircuitBreakerConfig(), "me")
    path = tmp_path / "all.gz"
    await export(backend, path)
    with pytest.raises(ConfigError, match="FILE"):
        await export(backend, path)
    async with open_backend(redis_url, f"t{uuid.uuid4().hex[:12]}", shards=8) as wide:
        with pytest.raises(ConfigError, match=r"shards.*4, as the export has"):
            await import_file(wide, path)


def test_an_export_says_what_is_not_in_it(world: World, tmp_path: Path) -> None:
    world.call("a", True)
    plain = world.run("export", str(tmp_path / "1.gz"), "--json")
    assert plain.document["left_out"] == {
        "tasks": 0, "dead_letters": 0, "alert_rules": 0, "alert_channels": 0
    }  # fmt: skip
    assert plain.err == ""

    async def fill_up(backend: Backend) -> None:
        """A task in each place where one can be, and what belongs to alerts."""
        store = TaskStore(backend)
        keys, body = store.keys, encode_body(TaskBody(b"1"))
        for n in range(6):
            await store.submit(f"t{n}", "a", Priority.NORMAL, 0, body)
        full = {"a": Place(room=4, deferred=4)}
        taken = (await store.take(backend.wire, "w", 10, 0, Place(), full)).tasks
        assert len(taken) == 4  # two are held
        await backend.fcall(*store.put_back(taken[0], "defer"))
        await backend.fcall(*store.park(taken[1], 60_000, "later"))
        result = TaskResult(id=taken[2].id, agent="a", status=TaskStatus.DEAD)
        ended = store.finish(taken[2].id, encode_result(result)[1], 60.0, "attempts", "no")
        await backend.fcall(*ended)
        assert await backend.wire.call("ZCARD", f"{keys.held_prefix}a") == 2
        alerts = AlertStore(backend)
        to = {"kind": "webhook", "url": "https://x.example", "secret": "${env:X}"}
        for name in ("one", "two"):
            await alerts.put_channel({"name": name, "to": to}, "me")
        rule = {"name": "r", "when": {"kind": "opened"}, "channels": ["one"]}
        await alerts.put_rule(rule, "me")

    world.with_backend(fill_up)
    counted = world.run("export", str(tmp_path / "2.gz"), "--json")
    assert counted.document["left_out"] == {
        "tasks": 5, "dead_letters": 1, "alert_rules": 1, "alert_channels": 2
    }  # fmt: skip
    shown = world.run("export", str(tmp_path / "3.gz"))
    assert "5 tasks wait or run; they will not be in the file" in shown.err
    told = " ".join(shown.out.split())
    for word in ("Not in it: 5 tasks", "1 dead letters", "2 channels", "sessions"):
        assert word in told


def test_the_commands_move_a_namespace(world: World, server: RealServer, tmp_path: Path) -> None:
    world.call("a", True, False, True)
    file = str(tmp_path / "out.gz")
    done = world.run("export", file, "--json")
    assert done.code == 0, done.err
    assert done.document["agents"] == 1
    other = World(server.url, f"t{uuid.uuid4().hex[:12]}")
    shown = other.run("import", file)
    assert (shown.code, "1 agent imported" in shown.out) == (0, True), shown.err
    assert "1 agent: 4 events folded again" in other.run("verify").out
    other.close()


async def test_an_imported_circuit_is_the_one_that_was_exported(
    backend: Backend, other: Backend, redis_url: str, tmp_path: Path
) -> None:
    await peopled(backend, redis_url, seed=9, events=150)
    await export(backend, tmp_path / "x.gz")
    await import_file(other, tmp_path / "x.gz")
    for name in (*LIVELY, GONE):
        assert await projection_of(other, name) == await projection_of(backend, name)
