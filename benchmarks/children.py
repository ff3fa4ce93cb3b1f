"""Processes that answer one JSON line for each JSON line they are sent.

Both ends of the pipe are here. Times cross it as ``time.monotonic_ns()``, which is one clock for
all processes of a Linux machine; a common start is a moment on that clock.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

Answer = dict[str, Any]
Handler = Callable[..., Awaitable[Answer | None]]
SILENCE = 0.004  # seconds in which a child that is measured does not wake its parent by an answer
PATIENCE = 120.0  # seconds for one answer; nothing here takes half of it


class ChildError(Exception):
    """The child raised; the text is its own."""


class Child:
    """The parent's end."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def send(self, do: str, **fields: Any) -> None:
        """Send a command without waiting for its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **fields}).encode() + b"\n")
        await self._process.stdin.drain()

    async def answer(self) -> Answer:
        """The answer to the oldest command that has none yet."""
        assert self._process.stdout is not None
        line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE)
        if not line:
            raise ChildError("the process ended without an answer")
        answer: Answer = json.loads(line)
        if "error" in answer:
            raise ChildError(answer["error"])
        return answer

    async def ask(self, do: str, **fields: Any) -> Answer:
        """Send a command and wait for its answer."""
        await self.send(do, **fields)
        return await self.answer()

    async def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()

    async def stop(self) -> None:
        """Ask it to end; kill it when it does not."""
        if self._process.returncode is not None:
            return
        try:
            await self.send("stop")
            await asyncio.wait_for(self._process.wait(), 10)
        except (TimeoutError, OSError):
            await self.kill()


@asynccontextmanager
async def children(module: str, count: int, *args: str) -> AsyncIterator[list[Child]]:
    """``count`` processes running ``module``, stopped at the end whatever happened."""
    started: list[Child] = []
    try:
        for _ in range(count):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                module,
                *args,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            started.append(Child(process))
        yield started
    finally:
        await asyncio.gather(*(child.stop() for child in started))


async def serve(handlers: Mapping[str, Handler]) -> None:
    """The child's end: answer commands in order until ``stop`` or the pipe's end."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        command = json.loads(line)
        do = command.pop("do")
        if do == "stop":
            return
        try:
            answer = await handlers[do](**command) or {}
        except Exception as error:  # noqa: BLE001 - the parent is told, whatever it was
            answer = {"error": f"{do}: {type(error).__name__}: {error}"}
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()


async def until(moment_ns: int) -> None:
    """Sleep until the common moment has come."""
    await asyncio.sleep(max(0, moment_ns - time.monotonic_ns()) / 1e9)


def soon(seconds: float) -> int:
    """A common moment ``seconds`` from now."""
    return time.monotonic_ns() + int(seconds * 1e9)
