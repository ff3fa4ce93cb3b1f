"""The archive holds every entry once, whoever is killed, and says so if anybody changes it."""

import asyncio
import random
import sys
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from fuseline.archive.archiving import Archived, Archiver, stop_archiving
from fuseline.archive.chain import day_of, load_chain
from fuseline.archive.querying import query
from fuseline.archive.store import ArchiveError, Store
from fuseline.archive.tables import RawEntry
from fuseline.core.errors import ConfigError
from fuseline.events.backend import Backend
from fuseline.projections.origin import load_origin
from fuseline.projections.verify import verify
from tests.archive.support import LIVELY, archive, archived, made, peopled, proof, stream, trim
from tests.cli.support import World
from tests.logbook import outcomes_of
from tests.projections.tally_support import fill, fold, lively_log

AGENT = LIVELY[1]


def day(entry: RawEntry) -> str:
    return day_of(entry[0].decode())


async def test_everything_is_archived_once_and_then_may_be_trimmed(
    backend: Backend, store: Store, redis_url: str
) -> None:
    await made(backend, redis_url, AGENT, 900)
    log, history = await stream(backend, AGENT, "events"), await stream(backend, AGENT, "history")
    done = await archive(backend, store, AGENT)
    assert done.entries == len(log) + len(history)
    assert await archive(backend, store, AGENT) == Archived()
    await trim(backend, AGENT, outcomes=200, history_days=1e-9)
    assert len(await stream(backend, AGENT, "events")) <= 204
    last_ms = int(log[-1][0].split(b"-")[0])
    await fill(backend, AGENT, lively_log(random.Random(2), 450, last_ms + 1))
    await fold(backend, redis_url, backend.keys.namespace_name, AGENT)
    await trim(backend, AGENT, outcomes=100)
    log += [entry for entry in await stream(backend, AGENT, "events") if entry not in log]
    # Some wait for a full segment; only where a day ends is one not full.
    await archive(backend, store, AGENT, wait_hours=1e6)
    chain = await load_chain(store, backend.keys.namespace_name, AGENT)
    segments = [manifest for manifest, _ in chain if manifest.kind == "events"]
    assert sum(manifest.rows for manifest in segments) < len(log)
    ends = {entry[0].decode() for entry, following in pairwise(log) if day(entry) != day(following)}
    written_now = [manifest for manifest in segments if manifest.number > done.segments]
    assert all(manifest.rows == 100 or manifest.last in ends for manifest in written_now)
    assert any(manifest.rows == 100 for manifest in written_now)
    await archive(backend, store, AGENT)
    assert await archived(backend, store, AGENT, "events") == log
    found = await proof(backend, store, AGENT)
    assert (found.ok, found.gaps, found.left_over, found.folded) == (True, 0, 0, True), found
    assert (await verify(backend, backend.keys.agent(AGENT))).ok


async def test_killed_a_hundred_times_it_still_holds_each_entry_once(
    backend: Backend, store: Store, redis_url: str
) -> None:
    await made(backend, redis_url, AGENT, 6000)
    log, history = await stream(backend, AGENT, "events"), await stream(backend, AGENT, "history")
    shard = backend.keys.shards[backend.keys.shard_of(AGENT)]
    await backend.fcall("archived", (shard.archive,), (AGENT, "", ""))
    where = [redis_url, backend.keys.namespace_name, store.url, AGENT, "100", "1"]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.archive.killed", *where, stdout=asyncio.subprocess.PIPE
    )
    over = asyncio.create_task(process.communicate())
    while not over.done():  # the log is trimmed meanwhile, as far as the archive lets it
        await trim(backend, AGENT, outcomes=50, history_days=1e-9)
        await asyncio.wait([over], timeout=0.05)
    assert (process.returncode, int((await over)[0])) == (0, 100)
    segments = len(await load_chain(store, backend.keys.namespace_name, AGENT))
    assert 10 < segments < len(log) / 40
    assert len(await stream(backend, AGENT, "events")) < len(log)
    await archive(backend, store, AGENT, rows=2000)
    await trim(backend, AGENT, outcomes=50, history_days=1e-9)
    assert await archived(backend, store, AGENT, "events") == log
    assert await archived(backend, store, AGENT, "history") == history
    found = await proof(backend, store, AGENT)
    assert (found.ok, found.gaps, found.folded) == (True, 0, True), found
    assert (await verify(backend, backend.keys.agent(AGENT))).ok


async def test_two_archivers_share_the_work(backend: Backend, store: Store, redis_url: str) -> None:
    await made(backend, redis_url, AGENT, 600)
    done = await asyncio.gather(*(archive(backend, store, AGENT, rows=n) for n in (20, 30)))
    log, history = await stream(backend, AGENT, "events"), await stream(backend, AGENT, "history")
    assert await archived(backend, store, AGENT, "events") == log
    assert sum(one.entries for one in done) == len(log) + len(history)
    assert (await proof(backend, store, AGENT)).ok


async def test_every_change_of_an_archive_is_found(
    backend: Backend, store: Store, redis_url: str
) -> None:
    await made(backend, redis_url, AGENT, 500)
    await archive(backend, store, AGENT)
    assert store.folder is not None
    manifests = sorted(store.folder.rglob("*.json"))
    files = sorted(store.folder.rglob("*.parquet"))
    chance = random.Random(3)
    for path in [*manifests[1:-1], *files]:
        whole = path.read_bytes()
        for data in (_flipped(whole, chance), whole[: len(whole) // 2], None):
            if data is None:
                path.unlink()
            else:
                path.write_bytes(data)
            found = await proof(backend, store, AGENT)
            assert not found.ok, (path, found)
            path.write_bytes(whole)
    # The newest manifest has none after it, but the server knows what was archived.
    whole = manifests[-1].read_bytes()
    manifests[-1].unlink()
    assert "takes" in str((await proof(backend, store, AGENT)).problems)
    manifests[-1].write_bytes(whole)
    # Two segments in each other's place.
    one, two = manifests[1].read_bytes(), manifests[2].read_bytes()
    manifests[1].write_bytes(two)
    manifests[2].write_bytes(one)
    assert not (await proof(backend, store, AGENT)).ok
    manifests[1].write_bytes(one)
    manifests[2].write_bytes(two)
    assert (await proof(backend, store, AGENT)).ok


def _flipped(data: bytes, chance: random.Random) -> bytes:
    at = chance.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


async def test_another_folder_than_before_is_refused(
    backend: Backend, store: Store, redis_url: str, tmp_path: Path
) -> None:
    await made(backend, redis_url, AGENT, 200)
    await archive(backend, store, AGENT)
    with pytest.raises(ArchiveError, match="another one"):
        await archive(backend, Store(str(tmp_path / "other")), AGENT)


async def test_what_was_trimmed_before_is_said_to_be_missing(
    backend: Backend, store: Store, redis_url: str
) -> None:
    await made(backend, redis_url, AGENT, 300)
    await trim(backend, AGENT, outcomes=100)
    await archive(backend, store, AGENT)
    found = await proof(backend, store, AGENT)
    assert (found.ok, found.gaps) == (True, 1)
    await stop_archiving(backend)
    await trim(backend, AGENT, outcomes=10)
    assert (await load_origin(backend, backend.keys.agent(AGENT))).trimmed > 270


async def test_a_position_that_a_failover_has_set_back_is_caught_up(
    backend: Backend, store: Store, redis_url: str
) -> None:
    await made(backend, redis_url, AGENT, 400)
    await archive(backend, store, AGENT)
    shard = backend.keys.shards[backend.keys.shard_of(AGENT)]
    position = await backend.wire.call("HGET", shard.archive, AGENT)
    await backend.wire.call("HSET", shard.archive, AGENT, "5-0 0-0")
    assert await archive(backend, store, AGENT) == Archived()
    assert await backend.wire.call("HGET", shard.archive, AGENT) == position
    await backend.wire.call("DEL", shard.archive)
    assert await archive(backend, store, AGENT) == Archived()
    assert await backend.wire.call("HGET", shard.archive, AGENT) == position


async def test_sql_counts_what_the_log_holds_and_reaches_nothing_else(
    backend: Backend, store: Store, redis_url: str, tmp_path: Path
) -> None:
    namespace = backend.keys.namespace_name
    empty = await query(store, namespace, "SELECT count(*) FROM events, history")
    assert empty.rows == [[0]]
    await peopled(backend, redis_url, events=200)
    archiver = Archiver(backend, store)
    await archiver.archive([backend.keys.agent(name) for name in LIVELY])
    sql = "SELECT agent, count(*), max(duration_ms) FROM events WHERE kind = 'outcome' GROUP BY 1"
    found = {row[0]: row[1:] for row in (await query(store, namespace, sql)).rows}
    for name in LIVELY:
        wanted = [o.duration_ms for o in await outcomes_of(backend, name)]
        assert found[name] == [len(wanted), max(wanted)]
    changes = await query(store, namespace, "SELECT DISTINCT cause FROM history WHERE cause <> ''")
    assert "open_time_over" in [row[0] for row in changes.rows]
    secret = tmp_path / "secret.csv"
    secret.write_text("a\n1\n")
    for refused in (
        f"SELECT * FROM read_csv('{secret}')",
        f"COPY (SELECT 1) TO '{tmp_path}/x.csv'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "SELECT nothing FROM events",
        "no sql",
    ):
        with pytest.raises(ArchiveError, match="the query failed"):
            await query(store, namespace, refused)


@pytest.mark.parametrize("url", ["", "ftp://x/y", "s3://"])
def test_a_url_that_is_none_is_named(url: str) -> None:
    with pytest.raises(ConfigError, match="archive"):
        Store(url)


def test_the_commands_archive_prove_and_ask(world: World, tmp_path: Path) -> None:
    world.call("a", True, False, True)  # with the agent's registration four entries
    where = str(tmp_path / "archive")
    done = world.run("archive", "--to", where, "--json")
    assert done.code == 0, done.err
    assert done.document["segments"] == 2
    proven = world.run("verify", "--archive", "--from", where)
    assert (proven.code, "each once; the chains of hashes are whole" in proven.out) == (0, True)
    asked = world.run("query", "SELECT count(*) AS n FROM events", "--from", where, "--json")
    assert asked.document["rows"] == [{"n": 4}]

    async def first_ms(backend: Backend) -> int:
        first = await backend.wire.call("XRANGE", backend.keys.agent("a").events, "-", "+")
        await trim(backend, "a", outcomes=1)
        return int(first[0][0].split(b"-")[0])

    began_ms = world.with_backend(first_ms)
    then = world.run("state", "a", "--at", datetime.fromtimestamp(began_ms / 1000, UTC).isoformat())
    assert "Trimmed before" in then.out, then
    assert "Trimmed before" in world.run("timeline", "a").out
    assert "on top of what 3 trimmed ones came to" in world.run("verify").out
