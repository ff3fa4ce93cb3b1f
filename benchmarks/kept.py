"""What one agent at the default retention takes in Redis: bytes per outcome, and its counts.

The outcomes are as the recorder encodes them (worker, number, duration; one in a hundred failed and
has a trace); a real projector folds them and the real trimmer takes the surplus off.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from typing import Any

from redis.asyncio import Redis

from benchmarks import fuseline_parts as parts
from benchmarks.report import Target, table, targets
from benchmarks.timeline_logs import write
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Outcome, Result
from fuseline.core.retention import Retention
from fuseline.events.agents import register
from fuseline.events.backend import Backend
from fuseline.events.log import Entry
from fuseline.events.settings import BackendSettings
from fuseline.projections.leases import lease_call
from fuseline.projections.trimming import Trimmer
from fuseline.projections.verify import verify

AGENT = "bench-kept"
MOST_BYTES = 60.0
_SURPLUS = 1.5


def traffic(count: int, begin_ms: int, span_ms: int, seed: int = 5) -> Iterator[Entry]:
    """Outcomes at random moments of a span."""
    chance = random.Random(seed)
    ms, seq = begin_ms, 0
    for number in range(1, count + 1):
        step = int(chance.expovariate(count / span_ms))
        ms, seq = ms + step, 0 if step else seq + 1
        failed = chance.random() < 0.01
        yield (
            ms,
            seq,
            Outcome(
                0,
                Result.FAILURE if failed else Result.SUCCESS,
                int(chance.lognormvariate(5, 1)),
                worker=chance.randrange(1 << 40, 1 << 41),
                seq=number,
                failure_kind="http_503" if failed else "",
                trace=chance.randbytes(24) if failed else b"",
            ),
        )


async def kept(url: str, backend: Backend, count: int, span_ms: int) -> dict[str, float]:
    """Fills, folds, trims and weighs one agent."""
    keys = backend.keys.agent(AGENT)
    shard = backend.keys.shards[keys.shard]
    async with Redis.from_url(url) as client:
        await client.flushall()
        await backend.load_functions()
        now_ms = await backend.learn_time()
        written = int(count * _SURPLUS)
        await write(backend, AGENT, traffic(written, now_ms - span_ms, span_ms))
        await register(
            backend, AGENT, CircuitBreakerConfig(failure_rate_threshold=None), "benchmark"
        )
        async with parts.projector(url, client):
            await parts.caught_up(client, await parts.tails(client, [keys.events.encode()]))
        full = await client.memory_usage(keys.events, samples=0)
        token = await backend.fcall(*lease_call(shard, "benchmark", 0, by_force=True))
        began = time.perf_counter()
        done = await Trimmer(backend, backend.wire, Retention(outcomes=count), 5000).trim_shard(
            shard, token
        )
        seconds = time.perf_counter() - began
        await backend.fcall("release", (shard.lease,), (token,))
        assert (await verify(backend, keys)).ok
        weights = {
            name: await client.memory_usage(getattr(keys, name), samples=0) or 0
            for name in ("events", "circuit", "history", "counts", "origin")
        }
        length = await client.xlen(keys.events)
        return {
            "outcomes": length,
            **{f"{name}_bytes": size for name, size in weights.items()},
            "bytes_per_outcome": weights["events"] / length,
            "bytes_per_outcome_untrimmed": full / (written + 1),
            "units_of_counts": await client.hlen(keys.counts),
            "trimmed_per_second": done.entries / seconds,
        }


async def run(url: str, *, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the JSON part."""
    count = 10_000 if quick else Retention().outcomes
    day = 86_400_000
    backend = await Backend.open(
        BackendSettings(url=url, namespace=parts.NAMESPACE, timeout_seconds=30)
    )
    try:
        found = {
            name: await kept(url, backend, count, span)
            for name, span in (
                ("an hour", day // 24),
                ("a day", day),
                ("six days", 6 * day),
            )
        }
    finally:
        await backend.close()
    print(f"\nOne agent, {count:,} outcomes kept of {int(count * _SURPLUS):,}\n")
    names = list(next(iter(found.values())))
    rows = [[name, *(f"{value[name]:,.1f}" for value in found.values())] for name in names]
    print(table(["that came within", *found], rows, markdown=True))
    heaviest = max(value["bytes_per_outcome"] for value in found.values())
    met = [
        Target(
            "bytes per outcome",
            f"{heaviest:.1f}",
            f"< {MOST_BYTES:g}",
            heaviest < MOST_BYTES,
        )
    ]
    print("\n" + targets(met))
    return {"retention": found, "targets": [target.row() for target in met]}
