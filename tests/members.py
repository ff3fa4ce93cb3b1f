"""Processes of a test: `tests.member` started, asked, paused and killed."""

import asyncio
import contextlib
import itertools
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

_ROOT = Path(__file__).parent.parent


class Member:
    """One process; `ask` runs a method of `tests.member.Process` there."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._listener = asyncio.create_task(self._listen())

    @classmethod
    async def start(cls, clock_offset: float = 0.0, module: str = "tests.member") -> Self:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            cwd=_ROOT,
            env=os.environ | {"MEMBER_CLOCK_OFFSET": str(clock_offset)},
            limit=1 << 22,
        )
        return cls(process)

    async def ask(self, do: str, **arguments: Any) -> Any:
        return await self.begin(do, **arguments)

    def begin(self, do: str, **arguments: Any) -> asyncio.Future[Any]:
        """Asks without waiting; the future fails with ConnectionError if the process dies."""
        number = next(self._numbers)
        answer = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        assert self._process.stdin is not None
        line = json.dumps({"id": number, "do": do} | arguments) + "\n"
        self._process.stdin.write(line.encode())
        return answer

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    def signal(self, sent: signal.Signals) -> None:
        self._process.send_signal(sent)

    async def kill(self) -> None:
        """SIGKILL, and wait for the end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()
        await self._listener

    async def _listen(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            message = json.loads(line)
            answer = self._waiting.pop(message["id"])
            if answer.done():
                continue
            if "error" in message:
                answer.set_exception(RuntimeError(message["error"]))
            else:
                answer.set_result(message["reply"])
        for answer in self._waiting.values():
            if not answer.done():
                answer.set_exception(ConnectionError("the process has ended"))
                answer.exception()


@contextlib.asynccontextmanager
async def members(
    count: int = 1, clock_offset: float = 0.0, module: str = "tests.member"
) -> AsyncIterator[list[Member]]:
    """Started processes; all are killed at the end, also those put into the list meanwhile."""
    started = await asyncio.gather(*(Member.start(clock_offset, module) for _ in range(count)))
    crew = list(started)
    try:
        yield crew
    finally:
        await asyncio.gather(*(member.kill() for member in crew))
