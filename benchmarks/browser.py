"""The web UI in a real Chromium, over a registry of 10,000 agents of which 100 a second turn.

One `fuseline up` process projects and serves; it, the browser and the writer of the changes share
the machine. Frames are those that `requestAnimationFrame` is called for while the list scrolls by a
screenful or so each frame's time allows; a change has reached the pixels when the frame after the
one that altered the row's badge begins. Both are measured once with nothing else going on, too.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import httpx2
from playwright.async_api import Page

from benchmarks.report import Target, percentile, table, targets
from fuseline.api.access.roles import Role
from fuseline.api.access.tokens import TokenStore
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Mode, OverrideSet
from fuseline.events.agents import override, register
from fuseline.events.backend import Backend
from fuseline.events.settings import BackendSettings
from fuseline.projections.overview import overview
from tests.e2e.browser.chromium import build_ui, chromium
from tests.waiting import eventually

NAMESPACE = "bench-browser"
AGENTS = 10_000
CHANGES_A_SECOND = 100
SCROLL_SECONDS = 8
AGENT = "under-test"
WANTED_FPS, WANTED_MS, WANTED_BYTES = 60.0, 200.0, 250_000

_SCROLL = """seconds => new Promise(done => {
  const frames = [], long = []
  new PerformanceObserver(list => long.push(...list.getEntries().map(one => one.duration)))
    .observe({ type: "longtask" })
  let step = 24
  const began = performance.now()
  const frame = now => {
    frames.push(now)
    if (now - began > seconds * 1000) return done({ frames, long })
    const end = document.documentElement.scrollHeight - innerHeight
    if (scrollY >= end || (scrollY <= 0 && step < 0)) step = -step
    scrollBy(0, step)
    requestAnimationFrame(frame)
  }
  requestAnimationFrame(frame)
})"""

_WATCH = """() => {
  window.seen = []
  const badge = () => document.querySelector('[role="row"] [data-column="state"] [data-tone]')
  let before = badge().textContent
  new MutationObserver(() => {
    const now = badge()?.textContent
    if (now === undefined || now === before) return
    before = now
    requestAnimationFrame(() => requestAnimationFrame(() =>
      window.seen.push([now, performance.timeOrigin + performance.now()])))
  }).observe(document.querySelector("main"), {
    subtree: true, childList: true, characterData: true,
  })
}"""

_SCRIPT_BYTES = """() => performance.getEntriesByType("resource")
  .filter(one => new URL(one.name).pathname.endsWith(".js"))
  .reduce((sum, one) => sum + one.encodedBodySize, 0)"""


def word(mode: Mode) -> OverrideSet:
    """An operator's."""
    return OverrideSet(mode=mode, actor="benchmark", reason="benchmark")


async def turn(backend: Backend, names: list[str], stop: asyncio.Event) -> int:
    """Forces agents open and hands them back, `CHANGES_A_SECOND` in all; how many it were."""
    made = 0
    began = time.monotonic()
    for mode in cycle((Mode.FORCED_OPEN, Mode.AUTO)):
        for name in names[:: max(1, len(names) // 500)]:
            if stop.is_set():
                return made
            await override(backend, name, word(mode))
            made += 1
            await asyncio.sleep(max(0.0, began + made / CHANGES_A_SECOND - time.monotonic()))
    return made


async def scrolled(page: Page, seconds: float) -> dict[str, float]:
    """Frames a second while the list scrolls, and what they cost the page's main thread.

    The cost is its time on a processor, so it says what a machine with nothing else to do could
    show: 60 frames a second take less than 16.7 ms each.
    """
    session = await page.context.new_cdp_session(page)
    await session.send("Performance.enable", {"timeDomain": "threadTicks"})

    async def spent() -> float:
        metrics = (await session.send("Performance.getMetrics"))["metrics"]
        return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration"))

    before = await spent()
    found = await page.evaluate(_SCROLL, seconds)
    cost = 1000 * (await spent() - before)
    frames, long = found["frames"], found["long"]
    gaps = [after - before for before, after in pairwise(frames)]
    return {
        "fps": 1000 * len(gaps) / (frames[-1] - frames[0]),
        "frame_p99_ms": percentile(gaps, 0.99),
        "frame_cost_ms": cost / len(gaps),
        "longest_task_ms": max(long, default=0.0),
    }


async def reached(page: Page, backend: Backend, rounds: int) -> list[float]:
    """Milliseconds from an operator's word to the pixels; the first while the page still opens."""
    await override(backend, AGENT, word(Mode.AUTO))

    async def handed_back() -> bool:
        found = (await overview(backend)).agents
        circuit = next(one.circuit for one in found if one.agent == AGENT)
        return circuit is not None and circuit.mode is Mode.AUTO

    await eventually(handed_back, 30, 0.1)
    await page.goto(f"/?q={AGENT}")
    await page.get_by_role("link", name=AGENT).first.wait_for()
    await page.evaluate(_WATCH)
    took = []
    for number in range(rounds + 1):
        mode = Mode.AUTO if number % 2 else Mode.FORCED_OPEN
        began = time.time() * 1000
        await override(backend, AGENT, word(mode))
        handle = await page.wait_for_function("count => window.seen.length > count", arg=number)
        await handle.dispose()
        took.append((await page.evaluate("window.seen.at(-1)[1]")) - began)
        await asyncio.sleep(0.05)
    return took


async def serving(stack: AsyncExitStack, url: str) -> str:
    """`fuseline up`; its address."""
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fuseline-bench-")))
    output = folder / "up.out"
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fuseline", "up", "--json", "--port", "0"),
        *("--redis-url", url, "--namespace", NAMESPACE, "--log-level", "error"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=stack.enter_context(output.open("wb")),
    )

    async def end() -> None:
        process.terminate()
        await process.wait()

    stack.push_async_callback(end)
    line = await eventually(lambda: output.read_text().partition("\n")[0], 30, 0.05)
    address: str = json.loads(line)["notes"][0].split()[1].partition("/api/")[0]
    async with httpx2.AsyncClient(trust_env=False) as client:

        async def ready() -> bool:
            try:
                return (await client.get(f"{address}/api/v1/readyz")).status_code == 200
            except httpx2.TransportError:
                return False

        await eventually(ready, 30, 0.05)
    return address


async def run(url: str, *, quick: bool) -> dict[str, Any]:
    """Runs everything and prints it; the figures."""
    agents, seconds, rounds = (1_000, 3, 20) if quick else (AGENTS, SCROLL_SECONDS, 100)
    await asyncio.to_thread(build_ui)
    backend = await Backend.open(BackendSettings(url=url, namespace=NAMESPACE))
    names = [f"agent-{number:05d}" for number in range(agents)]
    for start in range(0, agents, 200):
        some = names[start : start + 200]
        await asyncio.gather(
            *(register(backend, name, CircuitBreakerConfig(), "benchmark") for name in some)
        )
    await register(backend, AGENT, CircuitBreakerConfig(), "benchmark")
    store = TokenStore(backend)
    token = await store.create("benchmark", Role.OPERATOR, life_ms=None, created_by="benchmark")
    figures: dict[str, Any] = {"agents": agents}
    async with AsyncExitStack() as stack:
        stack.push_async_callback(backend.close)
        address = await serving(stack, url)

        async def folded() -> bool:
            return all(one.projected for one in (await overview(backend)).agents)

        await eventually(folded, 120, 1.0)
        browser = await stack.enter_async_context(chromium())
        page = await browser.new_page(base_url=address, viewport={"width": 1280, "height": 800})
        await page.context.request.post("/api/v1/session", data={"token": token.text})
        began = time.perf_counter()
        await page.goto("/")
        await page.get_by_role("link", name=names[0]).first.wait_for(timeout=60_000)
        figures["first_rows_ms"] = (time.perf_counter() - began) * 1000
        figures["script_bytes"] = await page.evaluate(_SCRIPT_BYTES)
        for changing in (False, True):
            stop = asyncio.Event()
            writing = asyncio.create_task(turn(backend, names, stop)) if changing else None
            if writing:
                await asyncio.sleep(2)
            began = time.monotonic()
            key = "changing" if changing else "still"
            await page.goto("/")
            await (
                page.get_by_role("link", name=names[-1])
                .or_(page.get_by_role("link", name=names[0]))
                .first.wait_for(timeout=60_000)
            )
            found = await scrolled(page, seconds)
            first, *others = await reached(page, backend, rounds)
            figures[key] = found | {"first_pixels_ms": first, "pixels_ms": others}
            if writing:
                stop.set()
                rate = await writing / (time.monotonic() - began + 2)
                figures[key]["changes_a_second"] = rate
    _print(figures)
    return figures


def _print(figures: dict[str, Any]) -> None:
    rows = []
    for key, label in (("still", "nothing changes"), ("changing", "changes all the time")):
        one = figures[key]
        rows.append(
            [
                f"{figures['agents']:,} agents, {label}",
                f"{one.get('changes_a_second', 0):.0f}/s",
                f"{one['fps']:.1f}",
                f"{one['frame_p99_ms']:.0f} ms",
                f"{one['frame_cost_ms']:.1f} ms",
                f"{one['longest_task_ms']:.0f} ms",
                f"{percentile(one['pixels_ms'], 0.5):.0f} ms",
                f"{percentile(one['pixels_ms'], 0.99):.0f} ms",
                f"{one['first_pixels_ms']:.0f} ms",
            ]
        )
    header = [
        "the web UI",
        "changes",
        "frames/s",
        "frame p99",
        "cost",
        "longest task",
        "to pixels p50",
        "p99",
        "just opened",
    ]
    print(table(header, rows))
    print(f"first rows of {figures['agents']:,} agents after {figures['first_rows_ms']:.0f} ms")
    busy = figures["changing"]
    fps, late = busy["fps"], percentile(busy["pixels_ms"], 0.99)
    size = figures["script_bytes"]
    found = [
        # A display of 60 Hz shows 59.9 as often as 60.1.
        Target("frames/s while scrolling", f"{fps:.1f}", f">= {WANTED_FPS:g}", fps >= 59.0),
        Target("change to pixels, p99", f"{late:.0f} ms", f"< {WANTED_MS:g} ms", late < WANTED_MS),
        Target(
            "script of the first load", f"{size:,} B", f"< {WANTED_BYTES:,} B", size < WANTED_BYTES
        ),
    ]
    print(targets(found))
