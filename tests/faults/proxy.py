"""A TCP proxy that cuts connections at bad moments, or stops forwarding."""

import asyncio
import contextlib
import random
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

CUTS = ("before request", "in request", "before reply", "in reply")


class Proxy:
    """Forwards bytes between its port and a server's unix socket.

    Attributes:
        share: the share of chunks at which the connection is cut.
        cuts: the cuts made so far, by kind.
        swallowed: chunks held back while `stop` was in force.
    """

    def __init__(self, target: Path, seed: int, share: float = 0.0) -> None:
        self.share = share
        self.cuts: Counter[str] = Counter()
        self.swallowed = 0
        self.port = 0
        self._target = target
        self._rng = random.Random(seed)
        self._forwarding = asyncio.Event()
        self._forwarding.set()
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Sockets stay open, nothing passes any more."""
        self._forwarding.clear()

    def heal(self) -> None:
        """Everything passes again, also what was held back."""
        self._forwarding.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._forwarding.wait()
            inner_reader, inner_writer = await asyncio.open_unix_connection(self._target)
            with contextlib.suppress(OSError):
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._pump(reader, inner_writer, "request"))
                    tasks.create_task(self._pump(inner_reader, writer, "reply"))
        except (asyncio.CancelledError, ExceptionGroup):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()
            with contextlib.suppress(UnboundLocalError):
                inner_writer.transport.abort()

    async def close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        what: str,
    ) -> None:
        while chunk := await source.read(1 << 16):
            if not self._forwarding.is_set():
                self.swallowed += 1
                await self._forwarding.wait()
            if self._rng.random() < self.share:
                # The two kinds in turn, so that both happen however few cuts there are.
                before, inside = self.cuts[f"before {what}"], self.cuts[f"in {what}"]
                cut_inside = before > inside and len(chunk) > 1
                self.cuts[f"{'in' if cut_inside else 'before'} {what}"] += 1
                if cut_inside:
                    sink.write(chunk[: self._rng.randrange(1, len(chunk))])
                    await sink.drain()
                raise ConnectionAbortedError
            sink.write(chunk)
            await sink.drain()
        raise ConnectionAbortedError


@contextlib.asynccontextmanager
async def proxied(target: Path, seed: int = 0, share: float = 0.0) -> AsyncIterator[Proxy]:
    """A proxy that listens."""
    proxy = Proxy(target, seed, share)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        await proxy.close()
