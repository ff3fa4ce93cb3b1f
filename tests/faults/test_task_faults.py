"""The server full, read-only, hung, or closed to its user under load: one result for each task."""

import asyncio
from pathlib import Path

import pytest

from fuseline.bridge.tasks.client import TaskClient
from tests.faults.proxy import proxied
from tests.faults.server_faults import FAULTS, make_user
from tests.faults.test_task_kills import AGENTS, Crew, check, crew_of
from tests.servers import RealServer
from tests.waiting import eventually

TASKS = 400


async def submit_many(crew: Crew, client: TaskClient) -> None:
    for number in range(TASKS):
        agent = crew.rng.choice(AGENTS)
        crew.handles.append(await client.submit(agent, number, max_attempts=50))


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_task_gets_one_result_whatever_becomes_of_the_server(
    fresh_server: RealServer, tmp_path: Path, fault: str
) -> None:
    user_url = await make_user(fresh_server)
    async with crew_of(fresh_server, tmp_path) as (crew, backend, client):
        crew.url = user_url if fault == "revoked" else fresh_server.url
        workers = [await crew.add("--concurrency", "4") for _ in range(2)]
        await eventually(lambda: all(crew.has_started(worker) for worker in workers), 60)
        await submit_many(crew, client)
        await eventually(lambda: len(crew.lines("end")) > 20, 60)
        async with FAULTS[fault](fresh_server):
            await asyncio.sleep(1.5)  # how long the fault lasts: longer than a lease
            begun = len(crew.lines("begin"))
            assert begun < TASKS  # it came in the middle
        results = await asyncio.wait_for(asyncio.gather(*crew.handles), 40)
        await eventually(lambda: crew.has_news_of(fault))
        await check(crew, backend, results)
        assert [worker.returncode for worker in workers] == [None, None]


async def test_each_task_gets_one_result_over_a_network_that_cuts_replies(
    fresh_server: RealServer, tmp_path: Path
) -> None:
    async with (
        proxied(fresh_server.socket, 11) as proxy,
        crew_of(fresh_server, tmp_path) as (crew, backend, client),
    ):
        crew.url = proxy.url
        workers = [await crew.add("--concurrency", "4") for _ in range(2)]
        await eventually(lambda: all(crew.has_started(worker) for worker in workers), 60)
        proxy.share = 0.03
        await submit_many(crew, client)
        results = await asyncio.wait_for(asyncio.gather(*crew.handles), 60)
        proxy.share = 0.0
        assert sum(proxy.cuts.values()) > 10
        await check(crew, backend, results)
        assert [worker.returncode for worker in workers] == [None, None]
