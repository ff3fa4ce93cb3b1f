"""Worker processes killed, frozen and stopped under load: each task gets exactly one result."""

import asyncio
import contextlib
import os
import random
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fuseline.bridge.tasks.client import TaskClient, TaskHandle
from fuseline.bridge.tasks.model import TaskResult
from fuseline.events.agents import register
from fuseline.events.backend import Backend
from tests.cli.support import ROOT, environment
from tests.faults.task_app import CONFIG
from tests.logbook import open_backend, outcomes_of
from tests.repeats import REPEATS
from tests.servers import RealServer
from tests.waiting import eventually

NAMESPACE = "ns"
AGENTS = [f"work-{n}" for n in range(3)]
LEASE = "1s"


class Crew:
    """Worker processes, and tasks submitted all the time."""

    def __init__(self, url: str, folder: Path, seed: int) -> None:
        self.url = url
        self.journal = folder / "journal"
        self.log = folder / "log"
        self.rng = random.Random(seed)
        self.workers: list[asyncio.subprocess.Process] = []
        self.handles: list[TaskHandle] = []
        self.codes: list[int] = []
        self.stopping = asyncio.Event()

    async def add(self, *arguments: str) -> asyncio.subprocess.Process:
        env = environment(
            REDIS_URL=self.url, FUSELINE_NAMESPACE=NAMESPACE, FUSELINE_SHARDS="4",
            TASK_JOURNAL=str(self.journal),
        )  # fmt: skip
        with self.log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "fuseline", "worker",
                "--app", "tests.faults.task_app:handlers",
                "--lease", LEASE, "--drain", "200ms", *arguments,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=env, cwd=ROOT,
            )  # fmt: skip
        self.workers.append(process)
        return process

    def has_started(self, process: asyncio.subprocess.Process) -> bool:
        """Whether a worker has got as far as listening to signals."""
        return re.search(rf"worker_started.*-{process.pid}-", self.log.read_text()) is not None

    def has_news_of(self, fault: str) -> bool:
        """Whether the workers' log shows that they have met the fault."""
        said = {
            "stopped": "does not answer in time",
            "full": "used memory",
            "read_only": "read only|READONLY",
            "revoked": "refuses this user",
            "killed": "cannot be reached",
        }
        return re.search(said[fault], self.log.read_text()) is not None

    async def submit(self, client: TaskClient) -> None:
        """Submits until told to stop."""
        number = 0
        while not self.stopping.is_set():
            for _ in range(self.rng.randrange(1, 20)):
                agent, number = self.rng.choice(AGENTS), number + 1
                self.handles.append(await client.submit(agent, number, max_attempts=50))
            await asyncio.sleep(self.rng.random() * 0.05)

    async def hurt(self, kind: str) -> None:
        """SIGKILL, SIGSTOP past the lease and SIGCONT, or SIGTERM; then a successor."""
        victim = self.rng.choice(self.workers)
        if kind != "kill":
            # One that is frozen before it has reached the server gives up, as it should.
            await eventually(lambda: self.has_started(victim), 60)
        if kind == "stop":
            victim.send_signal(signal.SIGSTOP)
            await asyncio.sleep(1.6)  # how long the fault lasts: longer than a lease
            victim.send_signal(signal.SIGCONT)
            return
        self.workers.remove(victim)
        await self.add()
        if kind == "kill":
            # In the middle of a task, or the kill proves nothing.
            await eventually(lambda: self.is_busy(victim), 60, 0.001)
        victim.send_signal(signal.SIGKILL if kind == "kill" else signal.SIGTERM)
        code = await asyncio.wait_for(victim.wait(), 10)
        if kind == "term":
            self.codes.append(code)

    def is_busy(self, worker: asyncio.subprocess.Process) -> bool:
        """Whether a worker has begun a task that it has not ended."""
        found = Counter(
            line.split()[0]
            for line in (self.journal.read_text().splitlines() if self.journal.exists() else ())
            if line.endswith(f" {worker.pid}")
        )
        return found["begin"] > found["end"]

    def lines(self, word: str) -> Counter[str]:
        """How often the journal has the word, by task."""
        if not self.journal.exists():
            return Counter()
        parts = [line.split() for line in self.journal.read_text().splitlines()]
        return Counter(part[1] for part in parts if part[0] == word)

    async def close(self) -> None:
        for process in self.workers:
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGCONT)
                process.kill()
            await process.wait()


@contextlib.asynccontextmanager
async def crew_of(
    server: RealServer, folder: Path, seed: int = 1
) -> AsyncIterator[tuple[Crew, Backend, TaskClient]]:
    crew = Crew(server.url, folder, seed)
    async with open_backend(server.url, NAMESPACE) as backend, TaskClient(backend) as client:
        for agent in (*AGENTS, "slow", "failing"):
            await register(backend, agent, CONFIG, "test")
        try:
            yield crew, backend, client
        except BaseException:
            print(crew.log.read_text()[-4000:] if crew.log.exists() else "")
            raise
        finally:
            await crew.close()


async def results_in_stream(backend: Backend) -> Counter[str]:
    entries = await backend.wire.call("XRANGE", backend.keys.tasks.results, "-", "+")
    return Counter(fields[1].decode() for _, fields in entries)


async def check(crew: Crew, backend: Backend, results: list[TaskResult]) -> None:
    """One result for each task and none for anything else; its call's outcome is in the log."""
    assert Counter(result.status.value for result in results) == {"succeeded": len(results)}
    ids = {handle.id for handle in crew.handles}
    assert len(ids) == len(results)
    assert await results_in_stream(backend) == dict.fromkeys(ids, 1)
    ends = crew.lines("end")
    assert ids <= set(ends)
    outcomes = sum([len(await outcomes_of(backend, agent)) for agent in AGENTS])
    assert outcomes >= len(ids)  # the log knows of each; a call cut off may stand there besides
    keys = backend.keys.tasks
    assert [await backend.wire.call("XLEN", key) for key in keys[:4]] == [0, 0, 0, 0]
    assert await backend.wire.call("EXISTS", keys.running, keys.parked, keys.holding) == 0


async def run_chaos(server: RealServer, folder: Path, kinds: list[str], seed: int) -> None:
    async with crew_of(server, folder, seed) as (crew, backend, client):
        for _ in range(2):
            await crew.add()
        submitting = asyncio.create_task(crew.submit(client))
        await eventually(lambda: len(crew.lines("end")) > 20, 60)
        for kind in kinds:
            done = len(crew.lines("end"))
            await crew.hurt(kind)
            await eventually(lambda n=done: len(crew.lines("end")) > n + 20, 60)
            await asyncio.sleep(crew.rng.random() * 0.3)  # any moment, not a synchronisation
        crew.stopping.set()
        await submitting
        results = await asyncio.wait_for(asyncio.gather(*crew.handles), 40)
        await check(crew, backend, results)
        assert set(crew.codes) <= {0}
        if "kill" in kinds:
            # The fault happened: some task began more than once.
            assert max(crew.lines("begin").values()) > 1


async def test_each_task_gets_one_result_whatever_becomes_of_the_workers(
    fresh_server: RealServer, tmp_path: Path
) -> None:
    await run_chaos(fresh_server, tmp_path, ["kill", "stop", "term", "kill"], seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 3 + REPEATS))
async def test_twelve_faults_at_random_moments(
    fresh_server: RealServer, tmp_path: Path, seed: int
) -> None:
    kinds = ["kill", "stop", "term"] * 4
    random.Random(seed).shuffle(kinds)
    await run_chaos(fresh_server, tmp_path, kinds, seed)


async def test_a_paused_worker_that_wakes_up_changes_nothing(
    fresh_server: RealServer, tmp_path: Path
) -> None:
    async with crew_of(fresh_server, tmp_path) as (crew, backend, client):
        first = await crew.add()
        handle = await client.submit("slow", 0.5, max_attempts=10)
        await eventually(lambda: crew.lines("begin"), 60)
        first.send_signal(signal.SIGSTOP)
        await crew.add()
        result = await handle.result(60)
        assert (result.status, result.attempts) == ("succeeded", 2)
        stored = await backend.wire.call("HGETALL", backend.keys.tasks.task(handle.id))
        first.send_signal(signal.SIGCONT)
        await eventually(lambda: crew.lines("end")[handle.id] == 2, 60)
        await eventually(lambda: "task_not_settled" in crew.log.read_text(), 60)
        assert await backend.wire.call("HGETALL", backend.keys.tasks.task(handle.id)) == stored
        assert await results_in_stream(backend) == {handle.id: 1}


async def test_a_call_longer_than_the_lease_keeps_its_task(
    fresh_server: RealServer, tmp_path: Path
) -> None:
    async with crew_of(fresh_server, tmp_path) as (crew, _, client):
        await crew.add()
        await crew.add()
        result = await (await client.submit("slow", 3.5)).result(30)
        assert (result.status, result.attempts) == ("succeeded", 1)
        assert crew.lines("begin").total() == 1


async def test_a_task_that_ends_its_workers_is_a_dead_letter_with_a_result(
    fresh_server: RealServer, tmp_path: Path
) -> None:
    async with crew_of(fresh_server, tmp_path) as (crew, backend, client):
        handle = await client.submit("slow", 30, max_attempts=2)
        for n in (1, 2):
            await crew.add()
            await eventually(lambda n=n: crew.lines("begin").total() == n, 60)
            crew.workers[-1].kill()
            await crew.workers.pop().wait()
        await crew.add()
        result = await handle.result(60)
        assert (result.status, result.error_kind, result.attempts) == ("dead", "crashed", 2)
        assert len(await backend.wire.call("XRANGE", backend.keys.tasks.dead, "-", "+")) == 1


async def test_work_goes_on_after_the_server_was_away(
    fresh_server: RealServer, tmp_path: Path
) -> None:
    async with crew_of(fresh_server, tmp_path, seed=5) as (crew, backend, client):
        await crew.add()
        submitting = asyncio.create_task(crew.submit(client))
        await eventually(lambda: len(crew.lines("end")) > 20, 60)
        fresh_server.kill()
        ended = len(crew.lines("end"))
        began = time.monotonic()
        await asyncio.sleep(1)  # how long the fault lasts
        await asyncio.to_thread(fresh_server.start)
        await eventually(lambda: len(crew.lines("end")) > ended + 50, 60)
        crew.stopping.set()
        await submitting
        results = await asyncio.wait_for(asyncio.gather(*crew.handles), 60)
        assert time.monotonic() - began < 60
        await check(crew, backend, results)
        assert crew.workers[0].returncode is None


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="looks into /proc")
async def test_a_second_signal_ends_a_worker_at_once(
    fresh_server: RealServer, tmp_path: Path
) -> None:
    async with crew_of(fresh_server, tmp_path) as (crew, backend, client):
        worker = await crew.add("--drain", "60s")
        handle = await client.submit("slow", 50)
        await eventually(lambda: crew.lines("begin"), 60)
        worker.send_signal(signal.SIGTERM)
        await eventually(lambda: "worker_stopping" in crew.log.read_text(), 10)
        worker.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(worker.wait(), 5) == 0
        state = await backend.wire.call("HMGET", backend.keys.tasks.task(handle.id), "state")
        assert state == [b"queued"]
        crew.workers.clear()
