"""A master is killed under load, and the replica that takes over lags behind it."""

import asyncio
from pathlib import Path

import pytest

from fuseline.events.backend import Backend
from tests.faults.support import actors, assert_verified, connect, probes_of, until_all_folded
from tests.ha.load import NS, PLAIN, SHARDS, Worker, in_log, logged_by, look_again, made
from tests.ha.topology import TIMEOUT_SECONDS, Topology, cut_off
from tests.logbook import log_of, open_backend
from tests.repeats import REPEATS
from tests.waiting import eventually

PROBED = "probed"
PROBES = 2
PROBING = {"failure_threshold": 1, "timeout_seconds": 0.05, "half_open_max_calls": PROBES}
IDLE = "idle"


@pytest.mark.parametrize("repeat", range(REPEATS))
async def test_what_a_lagging_failover_lost_is_sent_again(
    topology: Topology, tmp_path: Path, repeat: int
) -> None:
    async with (
        actors(5) as crew,
        open_backend(topology.url, NS, SHARDS, timeout_seconds=5.0) as backend,
    ):
        keeping = Worker("keeping", crew[0], tmp_path)
        control = Worker("control", crew[1], tmp_path)  # keeps nothing for a rewind
        probers = [Worker(f"prober-{n}", crew[n], tmp_path) for n in (2, 3)]
        await keeping.begin(topology.url)
        await control.begin(topology.url, window=0)
        for prober in probers:
            prober.agents = [PROBED]
            await prober.begin(topology.url, config=PROBING)
        idle = crew[4]
        await connect(idle, topology.url, NS, shards=SHARDS)
        await idle.ask("get", agent=IDLE, config=PLAIN)
        callers = (keeping, control)
        await asyncio.gather(*(worker.more(300) for worker in callers))

        agents = [*keeping.agents, *control.agents, IDLE]
        streams = [backend.keys.agent(agent).events for agent in agents]
        streams.remove(idle_stream := backend.keys.agent(IDLE).events)
        master, replica = await topology.victim([*streams, *[idle_stream] * 20])
        await cut_off(master, replica)
        kept = await master.count(streams)
        assert await idle.ask("burst", agent=IDLE, count=20, plan="ok") == {"ok": 20}
        await idle.ask("flush")
        await asyncio.gather(*(worker.more(300) for worker in callers))
        await logged_by(master, streams, kept + 100)

        await asyncio.to_thread(master.kill)
        replica.resume()
        await eventually(replica.is_master, TIMEOUT_SECONDS)
        assert await replica.count([idle_stream]) < 20  # it does lag
        await asyncio.gather(*(worker.more(300) for worker in callers))
        await asyncio.gather(*(prober.more(5) for prober in probers))

        await look_again(backend)
        # One that has nothing more to say finds out by itself.
        await eventually(lambda: _has(backend, IDLE, 20), TIMEOUT_SECONDS)
        assert (await idle.ask("sent"))["resent"] == 20
        kept_all, kept_none = await asyncio.gather(*(worker.end() for worker in callers))
        await asyncio.gather(*(prober.end() for prober in probers))

        assert kept_all["resent"] > 0
        assert kept_all["dropped"] == 0
        assert await in_log(backend, keeping.agents) == made(kept_all)
        assert await in_log(backend, [IDLE]) == 20
        missing = made(kept_none) - await in_log(backend, control.agents)
        assert missing == kept_none["dropped"] > 0
        assert probes_of(await log_of(backend, PROBED), PROBES)
        everyone = [*agents, PROBED]
        await until_all_folded(backend, everyone, TIMEOUT_SECONDS)
        await assert_verified(backend, everyone)


async def _has(backend: Backend, agent: str, count: int) -> bool:
    return await in_log(backend, [agent]) == count
