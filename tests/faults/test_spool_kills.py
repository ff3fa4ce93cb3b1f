"""While the server is away workers are killed: what a flush acknowledged is in the log, once."""

import asyncio
import contextlib
import json
import random
import sqlite3
from pathlib import Path

import pytest

from fuseline.bridge.spool.files import SUFFIX, spool_path
from fuseline.events.backend import Backend
from tests.faults.proxy import proxied
from tests.faults.server_faults import FAULTS, NS, killed, make_user, stopped
from tests.faults.support import (
    Count,
    actors,
    assert_verified,
    connect,
    new_worker,
    until_all_folded,
)
from tests.logbook import open_backend
from tests.members import Member
from tests.projections.support import projecting
from tests.servers import RealServer
from tests.waiting import eventually

AGENTS = ["a", "b", "c"]
CONFIG = {"failure_threshold": None, "failure_rate_threshold": None}


def lines(journal: Path) -> list[dict]:
    # The last line may be on its way, or its writer was killed in the middle of it.
    return [json.loads(line) for line in journal.read_text().split("\n")[:-1]]


def marks(journals: list[Path]) -> set[tuple[str, str]]:
    """The failures that a flush has acknowledged."""
    return {tuple(mark) for path in journals for line in lines(path) for mark in line["marks"]}


async def start_work(worker: Member, journal: Path, seed: int) -> asyncio.Future:
    await worker.ask("get_all", agents=AGENTS, config=CONFIG)
    return worker.begin("work", agents=AGENTS, journal=str(journal), seed=seed)


async def assert_all_once(backend: Backend, journals: list[Path]) -> Count:
    async with projecting(backend.url, NS):
        await until_all_folded(backend, AGENTS, 60)
    count = await Count.of(backend, AGENTS)
    count.assert_none_twice()
    missing = marks(journals) - set(count.kinds)
    assert not missing, len(missing)
    by_worker: dict[tuple[int, int], list[int]] = {}
    for shard, worker, seq in count.identities:
        by_worker.setdefault((shard, worker), []).append(seq)
    for seqs in by_worker.values():
        assert sorted(seqs) == list(range(1, len(seqs) + 1))
    assert await assert_verified(backend, AGENTS) == count.identities.total()
    return count


def spools(folder: Path) -> list[Path]:
    return list(folder.rglob(f"*{SUFFIX}"))


def on_disk(folder: Path) -> int:
    """Outcomes in the spools of dead processes."""
    total = 0
    for path in spools(folder):
        with contextlib.closing(sqlite3.connect(path)) as db:
            total += db.execute("SELECT COALESCE(SUM(count), 0) FROM batches").fetchone()[0]
    return total


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_worker_killed_while_the_server_is_away_loses_nothing_it_acknowledged(
    fresh_server: RealServer, tmp_path: Path, fault: str
) -> None:
    user_url = await make_user(fresh_server)
    url = user_url if fault == "revoked" else fresh_server.url
    options = {"durability": "disk", "spool_dir": str(tmp_path / "spool")}
    journals = [tmp_path / f"{n}.journal" for n in range(3)]
    async with actors(2) as crew:
        producers = [await connect(worker, url, NS, **options) for worker in crew]
        for number, worker in enumerate(crew[:2]):
            await start_work(worker, journals[number], number)
        await eventually(
            lambda: all(path.exists() and len(lines(path)) > 3 for path in journals[:2])
        )
        doomed, survivor = crew
        async with FAULTS[fault](fresh_server):
            before = [len(lines(path)) for path in journals[:2]]
            # Acknowledged without a server, dozens of times.
            await eventually(
                lambda: all(
                    len(lines(path)) > count + 60
                    for path, count in zip(journals, before, strict=False)
                ),
                30,
            )
            assert len(spools(tmp_path / "spool")) == 2
            await doomed.kill()
            last = len(lines(journals[1]))
            await eventually(lambda: len(lines(journals[1])) > last + 10)
        heir = await new_worker(crew, url, NS, **options)
        await start_work(heir, journals[2], 3)
        orphan = spool_path(tmp_path, producers[0]).name
        await eventually(
            lambda: orphan not in [path.name for path in spools(tmp_path / "spool")], 20
        )
        await eventually(lambda: journals[2].exists() and len(lines(journals[2])) > 3)
        figures = []
        for worker in (survivor, heir):
            await worker.ask("stop")
            await worker.ask("flush", timeout=20)
            figures.append(await worker.ask("figures"))
            assert await worker.ask("dropped") == 0
        for worker in (survivor, heir):
            await worker.ask("close")
        assert spools(tmp_path / "spool") == []
        async with open_backend(fresh_server.url, NS) as backend:
            await assert_all_once(backend, journals)
        # No error of the server is among them.
        assert set(figures[0]["done"]) <= {"ok", "failed"}
        assert figures[0]["longest"] < 2.5


async def test_in_memory_mode_a_killed_worker_loses_a_moment_and_no_more(
    fresh_server: RealServer, tmp_path: Path
) -> None:
    folder = tmp_path / "spool"
    options = {"spool_dir": str(folder)}
    async with actors(1) as crew:
        (worker,) = crew
        await connect(worker, fresh_server.url, NS, **options)
        await worker.ask("get_all", agents=AGENTS, config=CONFIG)
        for agent in AGENTS:
            await worker.ask("sequence", agent=agent, plans=["ok"] * 100)
        await worker.ask("flush")
        fresh_server.kill()
        count = 0
        loop = asyncio.get_running_loop()
        until = loop.time() + 3
        while loop.time() < until:  # a minute, scaled
            agent = random.choice(AGENTS)
            await worker.ask("sequence", agent=agent, plans=["ok"] * 50 + [f"mark-{count}"])
            count += 1
        await eventually(lambda: on_disk(folder) == count * 51)  # 20 ms later all is on disk
        await worker.kill()
        assert on_disk(folder) == count * 51 > 1000
        fresh_server.start()
        heir = await new_worker(crew, fresh_server.url, NS, **options)
        await eventually(lambda: not spools(folder), 60)
        await heir.ask("close")
        async with open_backend(fresh_server.url, NS) as backend:
            found = await assert_all_once(backend, [])
            assert found.identities.total() == 300 + count * 51
            assert {kind for _, kind in found.kinds} == {f"mark-{n}" for n in range(count)}


async def test_generations_of_killed_workers_over_a_cutting_network_and_a_dying_server(
    fresh_server: RealServer, tmp_path: Path
) -> None:
    rng = random.Random(7)
    folder = tmp_path / "spool"
    journals: list[Path] = []
    async with proxied(fresh_server.socket, 7) as proxy, actors(0) as crew:
        options = {"durability": "disk", "spool_dir": str(folder)}
        for generation in range(6):
            proxy.share = 0.0
            worker = await new_worker(crew, proxy.url, NS, **options)
            proxy.share = 0.05
            journal = tmp_path / f"{generation}.journal"
            journals.append(journal)
            await start_work(worker, journal, generation)
            await eventually(lambda j=journal: j.exists() and len(lines(j)) > 5, 60)
            async with killed(fresh_server):
                count = len(lines(journal))
                more = rng.randrange(5, 40)
                await eventually(lambda j=journal, c=count + more: len(lines(j)) > c, 60)
                if generation % 2:
                    await worker.kill()
            await asyncio.sleep(rng.random() * 0.05)  # somewhere in the middle of sending
            await worker.kill()
        proxy.share = 0.0
        assert sum(proxy.cuts.values()) > 10
        assert spools(folder)
        last = await new_worker(crew, proxy.url, NS, **options)
        await eventually(lambda: not spools(folder), 30)
        await last.ask("close")
        async with open_backend(fresh_server.url, NS) as backend:
            found = await assert_all_once(backend, journals)
        assert len(marks(journals)) > 200
        assert len({worker for _, worker, _ in found.identities}) >= 6


async def test_a_hung_server_holds_up_no_flush_and_no_call(
    fresh_server: RealServer, tmp_path: Path
) -> None:
    journal = tmp_path / "journal"
    async with actors(1) as (worker,):
        options = {"durability": "disk", "spool_dir": str(tmp_path / "spool")}
        await connect(worker, fresh_server.url, NS, **options)
        await start_work(worker, journal, 1)
        await eventually(lambda: journal.exists() and len(lines(journal)) > 5)
        async with stopped(fresh_server):
            loop = asyncio.get_running_loop()
            until = loop.time() + 5
            pauses, seen, at = [], len(lines(journal)), loop.time()
            while loop.time() < until:
                await eventually(lambda n=seen: len(lines(journal)) > n)
                pauses.append(loop.time() - at)
                seen, at = len(lines(journal)), loop.time()
            assert seen > 50
            assert max(pauses) < 1.0
        await worker.ask("stop")
        await worker.ask("flush", timeout=20)
        figures = await worker.ask("figures")
        assert figures["longest"] < 0.5
        await worker.ask("close")
        async with open_backend(fresh_server.url, NS) as backend:
            found = await assert_all_once(backend, [journal])
            assert found.identities.total() == sum(figures["done"].values())
