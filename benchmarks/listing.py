"""10,000 agents over HTTP: the registry and the circuits, a page and all of them.

A real `fuseline api` process over a real server; the client is httpx2 in another process.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

import httpx2
import msgspec

from benchmarks.report import Target, percentile, table, targets
from fuseline.api.access.roles import Role
from fuseline.api.access.tokens import TokenStore
from fuseline.core.config import CircuitBreakerConfig
from fuseline.events.agents import register
from fuseline.events.backend import Backend
from fuseline.events.settings import BackendSettings
from fuseline.projections.overview import overview

NAMESPACE = "bench-listing"
AGENTS = 10_000
WANTED_MS = 200.0
LISTS = {
    "agents, first page of 500": ("agents", {"limit": 500}),
    "agents by change, first page of 500": ("agents", {"limit": 500, "sort": "-updated_at"}),
    "agents, search": ("agents", {"limit": 500, "search": "agent-0777"}),
    "circuits, first page of 1000": ("circuits", {"limit": 1000}),
    "circuits, search": ("circuits", {"limit": 1000, "search": "agent-0777"}),
}


async def _register(backend: Backend) -> None:
    names = [f"agent-{number:05d}" for number in range(AGENTS)]
    config = CircuitBreakerConfig()
    for start in range(0, AGENTS, 200):
        await asyncio.gather(
            *(register(backend, name, config, "benchmark") for name in names[start : start + 200])
        )


async def _list_all(client: httpx2.AsyncClient, path: str, limit: int) -> int:
    seen, more = 0, {}
    while True:
        answer = (await client.get(path, params={"limit": limit, **more})).json()
        seen += len(answer["items"])
        if answer["next_cursor"] is None:
            return seen
        more = {"cursor": answer["next_cursor"]}


async def run(url: str, *, quick: bool = False) -> dict[str, Any]:
    """Milliseconds of each list."""
    rounds = 5 if quick else 40
    backend = await Backend.open(BackendSettings(url=url, namespace=NAMESPACE))
    process = None
    try:
        await _register(backend)
        store = TokenStore(backend)
        token = await store.create("bench", Role.VIEWER, life_ms=None, created_by="benchmark")
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "fuseline", "api", "--port", "0", "--projector"),
            *("--until-eof", "--json", "--redis-url", url, "--namespace", NAMESPACE),
            *("--log-level", "warning"),
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        address = msgspec.json.decode(await process.stdout.readline())["url"]
        while not all(one.projected for one in (await overview(backend)).agents):  # noqa: ASYNC110
            await asyncio.sleep(0.2)
        found: dict[str, list[float]] = {}
        async with httpx2.AsyncClient(
            base_url=f"{address}/api/v1/",
            headers={"Authorization": f"Bearer {token.text}"},
            timeout=60,
            trust_env=False,
        ) as client:
            for name, (path, query) in LISTS.items():
                found[name] = [await _timed(client, path, query) for _ in range(rounds)]
            for path, limit in (("agents", 500), ("circuits", 1000)):
                begin = time.perf_counter()
                assert await _list_all(client, path, limit) == AGENTS
                found[f"{path}, all pages"] = [(time.perf_counter() - begin) * 1000]
    finally:
        if process is not None and process.stdin is not None:
            process.stdin.close()
            await process.wait()
        await backend.close()
    rows = [
        [name, str(len(ms)), *(f"{value:.1f}" for value in (percentile(ms, 0.5), max(ms)))]
        for name, ms in found.items()
    ]
    print(f"\n{AGENTS:,} agents over HTTP (ms)\n")
    print(table(["", "calls", "p50", "max"], rows, markdown=True))
    met = [
        Target(name, f"{max(ms):.1f} ms", f"< {WANTED_MS:g} ms", max(ms) < WANTED_MS)
        for name, ms in found.items()
        if name in LISTS
    ]
    print("\n" + targets(met))
    return {"ms": found, "targets": [target.row() for target in met]}


async def _timed(client: httpx2.AsyncClient, path: str, query: dict[str, Any]) -> float:
    begin = time.perf_counter()
    answer = await client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return (time.perf_counter() - begin) * 1000
