"""A master freezes, a replica takes over, and the old one wakes up believing it is master still."""

import asyncio
from pathlib import Path

import pytest

from tests.faults.support import actors, assert_verified, until_all_folded
from tests.ha.load import NS, SHARDS, Worker, in_log, look_again, made
from tests.ha.topology import TIMEOUT_SECONDS, Topology
from tests.logbook import open_backend
from tests.repeats import REPEATS
from tests.waiting import eventually

HEALED_SECONDS = 15.0
"""How long things go on after healing; Sentinels take some ten seconds to demote the old master."""


@pytest.mark.parametrize("repeat", range(REPEATS))
async def test_an_old_master_that_wakes_up_doubles_nothing(
    topologies: list[Topology], tmp_path: Path, repeat: int
) -> None:
    async with asyncio.TaskGroup() as tasks:
        for n, topology in enumerate(topologies):
            folder = tmp_path / str(n)
            folder.mkdir()
            tasks.create_task(_wakes_up(topology, folder))


async def _wakes_up(topology: Topology, folder: Path) -> None:
    async with (
        actors(2) as crew,
        open_backend(topology.url, NS, SHARDS, timeout_seconds=5.0) as backend,
    ):
        workers = [Worker(f"worker-{n}", member, folder) for n, member in enumerate(crew)]
        for worker in workers:
            await worker.begin(topology.url, pause=0.3)
        await asyncio.gather(*(worker.more(100) for worker in workers))
        agents = [agent for worker in workers for agent in worker.agents]
        streams = [backend.keys.agent(agent).events for agent in agents]
        master, replica = await topology.victim(streams)

        master.pause()
        await eventually(replica.is_master, TIMEOUT_SECONDS)
        await asyncio.gather(*(worker.more(100) for worker in workers))
        master.resume()
        healed = asyncio.get_running_loop().time()
        # Both are masters now, for a moment; whoever reaches the old one writes to it.
        await eventually(master.is_synced, TIMEOUT_SECONDS)
        await asyncio.gather(*(worker.more(100) for worker in workers))
        await asyncio.sleep(healed + HEALED_SECONDS - asyncio.get_running_loop().time())
        assert await replica.is_master()
        assert not await master.is_master()

        figures = await asyncio.gather(*(worker.end() for worker in workers))
        await look_again(backend)
        assert [one["dropped"] for one in figures] == [0, 0]
        assert [await in_log(backend, w.agents) for w in workers] == [made(f) for f in figures]
        await until_all_folded(backend, agents, TIMEOUT_SECONDS)
        await assert_verified(backend, agents)
