"""Pages and zooms of timelines of 1,000,000 events: a month of traffic, and one busy hour.

The server is real, the events are valid, the projector folds them; only their ids are made up,
because nobody waits for a month.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from redis.asyncio import Redis

from benchmarks import fuseline_parts as parts
from benchmarks import timeline_logs as logs
from benchmarks.report import Target, percentile, table, targets
from fuseline.cli.collector import settle
from fuseline.events.backend import Backend
from fuseline.events.settings import BackendSettings
from fuseline.projections.bands import bands
from fuseline.projections.counts import bucket_counts
from fuseline.projections.cursors import OLDEST
from fuseline.projections.evidence import evidence
from fuseline.projections.paging import Page, page
from fuseline.projections.timeline import ALL, CHANGES, OUTCOMES, Kind

MONTH, BUSY = "bench-month", "bench-hour"
PAGE_MS, ZOOM_MS = 50.0, 300.0
ZOOMS = {
    "month": 30 * logs.DAY,
    "week": 7 * logs.DAY,
    "day": logs.DAY,
    "hour": logs.HOUR,
    "10 min": 600_000,
    "1 min": 60_000,
}
KINDS = {
    "all": ALL,
    "outcomes": OUTCOMES,
    "changes": CHANGES,
    "failures": frozenset({Kind.FAILURE, Kind.TIMEOUT}),
    "timeouts": frozenset({Kind.TIMEOUT}),
    "not sent": frozenset({Kind.NOT_SENT}),
    "ignored (none)": frozenset({Kind.IGNORED}),
}


async def timed(times: int, call: Callable[[], Awaitable[Any]]) -> list[float]:
    """Milliseconds of each of some calls."""
    found = []
    for _ in range(times):
        begin = time.perf_counter()
        await call()
        found.append((time.perf_counter() - begin) * 1000)
    return found


async def paged(
    backend: Backend, agent: str, pages: int, **arguments: Any
) -> tuple[list[float], int]:
    """Milliseconds of pages one after another in one direction; and how many were not full."""
    found, partial = [], 0
    older = "after" not in arguments
    for _ in range(pages):
        begin = time.perf_counter()
        one: Page = await page(backend, agent, **arguments)
        found.append((time.perf_counter() - begin) * 1000)
        partial += one.partial
        if older:
            if one.older is None:
                break
            arguments["before"] = one.older
        else:
            if not one.has_newer:
                break
            arguments["after"] = one.newer
    return found, partial


async def page_figures(
    backend: Backend, agent: str, last_ms: int, rounds: int
) -> dict[str, tuple[list[float], int]]:
    """Pages of 100: each kind newest, middle, oldest, and on from there."""
    found: dict[str, tuple[list[float], int]] = {}
    chance = random.Random(3)
    for name, kinds in KINDS.items():
        newest = await paged(backend, agent, rounds, kinds=kinds)
        oldest = await paged(backend, agent, rounds, kinds=kinds, after=OLDEST)
        middle: list[float] = []
        partial = 0
        for _ in range(rounds):
            at = chance.randrange(logs.BEGIN, last_ms)
            some, short = await paged(backend, agent, 3, kinds=kinds, until_ms=at)
            middle, partial = middle + some, partial + short
        found[f"{agent}: newest and older, {name}"] = newest
        found[f"{agent}: oldest and newer, {name}"] = oldest
        found[f"{agent}: middle and older, {name}"] = middle, partial
    return found


async def zoom_figures(
    backend: Backend, agent: str, last_ms: int, rounds: int
) -> dict[str, list[float]]:
    """Counts and bands of spans of each length, anywhere in the log."""
    found: dict[str, list[float]] = {}
    chance = random.Random(4)
    for name, length in ZOOMS.items():

        async def zoom(length: int = length) -> None:
            since = chance.randrange(logs.BEGIN, max(logs.BEGIN + 1, last_ms - length))
            await bucket_counts(backend, agent, since, since + length)
            await bands(backend, agent, since, since + length)

        found[f"{agent}: zoom of a {name}"] = await timed(rounds, zoom)
    return found


async def folded(url: str, backend: Backend) -> dict[str, float]:
    """Lets a projector fold both logs; events a second."""
    async with Redis.from_url(url) as client:
        streams = await parts.event_keys(client)
        wanted = await parts.tails(client, streams)
        async with parts.projector(url, client):
            begin = time.perf_counter()
            await parts.caught_up(client, wanted)
            seconds = time.perf_counter() - begin
        counts = [backend.keys.agent(name).counts.encode() for name in (MONTH, BUSY)]
        total = await parts.appended(client, streams)
        return {
            "folded_per_second": total / seconds,
            "log_bytes": await parts.memory_of(client, streams),
            "counts_bytes": await parts.memory_of(client, counts),
        }


async def run(url: str, *, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the JSON part."""
    events, rounds = (50_000, 10) if quick else (1_000_000, 40)
    backend = await Backend.open(
        BackendSettings(url=url, namespace=parts.NAMESPACE, timeout_seconds=30)
    )
    try:
        await logs.write(backend, MONTH, logs.month(events))
        await logs.write(backend, BUSY, logs.hour(events))
        weight = await folded(url, backend)
        settle()  # as `fuseline api` does
        pages: dict[str, tuple[list[float], int]] = {}
        zooms: dict[str, list[float]] = {}
        for agent in (MONTH, BUSY):
            newest = await page(backend, agent, limit=1)
            last_ms = newest.items[0].at_ms
            pages |= await page_figures(backend, agent, last_ms, rounds)
            zooms |= await zoom_figures(backend, agent, last_ms, rounds)
        changed = await page(backend, MONTH, kinds={Kind.TRANSITION}, limit=1000)
        chosen = iter([item.id for item in changed.items][-rounds:])
        why = await timed(
            min(rounds, len(changed.items)), lambda: evidence(backend, MONTH, next(chosen))
        )
    finally:
        await backend.close()
    rows = [[name, *_figures(found), str(partial)] for name, (found, partial) in pages.items()]
    rows += [[name, *_figures(found), ""] for name, found in zooms.items()]
    rows.append([f"{MONTH}: evidence of a transition", *_figures(why), ""])
    print(f"\nTimelines of {events:,} events (ms)\n")
    print(table(["", "calls", "p50", "p99", "max", "partial"], rows, markdown=True))
    print("\n" + ", ".join(f"{name} {value:,.0f}" for name, value in weight.items()))
    slowest_page = max(max(found) for found, _ in pages.values())
    slowest_zoom = max(max(found) for found in zooms.values())
    met = [
        Target(
            "slowest page", f"{slowest_page:.1f} ms", f"<= {PAGE_MS:g} ms", slowest_page <= PAGE_MS
        ),
        Target(
            "slowest zoom", f"{slowest_zoom:.1f} ms", f"<= {ZOOM_MS:g} ms", slowest_zoom <= ZOOM_MS
        ),
    ]
    print("\n" + targets(met))
    return {
        **weight,
        "pages": {name: _summary(found) | {"partial": n} for name, (found, n) in pages.items()},
        "zooms": {name: _summary(found) for name, found in zooms.items()},
        "evidence": _summary(why),
        "targets": [target.row() for target in met],
    }


def _figures(found: list[float]) -> list[str]:
    summary = _summary(found)
    return [str(len(found)), *(f"{summary[key]:.1f}" for key in ("p50", "p99", "max"))]


def _summary(found: list[float]) -> dict[str, float]:
    return {"p50": percentile(found, 0.5), "p99": percentile(found, 0.99), "max": max(found)}
