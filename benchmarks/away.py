"""What a guarded call costs while the server is away: hung (SIGSTOP) or dead (SIGKILL).

One process calls through a CLOSED and an OPEN breaker, with the server up, then stopped, then
killed, all in one run. The server is away before the process has noticed it and long after; both
are in the figures, and the outcomes meanwhile go to disk.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic, perf_counter_ns
from typing import Any

from benchmarks.report import Target, middle, percentile, table, targets
from fuseline import CircuitBreakerConfig, CircuitBreakerManager, CircuitBreakerOpenError
from fuseline.core.circuit import CircuitState
from tests.servers import RealServer

CALLS_AT_ONCE = 20  # between two turns of the event loop
PAUSE = 0.0005
WARM_UP = 2000
PHASES = ("up", "stopped", "killed")


@dataclass
class Latencies:
    """Of one state in one phase, in microseconds."""

    closed: list[float] = field(default_factory=list)
    opened: list[float] = field(default_factory=list)


async def noop() -> None:
    """The callee: nothing, so that what is measured is the guard."""


async def call_for(
    seconds: float, manager: CircuitBreakerManager, into: Latencies, least: int = 0
) -> None:
    """Calls through both breakers, in turns, for so long and at least so often."""
    closed, opened = manager.get("closed").call, manager.get("open").call
    gc.collect()
    until = monotonic() + seconds
    while monotonic() < until or len(into.closed) < least:
        for _ in range(CALLS_AT_ONCE):
            begin = perf_counter_ns()
            await closed(noop)
            into.closed.append((perf_counter_ns() - begin) / 1000)
            begin = perf_counter_ns()
            try:
                await opened(noop)
            except CircuitBreakerOpenError:
                into.opened.append((perf_counter_ns() - begin) / 1000)
            else:
                raise RuntimeError("the open circuit has let a call through")
        await asyncio.sleep(PAUSE)


async def until(condition: Any) -> None:
    """Waits for a condition."""
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - it is not this task that changes it
            await asyncio.sleep(0.005)


async def measure(seconds: float) -> tuple[dict[str, Latencies], dict[str, Any]]:
    """All phases in one run, and what became of the outcomes."""
    found = {phase: Latencies() for phase in PHASES}
    with (
        RealServer(appendonly=True) as server,
        tempfile.TemporaryDirectory(prefix="fuseline-bench-") as folder,
    ):
        config = CircuitBreakerConfig(failure_threshold=3, timeout_seconds=600)
        async with CircuitBreakerManager.connect(
            server.url, environ={}, config=config, spool_dir=Path(folder)
        ) as manager:
            await call_open(manager)
            await call_for(0, manager, Latencies(), WARM_UP)
            await call_for(seconds, manager, found["up"])
            server.pause()
            await call_for(seconds, manager, found["stopped"])
            server.resume()
            await manager.flush(30)
            await until(lambda: manager.available)
            await asyncio.to_thread(server.kill)
            await call_for(seconds, manager, found["killed"])
            spooled = manager.recorder.spooled
            await asyncio.to_thread(server.start)
            await manager.flush(30)
            end = {"spooled": spooled, "dropped": manager.outcomes_dropped}
    return found, end


async def call_open(manager: CircuitBreakerManager) -> None:
    """Opens the one circuit, looks at the other."""

    async def fail() -> None:
        raise OSError

    for _ in range(3):
        try:
            await manager.get("open").call(fail)
        except OSError:
            continue
    await manager.get("closed").call(noop)
    breaker = manager.get("open")
    await manager.flush()
    await until(lambda: breaker.local.view and breaker.local.view.state is CircuitState.OPEN)


async def run(url: str, *, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the JSON part; the server is one of its own, to be killed."""
    found, end = await measure(2.0 if quick else 6.0)
    rows, promised = [], []
    figures: dict[str, dict[str, dict[str, float]]] = {}
    for state in ("closed", "opened"):
        up = getattr(found["up"], state)
        for phase in PHASES:
            values = getattr(found[phase], state)
            p50, p99, most = middle(values), percentile(values, 0.99), max(values)
            added = p99 - percentile(up, 0.99)
            figures.setdefault(state, {})[phase] = {"p50": p50, "p99": p99, "max": most}
            rows.append(
                [
                    f"{state.upper()}, server {phase}",
                    f"{len(values):,}",
                    f"{p50:.2f}",
                    f"{p99:.2f}",
                    f"{most:,.0f}",
                    f"{p50 / middle(up):.2f}",
                    f"{p99 / percentile(up, 0.99):.2f}",
                ]
            )
            if phase != "up":
                what = f"{state.upper()}, server {phase}: p99 added"
                promised.append(Target(what, f"{added:.1f} us", "< 1000 us", added < 1000))
    print("\nServer away: guarded calls with a no-op callee, microseconds\n")
    print(table(["", "calls", "p50", "p99", "max", "p50 ratio", "p99 ratio"], rows))
    print(f"\n{end['spooled']:,} outcomes on disk at the end, {end['dropped']} dropped\n")
    print(targets(promised))
    return {"away_us": figures, **end, "targets": [asdict(target) for target in promised]}


if __name__ == "__main__":
    asyncio.run(run("", quick=True))
