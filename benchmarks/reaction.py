"""How long from a failing outcome in one process until another process rejects.

Each round takes a fresh agent that opens at its first failure. Process A stamps the moment the
callee fails; process B looks at its own memory every 0.1 ms and stamps the moment it sees the
breaker open. Both stamps are ``time.monotonic_ns()``, one clock on Linux. A bare relay through two
streams in the same run says what the machine allows (`relay`).
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack
from typing import Any

from benchmarks.children import children
from benchmarks.report import Target, percentile, table, targets
from benchmarks.subjects import Fuseline

WORKER = "benchmarks.fuseline_worker"
RELAY = "benchmarks.relay"
LOAD = 5000.0
QUIET_SECONDS = 0.02  # before each round, so that nothing is left over from the one before

# The promised 1 and 3 ms are for a machine where a wake-up takes 0.142 and 0.294 ms (p50, p99), and
# a reaction has two of them. On another one that many relays are the same promise.
RELAYS_P50, RELAYS_P99 = 1 / (2 * 0.142), 3 / (2 * 0.294)


async def bare_relay(url: str, rounds: int) -> list[float]:
    """Milliseconds of each round of the relay, idle."""
    async with children(RELAY, 3, url) as (failing, middle, watching):
        await middle.ask("pass_on")
        await watching.ask("ready")
        found = []
        for _ in range(rounds):
            await watching.send("watch")
            await asyncio.sleep(QUIET_SECONDS)
            failed = (await failing.ask("fail"))["at_ns"]
            found.append(((await watching.answer())["at_ns"] - failed) / 1e6)
    return found


async def series(url: str, rounds: int, *, load: float, apart: bool) -> list[float]:
    """Milliseconds of each round; with ``apart`` one process of its own does all the folding."""
    async with AsyncExitStack() as stack:
        failing, watching, busy = await stack.enter_async_context(children(WORKER, 3, url))
        if apart:
            (projector,) = await stack.enter_async_context(children(WORKER, 1, url))
            await projector.ask("connect", projector=True)
        for child in (failing, watching, busy):
            await child.ask("connect", projector=not apart)
        if load:
            await busy.ask("agents", count=100, prefix="load")
            await busy.ask("paced", rate=load)
        found = []
        for _ in range(rounds):
            name = f"react-{uuid.uuid4().hex[:12]}"
            await failing.ask("one", name=name)
            await watching.ask("one", name=name)
            await watching.send("watch")
            await asyncio.sleep(QUIET_SECONDS)
            failed = (await failing.ask("fail"))["at_ns"]
            rejected = (await watching.answer())["at_ns"]
            if rejected is None:
                raise RuntimeError(f"{name} was never rejected in the other process")
            found.append((rejected - failed) / 1e6)
        if load:
            await busy.ask("halt")
    return found


def promised(found: dict[tuple[bool, bool], list[float]], relay: list[float]) -> list[Target]:
    """The reaction's targets."""
    result = []
    bare50, bare99 = percentile(relay, 0.5), percentile(relay, 0.99)
    for (apart, loaded), values in found.items():
        where = "projector apart" if apart else "projectors beside"
        p50, p99 = percentile(values, 0.5), percentile(values, 0.99)
        if loaded:
            result.append(
                Target(f"{LOAD:,.0f}/s, {where}: p99", f"{p99:.2f} ms", "<= 10 ms", p99 <= 10)
            )
        else:
            result.append(Target(f"idle, {where}: p50", f"{p50:.2f} ms", "<= 1 ms", p50 <= 1))
            result.append(Target(f"idle, {where}: p99", f"{p99:.2f} ms", "<= 3 ms", p99 <= 3))
            for name, ratio, most in (
                ("p50", p50 / bare50, RELAYS_P50),
                ("p99", p99 / bare99, RELAYS_P99),
            ):
                what = f"idle, {where}: {name} to the relay's"
                result.append(Target(what, f"{ratio:.2f}x", f"<= {most:.1f}x", ratio <= most))
    return result


async def run(url: str, *, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the JSON part."""
    if not Fuseline.installed():
        print("\nReaction: fuseline cannot be imported here")
        return {}
    rounds = 30 if quick else 300
    relay = await bare_relay(url, rounds)
    found: dict[tuple[bool, bool], list[float]] = {}
    for apart in (False, True):
        for loaded in (False, True):
            found[apart, loaded] = await series(
                url, rounds, load=LOAD if loaded else 0.0, apart=apart
            )
    series_of = {"bare relay, idle": relay}
    for (apart, loaded), values in found.items():
        where = "projector apart" if apart else "projectors beside"
        load = f"{LOAD:,.0f} outcomes/s" if loaded else "idle"
        series_of[f"{where}, {load}"] = values
    rows = []
    for what, values in series_of.items():
        shares = [f"{percentile(values, share):.2f}" for share in (0.5, 0.9, 0.99)]
        rows.append([what, f"{len(values)}", *shares, f"{max(values):.2f}"])
    print("\nReaction: failing outcome in A to rejection in B, milliseconds\n")
    print(table(["", "rounds", "p50", "p90", "p99", "max"], rows))
    met = promised(found, relay)
    print("\n" + targets(met))
    return {
        "rounds_ms": {
            f"{'apart' if apart else 'beside'}-{'loaded' if loaded else 'idle'}": values
            for (apart, loaded), values in found.items()
        }
        | {"relay-idle": relay},
        "targets": [target.row() for target in met],
    }
