"""The embedded server with real processes, each ended in every way a process can end."""

import os
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import anyio
import psutil
import pytest

from fuseline.core.errors import EmbeddedServerError
from fuseline.events.embedded import EmbeddedServer
from fuseline.events.embedded_paths import embedded_paths
from fuseline.events.embedded_process import leftover_pid
from tests.events.embedded_support import Member, orphans, read, server_pid, until, write

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is no embedded server")
linux_only = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux tells a child of its parent's death"
)


@pytest.fixture
def join(data_dir: Path) -> Iterator[Callable[[], Member]]:
    """Starts processes that share the server of `data_dir`."""
    members: list[Member] = []

    def start() -> Member:
        members.append(Member(data_dir))
        return members[-1]

    yield start
    for member in members:
        if member.process.poll() is None:
            member.kill()


def test_two_processes_share_one_server(join: Callable[[], Member]) -> None:
    first, second = join(), join()
    first.wait_until_owner()
    assert first.url == second.url
    write(first.url, "seen", "by both")
    assert read(second.url, "seen") == "by both"
    second.leave()
    assert read(first.url, "seen") == "by both"
    first.leave()


def test_many_processes_at_once_start_one_server(join: Callable[[], Member]) -> None:
    with ThreadPoolExecutor(6) as pool:
        members = list(pool.map(lambda _: join(), range(6)))
    assert len({server_pid(member.url) for member in members}) == 1
    for member in members:
        member.leave()


def test_when_the_owner_leaves_another_process_takes_over_with_the_data(
    join: Callable[[], Member],
) -> None:
    first, second = join(), join()
    write(first.url, "kept", "yes")
    before = server_pid(first.url)
    first.leave()
    left = time.monotonic()
    second.wait_until_owner()
    assert until(lambda: read(second.url, "kept")) == "yes"
    assert time.monotonic() - left < 4.0
    assert server_pid(second.url) != before
    second.leave()


@linux_only
def test_when_the_owner_is_killed_another_process_takes_over_with_the_data(
    join: Callable[[], Member],
) -> None:
    first, second = join(), join()
    write(first.url, "kept", "yes")
    first.kill()
    killed = time.monotonic()
    second.wait_until_owner()
    assert until(lambda: read(second.url, "kept")) == "yes"
    assert time.monotonic() - killed < 4.0
    second.leave()


@linux_only
def test_a_killed_owner_alone_leaves_no_server_behind(
    join: Callable[[], Member], data_dir: Path
) -> None:
    only = join()
    write(only.url, "kept", "yes")
    assert leftover_pid(embedded_paths(data_dir)) == server_pid(only.url)
    only.kill()
    until(lambda: leftover_pid(embedded_paths(data_dir)) is None, within_seconds=4.0)
    again = join()
    assert read(again.url, "kept") == "yes"
    again.leave()


def test_a_killed_server_is_restarted_by_its_owner_with_the_data(
    join: Callable[[], Member],
) -> None:
    first, second = join(), join()
    for round_ in range(3):
        write(first.url, "round", str(round_))
        pid = server_pid(first.url)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        assert until(lambda: read(second.url, "round")) == str(round_)
        assert time.monotonic() - killed < 4.0
    second.leave()
    first.leave()


def test_an_interrupt_of_the_terminal_does_not_reach_the_server(
    join: Callable[[], Member],
) -> None:
    member = join()
    pid = server_pid(member.url)
    assert pid is not None
    assert os.getpgid(pid) != os.getpgid(member.process.pid)
    assert os.getsid(pid) != os.getsid(member.process.pid)
    member.leave()


def test_a_server_that_outlived_its_owner_is_replaced(data_dir: Path) -> None:
    async def scenario() -> None:
        async with EmbeddedServer(data_dir) as server:
            write(server.url, "kept", "yes")
            # What a former owner's server looks like to the next: the process lock is taken.
            before = server_pid(server.url)
            server._lock.release(force=True)
            other = EmbeddedServer(data_dir)
            await other.start()
            assert other.is_owner
            assert read(other.url, "kept") == "yes"
            assert server_pid(other.url) != before
            await other.stop()

    anyio.run(scenario)


async def test_two_in_one_process_hand_over(data_dir: Path) -> None:
    first, second = EmbeddedServer(data_dir), EmbeddedServer(data_dir)
    await first.start()
    await second.start()
    assert (first.is_owner, second.is_owner) == (True, False)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(second.keep)
        await first.stop()
        with anyio.fail_after(10):
            while not second.is_owner:
                await anyio.sleep(0.01)
        tasks.cancel_scope.cancel()
    await second.stop()
    assert not second.is_owner


async def test_stop_and_keep_may_overlap(data_dir: Path) -> None:
    server = EmbeddedServer(data_dir)
    await server.start()
    with anyio.fail_after(10):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(server.keep)
            await anyio.sleep(0.02)
            await server.stop()
    await server.start()
    assert server.is_owner
    await server.stop()


@pytest.mark.parametrize("after_seconds", [0.0, 0.005, 0.01, 0.02, 0.04, 0.08])
async def test_a_cancelled_start_leaves_nothing_behind(
    data_dir: Path, after_seconds: float
) -> None:
    server = EmbeddedServer(data_dir)
    with anyio.move_on_after(after_seconds):
        await server.start()
    await server.stop()
    assert leftover_pid(embedded_paths(data_dir)) is None
    assert orphans(data_dir) == []


async def test_a_held_lock_without_a_server_is_explained(data_dir: Path) -> None:
    holder = EmbeddedServer(data_dir)
    await holder.start()
    process, holder._process = holder._process, None
    assert process is not None
    process.stop()
    with pytest.raises(EmbeddedServerError, match="no server answers"):
        await EmbeddedServer(data_dir, timeout_seconds=0.2).start()
    await holder.stop()


async def test_a_fork_of_the_owner_neither_owns_nor_stops_the_server(data_dir: Path) -> None:
    async with EmbeddedServer(data_dir) as server:
        script = f"""
import atexit, os, anyio
from pathlib import Path
from fuseline.events.embedded import EmbeddedServer
async def main():
    server = EmbeddedServer(Path({str(data_dir.parent / "forked")!r}))
    await server.start()
    child = os.fork()
    if child == 0:
        assert not server.is_owner
        atexit._run_exitfuncs()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert server._process.alive
    await anyio.connect_unix(server._paths.socket)
    await server.stop()
anyio.run(main)
"""
        run = await anyio.run_process(
            [sys.executable, "-W", "ignore", "-c", script],
            cwd=Path(__file__).parents[2],
            check=False,
        )
        assert run.returncode == 0, run.stderr.decode()
        assert read(server.url, "nothing") is None


def test_a_folder_that_is_gone_does_not_hide_a_running_server(
    join: Callable[[], Member], data_dir: Path
) -> None:
    member = join()
    paths = embedded_paths(data_dir)
    pid = leftover_pid(paths)
    assert pid is not None
    shutil.rmtree(paths.folder)
    member.leave()
    until(lambda: not psutil.pid_exists(pid))
    with socket.socket(socket.AF_UNIX) as probe, pytest.raises(OSError, match="No such file"):
        probe.connect(str(paths.socket))
