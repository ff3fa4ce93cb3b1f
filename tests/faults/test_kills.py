"""Processes killed and paused under load: nothing acknowledged is lost, nothing counts twice."""

import asyncio
import json
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from fuseline.core.events import Result
from fuseline.events.backend import Backend
from tests.faults.nursery import nursery
from tests.faults.support import Count, actors, assert_verified, connect, until_all_folded
from tests.logbook import (
    append,
    assert_projection_is_the_fold,
    failing,
    log_of,
    open_backend,
    outcome,
    projection_of,
    same_shard,
)
from tests.members import Member
from tests.projections.support import registered, until_folded
from tests.servers import RealServer
from tests.waiting import eventually

NAMESPACE = "ns"
AGENTS = [f"agent-{n}" for n in range(6)]
# They open and close all the time, so probes and transitions are hit as well.
CONFIG = {
    "failure_threshold": 3,
    "failure_rate_threshold": None,
    "timeout_seconds": 0.05,
    "half_open_max_calls": 2,
    "probe_lease_seconds": 0.5,
}
WORKERS = 2
RECOVERY_SECONDS = 5.0
KINDS = ("projector", "worker", "server")


class Chaos:
    """A server, two projectors and workers under load, some of which are killed."""

    def __init__(self, server: RealServer, crew: list[Member], folder: Path, seed: int) -> None:
        self.server = server
        self.crew = crew  # everything that is to be ended in the end
        self.folder = folder
        self.rng = random.Random(seed)
        self.workers: dict[int, Member] = {}  # by producer
        self.working: dict[int, asyncio.Future[None]] = {}
        self.gone: list[int] = []
        self.projectors: list[Member] = []
        self.kills: Counter[str] = Counter()

    async def add_worker(self) -> None:
        member = await nursery().start()
        self.crew.append(member)
        producer = await connect(member, self.server.url, NAMESPACE, projector=False)
        await member.ask("get_all", agents=AGENTS, config=CONFIG)
        journal = str(self.folder / str(producer))
        seed = self.rng.randrange(1 << 30)
        self.working[producer] = member.begin("work", agents=AGENTS, journal=journal, seed=seed)
        self.workers[producer] = member

    async def add_projector(self) -> None:
        member = await nursery().start()
        self.crew.append(member)
        await member.ask("project", url=self.server.url, namespace=NAMESPACE)
        self.projectors.append(member)

    def journal(self, producer: int) -> list[dict[str, Any]]:
        """What a worker has written; a line that a kill cut off was not finished."""
        path = self.folder / str(producer)
        text = path.read_text() if path.exists() else ""
        return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]

    async def until_acknowledged(self, lines: int) -> None:
        """Until each worker has had that many more flushes acknowledged."""
        before = {producer: len(self.journal(producer)) for producer in self.workers}
        await eventually(
            lambda: all(len(self.journal(p)) >= n + lines for p, n in before.items()), 20
        )

    async def kill(self, kind: str) -> None:
        """Kills one and starts its successor."""
        if kind == "server":
            self.server.kill()
            await asyncio.to_thread(self.server.start)
        elif kind == "projector":
            victim = self.projectors.pop(self.rng.randrange(len(self.projectors)))
            await victim.kill()
            await self.add_projector()
        else:
            producer = self.rng.choice(list(self.workers))
            await self.workers.pop(producer).kill()
            self.gone.append(producer)
            await self.add_worker()
        self.kills[kind] += 1

    async def until_folding_goes_on(self) -> None:
        """New outcomes of a worker are folded."""
        began = time.monotonic()
        async with open_backend(self.server.url, NAMESPACE) as backend:
            ends = {agent: (await log_of(backend, agent))[-1][:2] for agent in AGENTS}

            async def on(agent: str) -> bool:
                circuit = await projection_of(backend, agent)
                return circuit is not None and (circuit.last_ms, circuit.last_seq) > ends[agent]

            for agent in AGENTS:
                await eventually(lambda a=agent: on(a), 60)
        assert time.monotonic() - began < RECOVERY_SECONDS

    async def stop(self) -> None:
        for producer, member in self.workers.items():
            await member.ask("stop")
            await self.working[producer]
            await member.ask("flush", timeout=15)

    async def check(self) -> int:
        """Compares the journals with the log; returns the number of acknowledged failures."""
        async with open_backend(self.server.url, NAMESPACE) as backend:
            await until_all_folded(backend, AGENTS)
            count = await Count.of(backend, AGENTS)
            count.assert_none_twice()
            acknowledged = 0
            for producer in [*self.workers, *self.gone]:
                lines = self.journal(producer)
                marks = [tuple(mark) for line in lines for mark in line["marks"]]
                acknowledged += len(marks)
                assert [mark for mark in marks if count.kinds[mark] != 1] == []
                if lines:
                    for agent, number in lines[-1]["plain"].items():
                        assert count.successes[producer, agent] >= number
            for producer, member in self.workers.items():
                done = (await member.ask("figures"))["done"]
                assert await member.ask("dropped") == 0
                # Those that live have brought all they have done, and no more.
                assert sum(count.successes[producer, agent] for agent in AGENTS) == done["ok"]
                failures = sum(
                    n for (_, kind), n in count.kinds.items() if kind.startswith(f"{producer}/")
                )
                assert failures == done["failed"]
            assert await assert_verified(backend, AGENTS) == count.identities.total()
            for agent in AGENTS:
                await assert_projection_is_the_fold(backend, agent)
        return acknowledged


async def run_chaos(server: RealServer, folder: Path, rounds: int, seed: int) -> Chaos:
    async with actors(0) as crew:
        chaos = Chaos(server, crew, folder, seed)
        for _ in range(2):
            await chaos.add_projector()
        for _ in range(WORKERS):
            await chaos.add_worker()
        await chaos.until_acknowledged(3)
        kinds = [KINDS[n % len(KINDS)] for n in range(rounds)]
        chaos.rng.shuffle(kinds)
        for kind in kinds:
            await chaos.until_acknowledged(2)
            await asyncio.sleep(chaos.rng.random() * 0.3)  # any moment, not a synchronisation
            await chaos.kill(kind)
            await chaos.until_folding_goes_on()
        await chaos.stop()
        assert chaos.kills.total() == rounds
        assert all(chaos.kills[kind] for kind in KINDS)
        assert await chaos.check() > 50 * rounds
    return chaos


async def test_kills_at_random_moments_lose_and_double_nothing(
    fresh_server: RealServer, tmp_path: Path
) -> None:
    await run_chaos(fresh_server, tmp_path, rounds=5, seed=11)


@pytest.mark.slow
async def test_twenty_kills_at_random_moments(fresh_server: RealServer, tmp_path: Path) -> None:
    await run_chaos(fresh_server, tmp_path, rounds=20, seed=12)


@pytest.mark.slow
async def test_a_server_that_is_frozen_for_five_seconds(
    fresh_server: RealServer, tmp_path: Path
) -> None:
    async with actors(0) as crew:
        chaos = Chaos(fresh_server, crew, tmp_path, seed=13)
        await chaos.add_projector()
        for _ in range(WORKERS):
            await chaos.add_worker()
        await chaos.until_acknowledged(3)
        fresh_server.pause()
        before = [(await m.ask("figures"))["done"]["ok"] for m in chaos.workers.values()]
        assert not fresh_server.answers()
        await asyncio.sleep(5)  # how long the fault lasts
        after = [(await m.ask("figures"))["done"]["ok"] for m in chaos.workers.values()]
        assert all(b > a for a, b in zip(before, after, strict=True))  # the callers went on
        fresh_server.resume()
        await chaos.until_folding_goes_on()
        await chaos.until_acknowledged(2)
        await chaos.stop()
        for member in chaos.workers.values():
            # A probe waits for its permit, and no call for more than its budget and a bit.
            assert (await member.ask("figures"))["longest"] < 5
        assert await chaos.check() > 50


async def leader_of(backend: Backend, projectors: list[Member]) -> Member:
    """The projector that holds shard 0."""
    for member in projectors:
        if 0 in await member.ask("shards"):
            return member
    raise AssertionError("nobody projects shard 0")


async def test_a_frozen_leader_wakes_with_an_old_fence(backend: Backend, redis_url: str) -> None:
    namespace = backend.keys.namespace_name
    (agent,) = same_shard(backend, 1)
    async with actors(2) as (leader, heir):
        for member in (leader, heir):
            await member.ask("project", url=redis_url, namespace=namespace)
            await member.ask("count_refusals")
            await eventually(lambda: _leads(leader))
        producer = await registered(backend, agent, failing(3, timeout_seconds=0.3))
        await until_folded(backend, agent)
        await leader.ask("freeze_before_commit")
        frozen = time.monotonic()
        await producer.fail(3)  # read and folded by the leader, who freezes with the commit in hand
        await eventually(lambda: _leads(heir), 6)
        await producer.succeed(2)
        await until_folded(backend, agent)
        before = await projection_of(backend, agent)
        await asyncio.sleep(max(0.0, 4 - (time.monotonic() - frozen)))  # how long the fault lasts
        leader.signal(signal.SIGCONT)
        refusals = (await leader.ask("figures"))["refusals"]

        async def refused() -> bool:
            nonlocal refusals
            refusals = (await leader.ask("figures"))["refusals"]
            return bool(refusals)

        await eventually(refused, 5)
        assert refusals == {"FENCED": 1}
        assert await projection_of(backend, agent) == before
        await producer.fail(1)
        await until_folded(backend, agent)
        await assert_projection_is_the_fold(backend, agent)
        assert await leader.ask("shards") == []
        await heir.kill()
        await producer.succeed(1)
        await until_folded(backend, agent)  # the old leader leads again
        await assert_projection_is_the_fold(backend, agent)


async def _leads(member: Member) -> bool:
    return 0 in await member.ask("shards")


@pytest.mark.slow
async def test_a_leader_frozen_for_four_seconds_under_load(
    fresh_server: RealServer, tmp_path: Path
) -> None:
    async with actors(0) as crew:
        chaos = Chaos(fresh_server, crew, tmp_path, seed=14)
        for _ in range(2):
            await chaos.add_projector()
        for _ in range(WORKERS):
            await chaos.add_worker()
        await chaos.until_acknowledged(3)
        async with open_backend(fresh_server.url, NAMESPACE) as backend:
            fenced = 0
            for _ in range(2):
                leader = await leader_of(backend, chaos.projectors)
                await leader.ask("count_refusals")
                await leader.ask("freeze_before_commit")
                frozen = time.monotonic()
                await eventually(lambda x=leader: _is_frozen(x.pid))
                (heir,) = [m for m in chaos.projectors if m is not leader]
                await eventually(lambda x=heir: _leads(x), 6)
                await asyncio.sleep(max(0.0, 4 - (time.monotonic() - frozen)))
                leader.signal(signal.SIGCONT)
                refusals = (await leader.ask("figures"))["refusals"]
                await chaos.until_folding_goes_on()
                refusals = (await leader.ask("figures"))["refusals"]
                fenced += refusals.get("FENCED", 0)
            assert fenced >= 2
        await chaos.stop()
        assert await chaos.check() > 50


def _is_frozen(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat").read_text()
    return status.rpartition(")")[2].split()[0] == "T"


async def test_a_producer_that_sends_an_acknowledged_batch_again_changes_nothing(
    backend: Backend,
) -> None:
    batch = [outcome(Result.FAILURE, failure_kind=f"kind-{n}") for n in range(50)]
    first = await append(backend, "a", batch)
    again = await append(backend, "a", batch)
    assert first[:2] == again[:2] == [b"OK", 50]
    assert len(await log_of(backend, "a")) == 50
