"""How long from a failing call to the webhook that tells of it.

Each round takes a fresh agent that opens at its first failure. Worker, projector and notifier are
processes of their own; the receiver is in this one, as is the clock of both stamps.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import sys
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from benchmarks.children import children
from benchmarks.fuseline_parts import NAMESPACE
from benchmarks.report import Target, percentile, table, targets
from benchmarks.subjects import Fuseline

WORKER = "benchmarks.fuseline_worker"
LOAD = 2000.0
_ANSWER = b"HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n"


class Receiver:
    """Takes webhooks, and stamps each agent's first."""

    def __init__(self) -> None:
        self.arrived: dict[str, asyncio.Future[int]] = {}
        self.url = ""

    def expect(self, agent: str) -> asyncio.Future[int]:
        """When the notice about an agent comes, in ns of the monotonic clock."""
        self.arrived[agent] = asyncio.get_running_loop().create_future()
        return self.arrived[agent]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/hook"
        try:
            yield
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).lower()
                length = int(head.partition(b"content-length:")[2].partition(b"\r\n")[0])
                body = json.loads(await reader.readexactly(length))
                at_ns = time.monotonic_ns()
                for one in body["incidents"]:
                    waiting = self.arrived.get(one["subject"])
                    if waiting is not None and not waiting.done():
                        waiting.set_result(at_ns)
                writer.write(_ANSWER)
        writer.close()


@asynccontextmanager
async def notifier(url: str, receiver: str) -> AsyncIterator[None]:
    """A notifier in a process of its own with one rule and one channel; begins when it watches."""
    from fuseline.alerts.store import AlertStore
    from fuseline.events.backend import Backend
    from fuseline.events.settings import BackendSettings

    backend = await Backend.open(BackendSettings(url=url, namespace=NAMESPACE))
    store = AlertStore(backend)
    to = {"kind": "webhook", "url": receiver, "secret": "${env:HOOK_SECRET}"}
    await store.put_channel({"name": "bench", "to": to}, "bench")
    rule = {"name": "bench", "when": {"kind": "opened"}, "channels": ["bench"]}
    await store.put_rule(rule, "bench")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fuseline", "alerts", "run", "--until-eof"),
        *("--redis-url", url, "--namespace", NAMESPACE, "--log-level", "warning"),
        stdin=asyncio.subprocess.PIPE,
        env=os.environ | {"HOOK_SECRET": "bench", "FUSELINE_OUTBOUND_ALLOW": "127.0.0.1"},
    )
    try:
        while not await store.notifier():  # noqa: ASYNC110 - another process sets it
            await asyncio.sleep(0.01)
        assert (await store.tried("bench", "bench", 20)).result == "delivered"
        yield
    finally:
        process.terminate()
        await process.wait()
        await backend.close()


async def series(url: str, rounds: int, *, load: float) -> list[float]:
    """Milliseconds of each round."""
    receiver = Receiver()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(receiver.running())
        failing, busy, projector = await stack.enter_async_context(children(WORKER, 3, url))
        await projector.ask("connect", projector=True)
        for child in (failing, busy):
            await child.ask("connect", projector=False)
        await stack.enter_async_context(notifier(url, receiver.url))
        if load:
            await busy.ask("agents", count=100, prefix="load")
            await busy.ask("paced", rate=load)
        found = []
        for _ in range(rounds):
            name = f"alert-{uuid.uuid4().hex[:12]}"
            arrives = receiver.expect(name)
            await failing.ask("one", name=name)
            await asyncio.sleep(0.01)  # nothing is left over from the set-up
            failed = (await failing.ask("fail"))["at_ns"]
            found.append((await asyncio.wait_for(arrives, 30) - failed) / 1e6)
        if load:
            await busy.ask("halt")
    return found


async def run(url: str, *, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the JSON part."""
    if not Fuseline.installed():
        print("\nAlerts: fuseline cannot be imported here")
        return {}
    rounds = 30 if quick else 300
    found = {
        "idle": await series(url, rounds, load=0.0),
        f"{LOAD:,.0f} outcomes/s": await series(url, rounds, load=LOAD),
    }
    rows = [
        [
            name,
            f"{len(values)}",
            *(f"{percentile(values, share):.1f}" for share in (0.5, 0.9, 0.99)),
            f"{max(values):.1f}",
        ]
        for name, values in found.items()
    ]
    print("\nAlerts: failing call to webhook, milliseconds\n")
    print(table(["", "rounds", "p50", "p90", "p99", "max"], rows))
    met = [
        Target(f"{name}: p99", f"{percentile(values, 0.99):.1f} ms", "< 1000 ms",
               percentile(values, 0.99) < 1000)
        for name, values in found.items()
    ]  # fmt: skip
    print("\n" + targets(met))
    return {"rounds_ms": found, "targets": [target.row() for target in met]}
