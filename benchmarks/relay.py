"""One process of a bare relay, told what to do over a pipe: redis-py and two streams.

What a reaction cannot be faster than on the machine: A appends, the middle is woken and appends,
B is woken. Nothing is decided on the way.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from redis.asyncio import Redis

from benchmarks.children import SILENCE, Answer, serve

FIRST, SECOND = b"bench-relay-1", b"bench-relay-2"
BLOCK_MS = 1000


class Relay:
    """The commands."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._ends: dict[bytes, bytes] = {}
        self._tasks: list[asyncio.Task[Any]] = []

    async def pass_on(self) -> None:
        """Begin to append to the second stream whatever comes in the first."""

        async def passing() -> None:
            while True:
                await self._next(FIRST)
                await self._client.xadd(SECOND, {b"e": b"x"})

        await self._find_end(FIRST)
        self._tasks.append(asyncio.create_task(passing()))

    async def ready(self) -> None:
        """Note where the second stream ends, for `watch`."""
        await self._find_end(SECOND)

    async def watch(self) -> Answer:
        """Wait for the next entry of the second stream; when it was there."""
        await self._next(SECOND)
        return {"at_ns": time.monotonic_ns()}

    async def fail(self) -> Answer:
        """Append to the first stream; when that began."""
        at_ns = time.monotonic_ns()
        await self._client.xadd(FIRST, {b"e": b"x"})
        await asyncio.sleep(SILENCE)
        return {"at_ns": at_ns}

    async def stop(self) -> None:
        """End what was begun."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _find_end(self, stream: bytes) -> None:
        last = await self._client.xrevrange(stream, count=1)
        self._ends[stream] = last[0][0] if last else b"0-0"

    async def _next(self, stream: bytes) -> None:
        while not (found := await self._client.xread({stream: self._ends[stream]}, block=BLOCK_MS)):
            pass
        by_stream = found.items() if isinstance(found, dict) else found
        for _, pages in by_stream:
            entries = pages[-1] if isinstance(pages[0], list) else pages
            self._ends[stream] = entries[-1][0]


async def main(url: str) -> None:
    """Serve commands until told to stop."""
    client = Redis.from_url(url, socket_timeout=None)
    relay = Relay(client)
    names = ("pass_on", "ready", "watch", "fail")
    await serve({name: getattr(relay, name) for name in names})
    await relay.stop()
    await client.aclose()


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
