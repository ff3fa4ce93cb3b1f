"""From an operator's word in Redis to 200 clients of the stream.

Server, projector, API process and clients are processes of their own and share the machine. Each
round writes an override with a mark in it; each client stamps the moment its bytes have arrived.
With 1,000 busy agents every client also gets their figures once a second.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.report import Target, percentile, table, targets
from fuseline import CircuitBreakerManager
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Mode, OverrideSet
from fuseline.events.agents import override, register
from fuseline.events.backend import Backend
from fuseline.events.settings import BackendSettings

NAMESPACE = "bench-stream"
CLIENTS = 200
AGENT = "under-test"
ACTIVE = 1000
WANTED_MS = 100.0
PAUSE = 0.05


async def nothing() -> None:
    """A call that succeeds."""


async def busy(url: str, names: list[str], stop: asyncio.Event) -> None:
    """One call of each agent a second."""
    async with CircuitBreakerManager.connect(url, namespace=NAMESPACE, projector=False) as manager:
        breakers = [manager.get(name) for name in names]
        while not stop.is_set():
            for number, breaker in enumerate(breakers):
                await breaker.call(nothing)
                if number % 50 == 49:
                    await asyncio.sleep(1 / (len(breakers) / 50))


async def started(stack: AsyncExitStack, *arguments: str) -> Any:
    """A process, killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", *arguments, stdin=PIPE, stdout=PIPE, limit=1 << 26
    )

    async def end() -> None:
        if process.returncode is None:
            process.kill()
        await process.wait()

    stack.push_async_callback(end)
    return process


async def series(url: str, backend: Backend, rounds: int, active: int) -> dict[str, Any]:
    """Milliseconds of each client and round."""
    async with AsyncExitStack() as stack:
        names = [f"busy-{number:04d}" for number in range(active)]
        for name in [AGENT, *names]:
            await register(backend, name, CircuitBreakerConfig(), "benchmark")
        projector = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "fuseline", "projector", "--until-eof", "--redis-url", url),
            *("--namespace", NAMESPACE, "--log-level", "warning"),
            stdin=PIPE, stdout=DEVNULL,
        )  # fmt: skip
        stack.push_async_callback(projector.wait)
        stack.callback(projector.terminate)
        server = await started(stack, "benchmarks.stream_server", url, NAMESPACE)
        address = (await server.stdout.readline()).decode().strip()
        kinds = "changes,figures" if active else "changes"
        clients = await started(
            stack, "benchmarks.stream_clients", address, str(CLIENTS), AGENT, kinds
        )
        assert (await clients.stdout.readline()).strip() == b"ready"
        stop = asyncio.Event()
        load = asyncio.create_task(busy(url, names, stop)) if active else None
        if load is not None:
            await asyncio.sleep(3)  # the load is under way
        sent: dict[int, int] = {}
        begin = time.monotonic()
        for number in range(rounds):
            until = 10_000_000 * 1000 + number
            stamp = time.monotonic_ns()
            sent[await _mark(backend, until)] = stamp
            await asyncio.sleep(PAUSE)
        await asyncio.sleep(1)
        lasted = time.monotonic() - begin
        stop.set()
        if load is not None:
            await load
        clients.stdin.write_eof()
        told = json.loads(await clients.stdout.readline())
    found = [
        (client[str(mark)] - stamp) / 1e6
        for client in told["seen"]
        for mark, stamp in sent.items()
        if str(mark) in client
    ]
    missing = len(sent) * CLIENTS - len(found)
    return {"ms": found, "missing": missing, "mb_per_second": told["bytes"] / lasted / 1e6}


async def _mark(backend: Backend, expires_in_ms: int) -> int:
    """Forces the agent; returns the end of the mode, which clients see, to its last digits."""
    event = OverrideSet(Mode.FORCED_OPEN, "benchmark", "mark", expires_in_ms)
    event_id = await override(backend, AGENT, event)
    return (int(event_id.split("-")[0]) + expires_in_ms) % 10_000_000


async def run(url: str, *, quick: bool = False) -> dict[str, Any]:
    """All figures."""
    rounds = 40 if quick else 400
    backend = await Backend.open(BackendSettings(url=url, namespace=NAMESPACE))
    try:
        found = {
            "idle": await series(url, backend, rounds, 0),
            f"{ACTIVE:,} active agents with figures": await series(url, backend, rounds, ACTIVE),
        }
    finally:
        await backend.close()
    print(f"\nStream: an override in Redis to {CLIENTS} clients, milliseconds\n")
    rows, met = [], []
    for name, one in found.items():
        ms = one["ms"]
        shares = [f"{percentile(ms, share):.1f}" for share in (0.5, 0.99)]
        rows.append(
            [name, *shares, f"{max(ms):.1f}", str(one["missing"]), f"{one['mb_per_second']:.1f}"]
        )
        p99 = percentile(ms, 0.99)
        met.append(
            Target(f"{name}: p99", f"{p99:.1f} ms", f"< {WANTED_MS:.0f} ms", p99 < WANTED_MS)
        )
        met.append(Target(f"{name}: lost", str(one["missing"]), "0", one["missing"] == 0))
    print(table(["", "p50", "p99", "max", "lost", "MB/s to all"], rows))
    print("\n" + targets(met))
    figures = {name: {k: v for k, v in one.items() if k != "ms"} for name, one in found.items()}
    return {**figures, "targets": [target.row() for target in met]}
