"""The disk does not work: one clear line, and the process goes on in memory."""

import asyncio
import logging
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fuseline import CircuitBreakerManager
from fuseline.bridge.spool.file import Spool
from fuseline.bridge.spool.files import SUFFIX
from tests.bridge.support import Callee, connected
from tests.bridge.test_spool import assert_once_and_in_order, call_many, said, spools
from tests.logbook import open_backend
from tests.servers import RealServer
from tests.waiting import eventually

NS = "ns"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 512 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no `mount` here")
    if done.returncode:
        pytest.skip(f"nothing may be mounted here: {done.stderr.decode().strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


async def finish(manager: CircuitBreakerManager, server: RealServer, callee: Callee) -> None:
    """The server comes back: everything is in the log, once."""
    if not server.running:
        await asyncio.to_thread(server.start)
    await manager.flush(20)
    assert manager.outcomes_dropped == 0
    async with open_backend(server.url, NS) as backend:
        await assert_once_and_in_order(backend, "a", callee.calls)


async def test_a_folder_that_cannot_be_made(
    fresh_server: RealServer, callee: Callee, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    async with connected(fresh_server.url, NS, spool_dir=blocked / "spool") as manager:
        await call_many(manager, callee, 10, a=2)
        await manager.flush()
        fresh_server.kill()
        await call_many(manager, callee, 1000, a=2)
        await eventually(lambda: said(caplog, "spool_failed"))
        await call_many(manager, callee, 1000, a=2)
        assert len(said(caplog, "spool_failed")) == 1
        await finish(manager, fresh_server, callee)
    assert blocked.read_text() == "no folder"


async def test_a_full_disk_and_then_room_again(
    fresh_server: RealServer,
    callee: Callee,
    small_disk: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fuseline.bridge.spool.keeper.RETRY_SECONDS", 0.1)
    async with connected(fresh_server.url, NS, spool_dir=small_disk) as manager:
        await call_many(manager, callee, 10, a=2)
        await manager.flush()
        fresh_server.kill()
        while not said(caplog, "spool_failed"):
            await call_many(manager, callee, 500, a=2)
            await asyncio.sleep(0.02)
        assert "full" in said(caplog, "spool_failed")[0].error  # type: ignore[attr-defined]
        await call_many(manager, callee, 3000, a=2)
        assert len(said(caplog, "spool_failed")) == 1
        remount = ["mount", "-o", "remount,size=64m", str(small_disk)]
        await asyncio.to_thread(subprocess.run, remount, check=True)
        await eventually(lambda: said(caplog, "spool_works_again"))
        await finish(manager, fresh_server, callee)
    assert spools(small_disk) == []


async def test_a_disk_that_stays_full_keeps_nothing_from_the_log(
    fresh_server: RealServer, callee: Callee, small_disk: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(fresh_server.url, NS, spool_dir=small_disk) as manager:
        await call_many(manager, callee, 10, a=2)
        await manager.flush()
        fresh_server.kill()
        while not said(caplog, "spool_failed"):
            await call_many(manager, callee, 500, a=2)
            await asyncio.sleep(0.02)
        await finish(manager, fresh_server, callee)


@pytest.mark.parametrize("content", [b"", b"not a database at all" * 1000])
async def test_an_orphan_that_cannot_be_read_is_set_aside(
    fresh_server: RealServer,
    callee: Callee,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    content: bytes,
) -> None:
    monkeypatch.setattr("fuseline.bridge.manager.DRAIN_SECONDS", 0.05)
    async with connected(fresh_server.url, NS, spool_dir=tmp_path) as manager:
        await call_many(manager, callee, 10, a=2)
        await manager.flush()
        fresh_server.kill()
        await call_many(manager, callee, 100, a=2)
    (path,) = spools(tmp_path)
    damaged = path.with_name(f"0badf00d{SUFFIX}")  # before the good one, which must not suffer
    damaged.write_bytes(content)
    await asyncio.to_thread(fresh_server.start)
    async with connected(fresh_server.url, NS, spool_dir=tmp_path) as manager:
        await eventually(lambda: not spools(tmp_path))
        await finish(manager, fresh_server, callee)
    kept = list(path.parent.glob("*.unreadable-*"))
    if content:
        assert [file.read_bytes() for file in kept] == [content]
        (line,) = said(caplog, "spool_unreadable")
        assert str(damaged) in line.path  # type: ignore[attr-defined]
    else:
        assert kept == []  # an empty file holds nothing


async def test_a_spool_damaged_under_a_living_process_is_set_aside_and_its_loss_counted(
    fresh_server: RealServer, callee: Callee, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    async with connected(fresh_server.url, NS, spool_dir=tmp_path) as manager:
        await call_many(manager, callee, 10, a=2)
        await manager.flush()
        await asyncio.to_thread(fresh_server.kill)
        for _ in range(20):  # enough that the file itself is written, beside its WAL
            await call_many(manager, callee, 1000, a=2)
            await asyncio.sleep(0.03)
        recorder = manager.recorder
        await eventually(lambda: recorder.spooled > 1000)
        (path,) = spools(tmp_path)
        for file in (path, path.with_name(f"{path.name}-wal")):
            with file.open("r+b") as damaged:
                damaged.write(b"\x5a" * file.stat().st_size)
        await call_many(manager, callee, 1000, a=2)
        await asyncio.to_thread(fresh_server.start)
        await manager.flush(20)
        lost = manager.outcomes_dropped
        assert 0 < lost < callee.calls
        async with open_backend(fresh_server.url, NS) as backend:
            await assert_once_and_in_order(backend, "a", callee.calls - lost)
        assert said(caplog, "spool_unreadable")
        assert sum(record.count for record in said(caplog, "outcomes_dropped")) == lost  # type: ignore[attr-defined]
        assert list(path.parent.glob("*.unreadable-*"))
        await call_many(manager, callee, 10, a=2)
        await manager.flush()


async def test_a_spool_that_cannot_be_read_for_a_while_is_not_taken_for_an_empty_one(
    fresh_server: RealServer, callee: Callee, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    turn, failures = Spool.turn, iter(range(3))

    def failing(*args: Any) -> Any:
        for _ in failures:
            raise sqlite3.OperationalError("disk I/O error")
        return turn(*args)

    async with connected(fresh_server.url, NS, spool_dir=tmp_path) as manager:
        await call_many(manager, callee, 10, a=2)
        await manager.flush()
        fresh_server.kill()
        await call_many(manager, callee, 5000, a=2)
        await eventually(lambda: manager.recorder.spooled > 1000)
        monkeypatch.setattr(Spool, "turn", failing)
        await finish(manager, fresh_server, callee)
        assert next(failures, None) is None
