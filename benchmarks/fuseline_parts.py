"""The only place where the benchmarks touch more of fuseline than its public names.

Recording, and what the log and the projection look like in Redis. When an internal name changes,
it changes here.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from redis.asyncio import Redis

from benchmarks.subjects import noop

NAMESPACE = "bench"
TURN = 100  # calls between two turns of the event loop
SLICE = 0.005  # seconds; a paced load is sent in slices of this length


def connect(url: str, *, projector: bool) -> AbstractAsyncContextManager[Any]:
    """A manager, with a projector beside it or not."""
    from fuseline import CircuitBreakerManager

    manager: AbstractAsyncContextManager[Any] = CircuitBreakerManager.connect(
        url, namespace=NAMESPACE, projector=projector
    )
    return manager


@asynccontextmanager
async def projector(url: str, client: Redis) -> AsyncIterator[None]:
    """A projector in a process of its own; begins when it has taken a shard."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "fuseline", "projector", "--until-eof"),
        *("--redis-url", url, "--namespace", NAMESPACE, "--log-level", "warning"),
        stdin=asyncio.subprocess.PIPE,
        # Logs of the benchmarks are long, and some of them old.
        env=os.environ
        | {"FUSELINE_RETENTION_OUTCOMES": "0", "FUSELINE_RETENTION_OUTCOME_DAYS": "0"},
    )
    try:
        while not await keys(client, "lease"):  # noqa: ASYNC110 - another process sets it
            await asyncio.sleep(0.005)
        yield
    finally:
        process.terminate()
        await process.wait()


def agents(count: int, prefix: str) -> list[str]:
    """Names of agents."""
    return [f"{prefix}-{number:05d}" for number in range(count)]


async def load(manager: Any, names: Iterable[str]) -> list[Any]:
    """Breakers for ``names``, each known to the log and loaded by one good call."""
    breakers = [manager.get(name) for name in names]
    for breaker in breakers:
        await breaker.call(noop)
    await flush(manager)
    return breakers


async def flush(manager: Any) -> None:
    """Wait for the log, longer than a caller would: a busy machine is slow, not broken."""
    await manager.flush(60.0)


async def record(breakers: Sequence[Any], count: int) -> None:
    """Record ``count`` outcomes through the public path, as fast as it takes them."""
    calls = [breaker.call for breaker in breakers]
    for done in range(count):
        await calls[done % len(calls)](noop)
        if done % TURN == 0:
            await asyncio.sleep(0)


async def record_paced(breakers: Sequence[Any], rate: float, stop: asyncio.Event) -> int:
    """Record ``rate`` outcomes a second until told to stop; how many it was."""
    loop = asyncio.get_running_loop()
    begin, done = loop.time(), 0
    while not stop.is_set():
        due = int((loop.time() - begin) * rate) - done
        for number in range(done, done + due):
            await breakers[number % len(breakers)].call(noop)
        done += due
        await asyncio.sleep(SLICE)
    return done


async def keys(client: Redis, kind: str) -> list[bytes]:
    """The keys of one kind in all shards: events, circuit, dirty, ..."""
    return [key async for key in client.scan_iter(match=f"{{{NAMESPACE}.*}}:{kind}", count=5000)]


async def event_keys(client: Redis) -> list[bytes]:
    """The streams of all agents."""
    return await keys(client, "events:*")


def circuit_key(event_key: bytes) -> bytes:
    """The projection beside a stream."""
    return event_key.replace(b"}:events:", b"}:circuit:", 1)


async def chunks(listed: Sequence[bytes], size: int = 500) -> AsyncIterator[Sequence[bytes]]:
    """Parts small enough that no pipeline holds the server up."""
    for start in range(0, len(listed), size):
        yield listed[start : start + size]


async def appended(client: Redis, streams: Sequence[bytes]) -> int:
    """Entries ever added to the streams, trimmed ones too."""
    total = 0
    async for part in chunks(streams):
        pipe = client.pipeline(transaction=False)
        for key in part:
            pipe.xinfo_stream(key)
        total += sum(info["entries-added"] for info in await pipe.execute())
    return total


async def tails(client: Redis, streams: Sequence[bytes]) -> dict[bytes, bytes]:
    """The id of the last event of each stream."""
    found: dict[bytes, bytes] = {}
    async for part in chunks(streams):
        pipe = client.pipeline(transaction=False)
        for key in part:
            pipe.xrevrange(key, count=1)
        newest = await pipe.execute()
        found.update((key, last[0][0]) for key, last in zip(part, newest, strict=True))
    return found


async def checkpoints(client: Redis, streams: Sequence[bytes]) -> dict[bytes, bytes]:
    """The id of the last event in each projection."""
    found: dict[bytes, bytes] = {}
    async for part in chunks(streams):
        pipe = client.pipeline(transaction=False)
        for key in part:
            pipe.hget(circuit_key(key), "checkpoint")
        reached = await pipe.execute()
        found.update((key, at or b"0-0") for key, at in zip(part, reached, strict=True))
    return found


async def sampled_lag(client: Redis, streams: Sequence[bytes]) -> float:
    """Milliseconds since the oldest event not yet folded of one stream, taken by chance."""
    key = random.choice(streams)
    checkpoint = (await checkpoints(client, [key]))[key]
    rest: Any = await client.xrange(key, min=f"({checkpoint.decode()}", count=1)
    seconds, micros = await client.time()
    if not rest:
        return 0.0
    return max(0.0, seconds * 1000 + micros / 1000 - int(rest[0][0].split(b"-")[0]))


async def caught_up(client: Redis, wanted: dict[bytes, bytes]) -> None:
    """Wait until every projection has reached its wanted event.

    Looks at a few first, and at each of the others but once or twice: there are two cores, and the
    projector and the server need them.
    """

    async def late(listed: list[bytes]) -> list[bytes]:
        reached = await checkpoints(client, listed)
        return [key for key in listed if reached[key] != wanted[key]]

    due = list(wanted)
    while due:
        if await late(random.sample(due, min(20, len(due)))) or (due := await late(due)):
            await asyncio.sleep(0.05)


async def memory_of(client: Redis, listed: Sequence[bytes]) -> int:
    """MEMORY USAGE of the keys together, every element counted."""
    total = 0
    async for part in chunks(listed):
        pipe = client.pipeline(transaction=False)
        for key in part:
            pipe.memory_usage(key, samples=0)
        total += sum(size or 0 for size in await pipe.execute())
    return total
