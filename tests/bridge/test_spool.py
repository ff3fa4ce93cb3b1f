"""Outcomes wait on disk while the server is away, in bounds; whoever comes next sends them."""

import asyncio
import logging
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from fuseline import BackendUnavailableError, CircuitBreakerManager, CircuitState
from fuseline.bridge.spool import clock as spool_clock
from fuseline.bridge.spool.files import SUFFIX, lock_of
from fuseline.core.errors import ConfigError
from fuseline.core.events import Result
from fuseline.events.backend import Backend
from tests.bridge.support import Callee, attempt, connected, fail_times
from tests.faults.support import assert_verified
from tests.logbook import failing, folded, open_backend, outcomes_of, projection_of, transitions_of
from tests.servers import RealServer
from tests.waiting import eventually

NS = "ns"


def spools(folder: Path) -> list[Path]:
    return list(folder.rglob(f"*{SUFFIX}"))


def said(caplog: pytest.LogCaptureFixture, event: str) -> list[logging.LogRecord]:
    return [record for record in caplog.records if record.getMessage() == event]


async def call_many(
    manager: CircuitBreakerManager, callee: Callee, count: int, **agents: int
) -> None:
    """Calls `count` times, every n-th of an agent's fails; leaves the loop room."""
    for number in range(count):
        for agent, every in agents.items():
            plan = callee.fail if every and number % every == 0 else callee.ok
            assert await attempt(manager.get(agent, failing(None)), plan) in ("ok", "failed")
        if number % 50 == 0:
            await asyncio.sleep(0.001)


async def until_spooled(manager: CircuitBreakerManager) -> None:
    """Nothing is in memory alone any more."""
    progress = manager.recorder.progress
    goal = progress.passes + 1
    await eventually(lambda: progress.safe_through >= goal)


async def assert_once_and_in_order(backend: Backend, agents: str, total: int) -> None:
    """All outcomes are there once, each producer's numbers without a gap, each log in order."""
    numbers: dict[tuple[int, int], list[int]] = {}
    for agent in agents:
        shard = backend.keys.agent(agent).shard
        mine: dict[int, list[int]] = {}
        for outcome in await outcomes_of(backend, agent):
            mine.setdefault(outcome.worker, []).append(outcome.seq)
        for worker, seqs in mine.items():
            assert seqs == sorted(seqs)
            numbers.setdefault((shard, worker), []).extend(seqs)
    for seqs in numbers.values():
        assert sorted(seqs) == list(range(1, len(seqs) + 1))
    assert sum(map(len, numbers.values())) == total


async def test_outcomes_go_to_disk_when_the_server_is_away_and_to_the_log_when_it_is_back(
    fresh_server: RealServer, callee: Callee, tmp_path: Path
) -> None:
    async with connected(fresh_server.url, NS, spool_dir=tmp_path) as manager:
        await call_many(manager, callee, 20, a=3, b=0)
        await manager.flush()
        assert spools(tmp_path) == []  # no file before it is needed
        fresh_server.kill()
        await call_many(manager, callee, 5000, a=3, b=0)
        await until_spooled(manager)
        await call_many(manager, callee, 500, a=3, b=0)
        await until_spooled(manager)
        (path,) = spools(tmp_path)
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700
        recorder = manager.recorder
        in_memory = sum(outbox.in_memory for outbox in recorder._outboxes)
        assert in_memory <= 4000  # what was sent without an answer
        assert recorder.depth == 11_000 == recorder.spooled + in_memory
        fresh_server.start()
        await manager.flush(20)
        async with open_backend(fresh_server.url, NS) as backend:
            await assert_once_and_in_order(backend, "ab", callee.calls)
            failures = [o for o in await outcomes_of(backend, "a") if o.result is Result.FAILURE]
            assert len(failures) == 7 + 1667 + 167
            for agent in "ab":
                await eventually(lambda a=agent: folded(backend, a))
            assert await assert_verified(backend, "ab") == callee.calls
        assert manager.outcomes_dropped == recorder.spooled == recorder.depth == 0
        await call_many(manager, callee, 1, a=0)
        await manager.flush()
    assert spools(tmp_path) == []  # nothing is left, so no file is
    assert list(tmp_path.rglob("*.lock")) == []


async def test_a_process_that_ends_without_a_server_leaves_its_outcomes_to_the_next(
    fresh_server: RealServer, callee: Callee, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr("fuseline.bridge.manager.DRAIN_SECONDS", 0.1)
    async with connected(fresh_server.url, NS, spool_dir=tmp_path, worker="one") as manager:
        await call_many(manager, callee, 10, a=2)
        await manager.flush()
        first = manager.recorder.producer
        fresh_server.kill()
        await call_many(manager, callee, 300, a=2, b=3)
    assert said(caplog, "outcomes_spooled_at_close")
    assert len(spools(tmp_path)) == 1
    fresh_server.start()
    async with connected(fresh_server.url, NS, spool_dir=tmp_path, worker="two") as manager:
        await eventually(lambda: not spools(tmp_path))
        async with open_backend(fresh_server.url, NS) as backend:
            await assert_once_and_in_order(backend, "ab", 610)
            outcomes = await outcomes_of(backend, "a")
            assert {outcome.worker for outcome in outcomes} == {first}
            await eventually(lambda: folded(backend, "a"))
            circuit = await projection_of(backend, "a")
            assert circuit is not None
            assert (circuit.calls, circuit.failures) == (310, 155)
            # The server never saw b; it is registered as its process would have.
            circuit = await projection_of(backend, "b")
            assert circuit is not None
            assert circuit.revision == 1
            assert circuit.config == failing(None)


async def test_a_spool_whose_part_was_sent_already_adds_only_the_rest(
    fresh_server: RealServer, callee: Callee, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the process is killed after the log has taken outcomes and before it has heard so."""
    monkeypatch.setattr("fuseline.bridge.manager.DRAIN_SECONDS", 0.05)
    async with connected(fresh_server.url, NS, spool_dir=tmp_path) as manager:
        await call_many(manager, callee, 10, a=2)
        await manager.flush()
        fresh_server.kill()
        for _ in range(5):
            await call_many(manager, callee, 40, a=2)
            await manager.recorder.put_away()
    (path,) = spools(tmp_path)
    kept = {file.name: file.read_bytes() for file in path.parent.iterdir()}
    fresh_server.start()
    for _ in range(3):
        async with connected(fresh_server.url, NS, spool_dir=tmp_path):
            await eventually(lambda: not spools(tmp_path))
        for name, content in kept.items():  # back as it was before anything was sent
            (path.parent / name).write_bytes(content)
    async with connected(fresh_server.url, NS, spool_dir=tmp_path):
        await eventually(lambda: not spools(tmp_path))
    async with open_backend(fresh_server.url, NS) as backend:
        await assert_once_and_in_order(backend, "a", 210)


async def test_an_orphan_of_a_log_that_has_lost_its_data_is_sent_under_a_new_number(
    fresh_server: RealServer, callee: Callee, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fuseline.bridge.manager.DRAIN_SECONDS", 0.05)
    async with connected(fresh_server.url, NS, spool_dir=tmp_path) as manager:
        await call_many(manager, callee, 10, a=2)
        await manager.flush()
        first = manager.recorder.producer
        fresh_server.kill()
        await call_many(manager, callee, 100, a=2)
    fresh_server.start()
    async with open_backend(fresh_server.url, NS) as backend:
        await backend.wire.call("FLUSHALL")
    async with connected(fresh_server.url, NS, spool_dir=tmp_path):
        await eventually(lambda: not spools(tmp_path))
    async with open_backend(fresh_server.url, NS) as backend:
        await assert_once_and_in_order(backend, "a", 100)
        assert {o.worker for o in await outcomes_of(backend, "a")} != {first}


async def test_the_spool_of_a_living_process_is_nobody_else_s(
    fresh_server: RealServer, callee: Callee, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fuseline.bridge.spool.adoption.LOOK_SECONDS", 0.01)
    async with (
        connected(fresh_server.url, NS, spool_dir=tmp_path) as one,
        connected(fresh_server.url, NS, spool_dir=tmp_path) as two,
    ):
        await call_many(one, callee, 1, a=0)
        await call_many(two, callee, 1, a=0)
        await one.flush()
        fresh_server.kill()
        await call_many(one, callee, 500, a=0)
        await call_many(two, callee, 500, a=0)
        await until_spooled(one)
        await until_spooled(two)
        assert len(spools(tmp_path)) == 2
        for path in spools(tmp_path):
            with pytest.raises(TimeoutError):
                lock_of(path).acquire()
        fresh_server.start()
        await one.flush(10)
        await two.flush(10)
        async with open_backend(fresh_server.url, NS) as backend:
            await assert_once_and_in_order(backend, "a", callee.calls)


async def test_another_namespace_or_server_does_not_take_the_spool(
    fresh_server: RealServer, callee: Callee, tmp_path: Path, redis_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("fuseline.bridge.manager.DRAIN_SECONDS", 0.05)
    monkeypatch.setattr("fuseline.bridge.spool.adoption.LOOK_SECONDS", 0.01)
    async with connected(fresh_server.url, NS, spool_dir=tmp_path) as manager:
        await call_many(manager, callee, 1, a=0)
        fresh_server.kill()
        await call_many(manager, callee, 10, a=0)
    fresh_server.start()
    async with (
        connected(redis_url, NS, spool_dir=tmp_path) as elsewhere,
        connected(fresh_server.url, "other", spool_dir=tmp_path) as other,
    ):
        await call_many(elsewhere, callee, 200, x=0)
        await call_many(other, callee, 200, x=0)
        await asyncio.gather(elsewhere.flush(), other.flush())
        assert len(spools(tmp_path)) == 1


# --- the bound ---


async def test_at_the_bound_the_oldest_successes_go_and_every_failure_stays(
    fresh_server: RealServer, callee: Callee, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    limit = 200_000
    async with connected(
        fresh_server.url, NS, spool_dir=tmp_path, spool_max_bytes=limit
    ) as manager:
        await call_many(manager, callee, 10, a=5, b=5)
        await manager.flush()
        fresh_server.kill()
        while manager.outcomes_dropped < 5000:
            await call_many(manager, callee, 100, a=50, b=50)
        await until_spooled(manager)
        (path,) = spools(tmp_path)
        assert manager.recorder.keeper.size <= limit
        assert path.stat().st_size < 2 * limit
        dropped = manager.outcomes_dropped
        assert sum(record.count for record in said(caplog, "outcomes_dropped")) == dropped  # type: ignore[attr-defined]
        fresh_server.start()
        await manager.flush(20)
        assert manager.outcomes_dropped == dropped
        async with open_backend(fresh_server.url, NS) as backend:
            await assert_once_and_in_order(backend, "ab", callee.calls - dropped)
            for agent in "ab":
                outcomes = await outcomes_of(backend, agent)
                failures = [o for o in outcomes if o.result is Result.FAILURE]
                # Each failure of 2 + one in 50 calls, none dropped.
                assert len(failures) == 2 + (callee.calls // 2 - 10) // 50
            await eventually(lambda: folded(backend, "a"))
            await assert_verified(backend, "ab")


async def test_failures_go_too_when_there_is_nothing_else(
    fresh_server: RealServer, callee: Callee, tmp_path: Path
) -> None:
    limit = 100_000
    async with connected(
        fresh_server.url, NS, spool_dir=tmp_path, spool_max_bytes=limit
    ) as manager:
        await call_many(manager, callee, 1, a=1)
        await manager.flush()
        fresh_server.kill()
        while manager.outcomes_dropped < 1000:
            await call_many(manager, callee, 100, a=1)
        await until_spooled(manager)
        assert manager.recorder.keeper.size <= limit
        fresh_server.start()
        await manager.flush(20)
        async with open_backend(fresh_server.url, NS) as backend:
            await assert_once_and_in_order(backend, "a", callee.calls - manager.outcomes_dropped)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"spool_max_bytes": 10}, "spool_max_bytes"),
        ({"environ": {"FUSELINE_SPOOL_MAX_BYTES": "many"}}, "FUSELINE_SPOOL_MAX_BYTES"),
        ({"durability": "paper"}, "durability"),
        ({"environ": {"FUSELINE_BUDGET_SECONDS": "soon"}, "budget_seconds": None}, "BUDGET"),
        ({"environ": {"FUSELINE_BUDGET_SECONDS": "-1"}, "budget_seconds": None}, "BUDGET"),
    ],
)
def test_bad_settings_are_refused(options: dict[str, Any], field: str) -> None:
    with pytest.raises(ConfigError, match=field):
        CircuitBreakerManager.connect(**({"environ": {}} | options))


def test_settings_come_from_the_environment(tmp_path: Path) -> None:
    environ = {
        "FUSELINE_SPOOL_DIR": str(tmp_path),
        "FUSELINE_SPOOL_MAX_BYTES": "1000000",
        "FUSELINE_BUDGET_SECONDS": "0.2",
    }
    manager = CircuitBreakerManager.connect("redis://localhost", environ=environ)
    assert manager.spool_settings.folder == tmp_path
    assert manager.spool_settings.max_bytes == 1_000_000
    assert manager.budget_seconds == 0.2
    defaults = CircuitBreakerManager.connect("redis://localhost", environ={})
    assert (defaults.spool_settings.max_bytes, defaults.budget_seconds) == (256 << 20, 0.05)


# --- durability="disk" ---


async def test_flush_is_content_with_the_disk_if_so_asked(
    fresh_server: RealServer, callee: Callee, tmp_path: Path
) -> None:
    async with connected(fresh_server.url, NS, spool_dir=tmp_path, durability="disk") as manager:
        await call_many(manager, callee, 1, a=0)
        await manager.flush()
        assert spools(tmp_path) == []  # the log has it: no disk is needed
        for stop in (fresh_server.pause, fresh_server.kill):
            stop()
            before = callee.calls
            for _ in range(20):
                await call_many(manager, callee, 7, a=3)
                await manager.flush(1.0)
                (path,) = spools(tmp_path)
                with sqlite3.connect(path) as db:
                    (count,) = db.execute("SELECT SUM(count) FROM batches").fetchone()
                db.close()
                assert count == callee.calls - before
            if stop == fresh_server.pause:
                fresh_server.resume()
                await manager.recorder.flush(10)
        fresh_server.start()
        await manager.recorder.flush(10)
        async with open_backend(fresh_server.url, NS) as backend:
            await assert_once_and_in_order(backend, "a", callee.calls)


async def test_flush_says_so_if_neither_log_nor_disk_has_the_outcomes(
    fresh_server: RealServer, callee: Callee, tmp_path: Path
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    async with connected(fresh_server.url, NS, spool_dir=blocked, durability="disk") as manager:
        await call_many(manager, callee, 1, a=0)
        await manager.flush()
        fresh_server.kill()
        await call_many(manager, callee, 3, a=0)
        with pytest.raises(BackendUnavailableError, match=r"3 outcomes .* the spool fails"):
            await manager.flush(0.5)
        fresh_server.start()
        await manager.flush(10)


# --- ages and states ---


async def test_spooled_failures_within_the_window_still_open_and_older_ones_do_not(
    fresh_server: RealServer, callee: Callee, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fuseline.bridge.manager.DRAIN_SECONDS", 0.05)
    long, short = failing(3), failing(3, window_size_seconds=0.5)
    async with connected(fresh_server.url, NS, spool_dir=tmp_path) as manager:
        for name, config in (("long", long), ("short", short)):
            await manager.get(name, config).call(callee.ok)
        await manager.flush()
        fresh_server.kill()
        for name in ("long", "short"):
            await fail_times(manager.get(name), callee, 3)
        ended = time.monotonic()
    await asyncio.to_thread(time.sleep, 1.2)
    fresh_server.start()
    async with connected(fresh_server.url, NS, spool_dir=tmp_path):
        await eventually(lambda: not spools(tmp_path))
        async with open_backend(fresh_server.url, NS) as backend:
            for name in ("long", "short"):
                await eventually(lambda n=name: folded(backend, n))
                ages = [o.age_ms for o in await outcomes_of(backend, name)][1:]
                assert len(ages) == 3
                since = (time.monotonic() - ended) * 1000
                assert all(1200 <= age <= since + 500 for age in ages), ages
            assert [t.to_state for t in await transitions_of(backend, "long")] == [
                CircuitState.OPEN
            ]
            assert await transitions_of(backend, "short") == []
            await assert_verified(backend, ["long", "short"])


def test_an_age_survives_a_jump_of_the_wall_clock_and_a_reboot(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    then = spool_clock.at(time.monotonic() - 5)
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() + 3600)
    assert then.age_seconds() == pytest.approx(5, abs=0.5)
    monkeypatch.setattr(spool_clock, "boot_id", lambda: "another boot")
    assert then.age_seconds() == pytest.approx(3605, abs=0.5)  # the wall clock is all there is
    monkeypatch.setattr(time, "time", lambda: wall() - 3600)
    assert then.age_seconds() == 0
