"""One process of a bare wake-up, told what to do over a pipe: redis-py and a stream.

A appends and B, which waits for the stream, is woken; nothing is decided on the way. The limits
that the targets follow from were measured so.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from redis.asyncio import Redis

from benchmarks.children import SILENCE, Answer, serve

STREAM = b"bench-wake-up"
BLOCK_MS = 1000


class Sleeper:
    """The commands."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._woken: asyncio.Task[int] | None = None

    async def arm(self) -> None:
        """Begin to wait for the next entry."""
        last = await self._client.xrevrange(STREAM, count=1)
        self._woken = asyncio.create_task(self._next(last[0][0] if last else b"0-0"))

    async def seen(self) -> Answer:
        """When it was there."""
        assert self._woken is not None
        return {"at_ns": await self._woken}

    async def fail(self) -> Answer:
        """Append; when that began."""
        at_ns = time.monotonic_ns()
        await self._client.xadd(STREAM, {b"e": b"x"})
        await asyncio.sleep(SILENCE)
        return {"at_ns": at_ns}

    async def _next(self, after: Any) -> int:
        while not await self._client.xread({STREAM: after}, block=BLOCK_MS):
            pass
        return time.monotonic_ns()


async def main(url: str) -> None:
    """Serve commands until told to stop."""
    client = Redis.from_url(url, socket_timeout=None)
    sleeper = Sleeper(client)
    await serve({name: getattr(sleeper, name) for name in ("arm", "seen", "fail")})
    await client.aclose()


if __name__ == "__main__":
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1]))
