"""How long from a failing outcome in one process until another process rejects.

Each round takes a fresh agent that opens at its first failure. Process A stamps the moment the
callee fails, process B the moment its memory refuses; then it makes a call, which must be refused.
Both stamps are ``time.monotonic_ns()``, one clock on Linux. A bare relay through two streams in the
same run says what the machine allows (`relay`).

Where nothing else runs the pause before a failure decides: after some ms the machine's idle cores
and the processes' memory have gone cold, and waking them costs more than all that has to be done.
So there are two idle series, after 5 ms and after 20.
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from benchmarks.children import children
from benchmarks.report import Target, percentile, table, targets
from benchmarks.subjects import Fuseline

WORKER = "benchmarks.fuseline_worker"
RELAY = "benchmarks.relay"
LOAD = 5000.0
# Before each failure, so that nothing is left over from what came before it.
IDLE_SECONDS, COLD_SECONDS = 0.005, 0.02

# The promised 1 and 3 ms are for a machine where a wake-up takes 0.142 and 0.294 ms (p50, p99), and
# a reaction has two of them. On another one that many relays are the same promise.
RELAYS_P50, RELAYS_P99 = 1 / (2 * 0.142), 3 / (2 * 0.294)


async def bare_relay(url: str, rounds: int, pause_seconds: float) -> list[float]:
    """Milliseconds of each round of the relay, idle."""
    async with children(RELAY, 3, url) as (failing, middle, watching):
        await middle.ask("pass_on")
        await watching.ask("ready")
        found = []
        for _ in range(rounds):
            await watching.send("watch")
            await asyncio.sleep(pause_seconds)
            failed = (await failing.ask("fail"))["at_ns"]
            found.append(((await watching.answer())["at_ns"] - failed) / 1e6)
    return found


async def series(
    url: str, rounds: int, *, load: float, apart: bool, pause_seconds: float
) -> list[float]:
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
            await asyncio.sleep(pause_seconds)
            failed = (await failing.ask("fail"))["at_ns"]
            rejected = (await watching.answer())["at_ns"]
            if rejected is None:
                raise RuntimeError(f"{name} was never rejected in the other process")
            found.append((rejected - failed) / 1e6)
        if load:
            await busy.ask("halt")
    return found


class Scene(NamedTuple):
    """One series: who folds, under what load, after what pause."""

    apart: bool
    load: float
    pause_seconds: float

    @property
    def where(self) -> str:
        """Who folds, in words."""
        return "projector apart" if self.apart else "projectors beside"

    @property
    def how(self) -> str:
        """Load and pause, in words."""
        return f"{self.load:,.0f} outcomes/s" if self.load else f"idle {_ms(self.pause_seconds)}"


SCENES = [
    Scene(apart, load, pause)
    for apart in (False, True)
    for load, pause in ((0.0, IDLE_SECONDS), (0.0, COLD_SECONDS), (LOAD, COLD_SECONDS))
]


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:g} ms"


def promised(found: dict[Scene, list[float]], relays: dict[float, list[float]]) -> list[Target]:
    """The reaction's targets."""
    result = []
    for scene, values in found.items():
        p50, p99 = percentile(values, 0.5), percentile(values, 0.99)
        what = f"{scene.how}, {scene.where}"
        if scene.load:
            result.append(Target(f"{what}: p99", f"{p99:.2f} ms", "<= 10 ms", p99 <= 10))
            continue
        relay = relays[scene.pause_seconds]
        ratios = (
            ("p50", p50 / percentile(relay, 0.5), RELAYS_P50),
            ("p99", p99 / percentile(relay, 0.99), RELAYS_P99),
        )
        result.append(Target(f"{what}: p50", f"{p50:.2f} ms", "<= 1 ms", p50 <= 1))
        result.append(Target(f"{what}: p99", f"{p99:.2f} ms", "<= 3 ms", p99 <= 3))
        for name, ratio, most in ratios:
            told = f"{what}: {name} to the relay's"
            result.append(Target(told, f"{ratio:.2f}x", f"<= {most:.1f}x", ratio <= most))
    return result


async def run(url: str, *, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the JSON part."""
    if not Fuseline.installed():
        print("\nReaction: fuseline cannot be imported here")
        return {}
    rounds = 30 if quick else 300
    relays = {pause: await bare_relay(url, rounds, pause) for pause in (IDLE_SECONDS, COLD_SECONDS)}
    found = {scene: await series(url, rounds, **scene._asdict()) for scene in SCENES}
    series_of = {f"bare relay, idle {_ms(pause)}": values for pause, values in relays.items()}
    series_of |= {f"{scene.where}, {scene.how}": values for scene, values in found.items()}
    rows = []
    for what, values in series_of.items():
        shares = [f"{percentile(values, share):.2f}" for share in (0.5, 0.9, 0.99)]
        rows.append([what, f"{len(values)}", *shares, f"{max(values):.2f}"])
    print("\nReaction: failing outcome in A to rejection in B, milliseconds\n")
    print(table(["", "rounds", "p50", "p90", "p99", "max"], rows))
    met = promised(found, relays)
    print("\n" + targets(met))
    return {"rounds_ms": series_of, "targets": [target.row() for target in met]}
