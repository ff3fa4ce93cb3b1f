"""Tasks a second through one worker and through two, with an HTTP agent in its own process.

Bare httpx2 calls to the same agent, with as many at once, say what the calls alone would take;
tasks that call nothing say what the queue itself takes. Everything shares the machine: server,
agent, submitter and workers.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from benchmarks.report import Target, middle, table, targets
from fuseline.bridge.tasks.client import TaskClient
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.endpoint import Endpoint
from fuseline.events.agents import register
from fuseline.events.backend import Backend
from fuseline.events.settings import BackendSettings

NAMESPACE = "bench-tasks"
AGENTS = ("bench-http", "bench-nothing")
CONCURRENCY = 32
WANTED = 1000.0


@asynccontextmanager
async def agent() -> AsyncIterator[str]:
    """The agent's URL, while it runs."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "benchmarks.task_agent", stdin=PIPE, stdout=PIPE
    )
    try:
        assert process.stdout is not None
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def workers(url: str, count: int) -> AsyncIterator[None]:
    """Worker processes, started and ready."""
    env = os.environ | {
        "REDIS_URL": url, "FUSELINE_NAMESPACE": NAMESPACE, "FUSELINE_OUTBOUND_ALLOW": "127.0.0.1",
    }  # fmt: skip
    command = (
        sys.executable, "-m", "fuseline", "worker", "--json", "--log-level", "warning",
        "--concurrency", str(CONCURRENCY), "--app", "benchmarks.task_app:handlers",
    )  # fmt: skip
    started: list[Process] = []
    try:
        for _ in range(count):
            spawned = asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=PIPE, env=env)
            started += [await spawned]
        for process in started:
            assert process.stdout is not None
            await process.stdout.readline()
        yield
    finally:
        for process in started:
            process.terminate()
        await asyncio.gather(*(process.wait() for process in started))


async def bare(agent_url: str, count: int) -> float:
    """Calls a second of bare httpx2."""
    async with httpx2.AsyncClient() as client:
        left = iter(range(count))

        async def caller() -> None:
            for number in left:
                (await client.post(agent_url, json={"n": number})).json()

        begin = time.perf_counter()
        await asyncio.gather(*(caller() for _ in range(CONCURRENCY)))
        return count / (time.perf_counter() - begin)


async def rate(client: TaskClient, name: str, count: int) -> float:
    """Tasks a second, from the start of the first call to the end of the last."""
    handles = []
    for start in range(0, count, 50):
        numbers = range(start, min(count, start + 50))
        handles += await asyncio.gather(*(client.submit(name, {"n": n}) for n in numbers))
    results = await asyncio.gather(*handles)
    assert all(result.succeeded for result in results)
    begin = min(result.started_ms for result in results)
    return count / (max(result.ended_ms for result in results) - begin) * 1000


async def run(url: str, *, quick: bool = False) -> dict[str, Any]:
    """All figures."""
    rounds, count = (1, 1000) if quick else (5, 5000)
    found: dict[str, list[float]] = {}
    backend = await Backend.open(BackendSettings(url=url, namespace=NAMESPACE))
    try:
        async with agent() as agent_url, TaskClient(backend) as client:
            for name in AGENTS:
                where = Endpoint(url=agent_url)
                await register(backend, name, CircuitBreakerConfig(), "benchmark", endpoint=where)
            for number in (1, 2):
                async with workers(url, number):
                    await rate(client, AGENTS[0], 200)  # connections and breakers are there
                    for _ in range(rounds):
                        if number == 1:
                            found.setdefault("bare", []).append(await bare(agent_url, count))
                        for name in AGENTS:
                            measured = await rate(client, name, count)
                            found.setdefault(f"{name}, {number} workers", []).append(measured)
    finally:
        await backend.close()
    figures = {name: middle(values) for name, values in found.items()}
    print("\nTasks\n")
    rows = [[name, f"{value:,.0f}/s"] for name, value in figures.items()]
    one, two = (figures[f"{AGENTS[0]}, {n} workers"] for n in (1, 2))
    rows.append(["one worker to bare httpx2", f"{one / figures['bare']:.2f}"])
    rows.append(["two workers to one", f"{two / one:.2f}"])
    print(table(["", "figures"], rows, markdown=True))
    met = [
        Target("tasks through one worker", f"{one:,.0f}/s", f">= {WANTED:,.0f}/s", one >= WANTED)
    ]
    print("\n" + targets(met))
    return {**figures, "targets": [target.row() for target in met]}
