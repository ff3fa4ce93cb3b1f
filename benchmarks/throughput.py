"""How much fuseline records and folds in a second, and what it weighs in Redis.

(a) one process records as fast as it can, next to a plain redis-py pipeline of XADD;
(b) one projector works off a backlog over many agents;
(c) a recorder at a steady pace, a projector beside it: everything folded, and how late;
(d) bytes of a projection and of an outcome.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from redis.asyncio import Redis

from benchmarks import fuseline_parts as parts
from benchmarks.children import children
from benchmarks.report import Target, middle, percentile, table, targets
from benchmarks.subjects import Fuseline

WORKER = "benchmarks.fuseline_worker"
PIPELINE = 500
BLOB = bytes(50)  # what an encoded outcome weighs
PAGE = 1000
PACE = 50_000.0
# The promised 200,000 a second are for a machine on which redis-py appends 85,000 entries a second
# in pipelines of 500 and reads 700,000 in pages of 1,000. On another one the same shares of what it
# does there are the same promise.
OF_PIPELINE, OF_READING = 200 / 85, 200 / 700
AGENTS = 10_000


async def pipeline_rate(client: Redis, count: int) -> float:
    """Entries a second that redis-py appends in plain pipelines."""
    begin = time.perf_counter()
    for _ in range(count // PIPELINE):
        pipe = client.pipeline(transaction=False)
        for _ in range(PIPELINE):
            pipe.xadd("bench-plain", {b"e": BLOB})
        await pipe.execute()
    return count / (time.perf_counter() - begin)


async def reading_rate(client: Redis) -> float:
    """Entries a second that redis-py reads of what `pipeline_rate` has appended."""
    begin, at, read = time.perf_counter(), b"0-0", 0
    while entries := await client.xrange("bench-plain", b"(" + at, "+", count=PAGE):
        at, read = entries[-1][0], read + len(entries)
    return read / (time.perf_counter() - begin)


async def recording(url: str, client: Redis, rounds: int, count: int) -> dict[str, float]:
    """(a): the recorder and the plain pipeline in turns."""
    ours: list[float] = []
    plain: list[float] = []
    async with children(WORKER, 1, url) as (recorder,):
        await recorder.ask("connect", projector=False)
        await recorder.ask("agents", count=100, prefix="record")
        for _ in range(rounds):
            ours.append(count / (await recorder.ask("record", count=count))["seconds"])
            plain.append(await pipeline_rate(client, count))
    reading = middle([await reading_rate(client) for _ in range(3)])
    return {"recorder": middle(ours), "pipeline": middle(plain), "reading": reading}


async def folding(url: str, client: Redis, count: int) -> dict[str, float]:
    """(b): a backlog over all agents, then one projector."""
    await client.flushall()
    async with children(WORKER, 1, url) as (recorder,):
        await recorder.ask("connect", projector=False)
        await recorder.ask("agents", count=AGENTS, prefix="fold")
        await recorder.ask("record", count=count)
    streams = await parts.event_keys(client)
    total = await parts.appended(client, streams)
    wanted = await parts.tails(client, streams)
    async with parts.projector(url, client):
        begin = time.perf_counter()
        await parts.caught_up(client, wanted)
        seconds = time.perf_counter() - begin
    return {"events": total, "agents": len(streams), "seconds": seconds, "rate": total / seconds}


async def sustained(url: str, client: Redis, seconds: float, pace: float) -> dict[str, float]:
    """(c): a steady pace end to end; lag sampled all along."""
    await client.flushall()
    lags: list[float] = []
    async with parts.projector(url, client), children(WORKER, 1, url) as (recorder,):
        await recorder.ask("connect", projector=False)
        await recorder.ask("agents", count=1000, prefix="steady")
        streams = await parts.event_keys(client)
        before = await parts.appended(client, streams)
        begin = time.perf_counter()
        await recorder.ask("paced", rate=pace)
        while time.perf_counter() - begin < seconds:
            await asyncio.sleep(0.01)
            lags.append(await parts.sampled_lag(client, streams))
        recorded = (await recorder.ask("halt"))["recorded"]
        took = time.perf_counter() - begin
        await parts.caught_up(client, await parts.tails(client, streams))
        drained = time.perf_counter() - begin - took
        missing = recorded - (await parts.appended(client, streams) - before)
    return {
        "rate": recorded / took,
        "missing": missing,
        "drain_seconds": drained,
        "lag_p50_ms": percentile(lags, 0.5),
        "lag_p99_ms": percentile(lags, 0.99),
    }


async def weight(url: str, client: Redis, count: int) -> dict[str, float]:
    """(d): projections after (c), and one agent's stream of many outcomes."""
    circuits = await parts.keys(client, "circuit:*")
    projection = await parts.memory_of(client, circuits) / max(1, len(circuits))
    await client.flushall()
    async with children(WORKER, 1, url) as (recorder,):
        await recorder.ask("connect", projector=False)
        await recorder.ask("agents", count=1, prefix="heavy")
        await recorder.ask("record", count=count)
    streams = await parts.event_keys(client)
    entries = sum([await client.xlen(key) for key in streams])
    return {
        "projection_bytes": projection,
        "outcome_bytes": await parts.memory_of(client, streams) / max(1, entries),
    }


async def run(url: str, *, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the JSON part."""
    if not Fuseline.installed():
        print("\nThroughput: fuseline cannot be imported here")
        return {}
    found: dict[str, dict[str, float]] = {}
    rounds, batch = (3, 50_000) if quick else (7, 200_000)
    backlog, seconds = (100_000, 4.0) if quick else (1_000_000, 30.0)
    async with Redis.from_url(url) as client:
        found["recording"] = await recording(url, client, rounds, batch)
        found["folding"] = await folding(url, client, backlog)
        found["sustained"] = await sustained(url, client, seconds, PACE)
        found["half"] = await sustained(url, client, seconds, PACE / 2)
        found["weight"] = await weight(url, client, batch)
    print("\nThroughput and weight\n")
    rows = [
        [name, ", ".join(f"{key} {value:,.2f}" for key, value in figures.items())]
        for name, figures in found.items()
    ]
    print(table(["", "figures"], rows, markdown=True))
    met = promised(found)
    print("\n" + targets(met))
    return {**found, "targets": [target.row() for target in met]}


def promised(found: dict[str, dict[str, float]]) -> list[Target]:
    """The throughput's targets."""
    recorder, plain = found["recording"]["recorder"], found["recording"]["pipeline"]
    reading = found["recording"]["reading"]
    folded, steady, half = found["folding"]["rate"], found["sustained"], found["half"]
    bytes_each, projection = found["weight"]["outcome_bytes"], found["weight"]["projection_bytes"]
    late, missing = half["lag_p99_ms"], steady["missing"] + half["missing"]
    return [
        Target("recorded by one process", f"{recorder:,.0f}/s", ">= 200,000/s", recorder >= 2e5),
        _share("recorded, to a plain pipeline", recorder / plain, OF_PIPELINE),
        Target("folded by one projector", f"{folded:,.0f}/s", ">= 200,000/s", folded >= 2e5),
        _share("folded, to plain reading", folded / reading, OF_READING),
        Target(
            "sustained end to end",
            f"{steady['rate']:,.0f}/s",
            f">= {0.98 * PACE:,.0f}/s",
            steady["rate"] >= 0.98 * PACE,
        ),
        Target("outcomes missing in the log", f"{missing:.0f}", "0", missing == 0),
        Target("lag p99 at half that load", f"{late:.1f} ms", "<= 10 ms", late <= 10),
        Target("projection of an agent", f"{projection:.0f} B", "<= 1,024 B", projection <= 1024),
        Target("an outcome in the log", f"{bytes_each:.1f} B", "<= 70 B", bytes_each <= 70),
    ]


def _share(what: str, share: float, least: float) -> Target:
    return Target(what, f"{share:.2f}x", f">= {least:.2f}x", share >= least)
