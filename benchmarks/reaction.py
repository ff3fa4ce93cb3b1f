"""How long from a failing outcome in one process until another process rejects.

Each round takes a fresh agent that opens at its first failure. Process A stamps the moment the
callee fails, process B the moment its memory refuses; then it makes a call, which must be refused.
Both stamps are ``time.monotonic_ns()``, one clock on Linux.

Where nothing else runs the pause before a failure decides: after some ms the machine's idle cores
and the processes' memory have gone cold, and waking them costs more than all that has to be done.
So there are series without a pause, as the limits were measured from which the targets follow, and
after 5 and 20 ms of it; and a bare wake-up after the same pauses says what the machine allows
(`wake_up`).
"""

from __future__ import annotations

import asyncio
import uuid
from contextlib import AsyncExitStack
from typing import Any, NamedTuple

from benchmarks.children import Child, children
from benchmarks.report import Target, percentile, table, targets
from benchmarks.subjects import Fuseline

WORKER = "benchmarks.fuseline_worker"
WAKE_UP = "benchmarks.wake_up"
LOAD = 5000.0
PAUSES = (0.0, 0.005, 0.02)

# The promised 1 and 3 ms are for a machine where a bare wake-up takes 0.142 and 0.294 ms (p50, p99)
# without a pause. On another one, and after a pause, that many wake-ups are the same promise.
WAKE_UPS_P50, WAKE_UPS_P99 = 1 / 0.142, 3 / 0.294


async def one_round(failing: Child, watching: Child, pause_seconds: float) -> float:
    """Milliseconds from A's failure until B knows."""
    await watching.ask("arm")
    await asyncio.sleep(pause_seconds)
    failed = (await failing.ask("fail"))["at_ns"]
    seen = (await watching.ask("seen"))["at_ns"]
    if seen is None:
        raise RuntimeError("it was never rejected in the other process")
    return float(seen - failed) / 1e6


async def bare_wake_up(url: str, rounds: int, pause_seconds: float) -> list[float]:
    """Milliseconds of each round of a bare wake-up, idle."""
    async with children(WAKE_UP, 2, url) as (failing, watching):
        return [await one_round(failing, watching, pause_seconds) for _ in range(rounds)]


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
            found.append(await one_round(failing, watching, pause_seconds))
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
        return f"{self.load:,.0f} outcomes/s" if self.load else _idle(self.pause_seconds)


SCENES = [
    Scene(apart, load, pause)
    for apart in (False, True)
    for load, pause in (*((0.0, pause) for pause in PAUSES), (LOAD, PAUSES[-1]))
]


def _idle(pause_seconds: float) -> str:
    return f"idle, after {pause_seconds * 1000:g} ms" if pause_seconds else "idle, at once"


def promised(found: dict[Scene, list[float]], bare: dict[float, list[float]]) -> list[Target]:
    """The reaction's targets."""
    result = []
    for scene, values in found.items():
        p50, p99 = percentile(values, 0.5), percentile(values, 0.99)
        what = f"{scene.how}, {scene.where}"
        if scene.load:
            result.append(Target(f"{what}: p99", f"{p99:.2f} ms", "<= 10 ms", p99 <= 10))
            continue
        wake_up = bare[scene.pause_seconds]
        ratios = (
            ("p50", p50 / percentile(wake_up, 0.5), WAKE_UPS_P50),
            ("p99", p99 / percentile(wake_up, 0.99), WAKE_UPS_P99),
        )
        result.append(Target(f"{what}: p50", f"{p50:.2f} ms", "<= 1 ms", p50 <= 1))
        result.append(Target(f"{what}: p99", f"{p99:.2f} ms", "<= 3 ms", p99 <= 3))
        for name, ratio, most in ratios:
            told = f"{what}: {name} to a wake-up's"
            result.append(Target(told, f"{ratio:.2f}x", f"<= {most:.1f}x", ratio <= most))
    return result


async def run(url: str, *, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the JSON part."""
    if not Fuseline.installed():
        print("\nReaction: fuseline cannot be imported here")
        return {}
    rounds = 30 if quick else 300
    bare = {pause: await bare_wake_up(url, rounds, pause) for pause in PAUSES}
    found = {scene: await series(url, rounds, **scene._asdict()) for scene in SCENES}
    series_of = {f"bare wake-up, {_idle(pause)}": values for pause, values in bare.items()}
    series_of |= {f"{scene.where}, {scene.how}": values for scene, values in found.items()}
    rows = []
    for what, values in series_of.items():
        shares = [f"{percentile(values, share):.2f}" for share in (0.5, 0.9, 0.99)]
        rows.append([what, f"{len(values)}", *shares, f"{max(values):.2f}"])
    print("\nReaction: failing outcome in A to rejection in B, milliseconds\n")
    print(table(["", "rounds", "p50", "p90", "p99", "max"], rows))
    met = promised(found, bare)
    print("\n" + targets(met))
    return {"rounds_ms": series_of, "targets": [target.row() for target in met]}
