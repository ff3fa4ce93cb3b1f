"""What the executor and the breaker add to a call: against bare httpx2, on a local agent.

The agent runs in a process of its own. Both sides post the same payload and read the answer as
JSON, in short rounds that alternate, so a slow moment of the machine falls on both. The ratio is
that of the medians of a round, the median over all pairs of rounds. Measured with the projector in
a process of its own, as in a fleet, and with the one that a lone worker runs beside its calls.
"""

from __future__ import annotations

import asyncio
import gc
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from time import perf_counter_ns
from typing import Any

import httpx2

from benchmarks.children import children
from benchmarks.report import Target, middle, percentile, table, targets
from fuseline import CircuitBreakerConfig, CircuitBreakerManager
from fuseline.bridge.executor import ExternalAgentExecutor
from fuseline.bridge.outbound import OutboundPolicy
from fuseline.core.endpoint import Endpoint
from fuseline.events.agents import register

AGENT = "benchmarks.executor_agent"
WORKER = "benchmarks.fuseline_worker"
PAYLOAD = {"order": 17, "question": "Where is it?", "history": ["hello"] * 5}
WANTED = 1.05
CONCURRENCY = 20

Call = Callable[[], Awaitable[Any]]


@dataclass
class Side:
    """The rounds of one side; times in microseconds a call."""

    name: str
    call: Call
    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    together: list[float] = field(default_factory=list)

    async def one_round(self, calls: int) -> None:
        """Calls one by one, each timed; then as many by several callers at once."""
        call = self.call
        gc.collect()
        spent: list[int] = []
        for _ in range(calls):
            begin = perf_counter_ns()
            await call()
            spent.append(perf_counter_ns() - begin)
        self.p50.append(percentile(spent, 0.5) / 1000)
        self.p99.append(percentile(spent, 0.99) / 1000)

        async def caller() -> None:
            for _ in range(calls // CONCURRENCY):
                await call()

        begin = perf_counter_ns()
        await asyncio.gather(*(caller() for _ in range(CONCURRENCY)))
        done = calls // CONCURRENCY * CONCURRENCY
        self.together.append((perf_counter_ns() - begin) / 1000 / done)

    def figures(self) -> list[str]:
        """For a table's row."""
        return [f"{middle(v):.1f}" for v in (self.p50, self.p99, self.together)]


async def measure(
    url: str, port: int, *, rounds: int, calls: int, projector: bool
) -> tuple[Side, Side]:
    """Both sides, in rounds of alternating order."""
    agent_url = f"http://127.0.0.1:{port}/agent"
    endpoint = Endpoint(url=agent_url)
    name = f"bench-{uuid.uuid4().hex[:8]}"
    async with (
        CircuitBreakerManager.connect(
            url, namespace="bench", environ={}, projector=projector
        ) as manager,
        ExternalAgentExecutor(
            manager, outbound=OutboundPolicy(allow=["127.0.0.1"]), environ={}
        ) as executor,
        httpx2.AsyncClient(trust_env=False) as client,
    ):
        await register(manager.backend, name, CircuitBreakerConfig(), "bench", endpoint=endpoint)

        async def bare() -> Any:
            response = await client.post(agent_url, json=PAYLOAD)
            response.raise_for_status()
            return response.json()

        async def guarded() -> Any:
            return (await executor.call(name, PAYLOAD)).result

        sides = Side("bare httpx2", bare), Side("executor + breaker", guarded)
        assert await bare() == await guarded()
        for number in range(rounds):
            for side in sides if number % 2 else sides[::-1]:
                await side.one_round(calls)
        await manager.flush()
    return sides


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Median over the pairs of rounds."""
    return middle(a / b for a, b in zip(ours, theirs, strict=True))


async def run(url: str, *, quick: bool) -> dict[str, Any]:
    """Measure, print, and return the figures."""
    rounds, calls = (4, 200) if quick else (40, 400)
    document: dict[str, Any] = {}
    found: list[Target] = []
    rows: list[list[str]] = []
    for beside in (False, True):
        async with AsyncExitStack() as stack:
            (agent,) = await stack.enter_async_context(children(AGENT, 1))
            port = (await agent.ask("listen"))["port"]
            if not beside:
                (apart,) = await stack.enter_async_context(children(WORKER, 1, url))
                await apart.ask("connect", projector=True)
            sides = await measure(url, port, rounds=rounds, calls=calls, projector=beside)
        where = "projector beside" if beside else "projector apart"
        bare, ours = sides
        rows += [[f"{side.name}, {where}", *side.figures()] for side in sides]
        for what, value in (
            ("one caller: p50", ratio(ours.p50, bare.p50)),
            (f"{CONCURRENCY} callers: mean", ratio(ours.together, bare.together)),
        ):
            wanted = f"<= {WANTED}"
            found.append(Target(f"{what} / bare, {where}", f"{value:.3f}", wanted, value <= WANTED))
            document[f"{what}, {where}"] = round(value, 4)
    print(f"\nOne call to a local agent, microseconds; {rounds} rounds of {calls} calls a side\n")
    print(table(["", "p50", "p99", f"mean of {CONCURRENCY} callers"], rows))
    print(f"\n{targets(found)}")
    return document


if __name__ == "__main__":
    from benchmarks.server import private_server

    with private_server() as server_url:
        asyncio.run(run(server_url, quick=False))
