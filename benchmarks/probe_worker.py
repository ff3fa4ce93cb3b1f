"""One process of the probe scripts: holds one breaker of one library and does as it is told."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any

from benchmarks.children import Answer, serve, until
from benchmarks.peers import BY_KEY
from benchmarks.subjects import CalleeError, Settings, Subject


class Held:
    """A call that stays inside its callee until it is told how to end."""

    def __init__(self, subject: Subject) -> None:
        self._fail = False
        self._go = asyncio.Event()
        self._inside = asyncio.Event()
        self._call = subject.guard(self._callee)
        self.task = asyncio.ensure_future(self._run())

    async def _run(self) -> Any:
        return await self._call()

    async def _callee(self) -> None:
        self._inside.set()
        await self._go.wait()
        if self._fail:
            raise CalleeError

    async def admitted(self) -> bool:
        """True once inside the callee, False when the breaker refused."""
        inside = asyncio.ensure_future(self._inside.wait())
        await asyncio.wait({inside, self.task}, return_when=asyncio.FIRST_COMPLETED)
        inside.cancel()
        return self._inside.is_set()

    async def end(self, how: str) -> str:
        """Let it succeed, fail, or cancel it; what came out of the guarded call."""
        if how == "cancel":
            self.task.cancel()
        self._fail = how == "fail"
        self._go.set()
        try:
            await self.task
        except asyncio.CancelledError:
            return "cancelled"
        except Exception as error:  # noqa: BLE001 - each library has its own
            return type(error).__name__
        return "ok"


class Worker:
    """The commands a probe script can give."""

    def __init__(self, key: str, url: str) -> None:
        self._key, self._url = key, url
        self._held: dict[str, Held] = {}
        self._subject: Subject

    async def open(self, **settings: Any) -> None:
        """Make the breaker."""
        self._subject = BY_KEY[self._key](Settings(**settings))
        await self._subject.setup(self._url)

    async def trip(self) -> None:
        """Fail calls until one is rejected."""
        await self._subject.trip()

    async def start(self, call: str) -> Answer:
        """Begin a call and hold it inside its callee."""
        self._held[call] = held = Held(self._subject)
        return {"admitted": await held.admitted()}

    async def end(self, call: str, how: str) -> Answer:
        """End a held call: ``ok``, ``fail`` or ``cancel``."""
        outcome = await self._held.pop(call).end(how)
        await self._subject.settle()
        return {"outcome": outcome}

    async def call(self, how: str = "ok") -> Answer:
        """One short call."""
        admitted = (await self.start("short"))["admitted"]
        await self.end("short", how)
        return {"admitted": admitted}

    async def burst(self, callers: int, hold: float, at_ns: int = 0) -> Answer:
        """``callers`` calls at one moment, each staying ``hold`` seconds in its callee."""
        reached = 0

        async def callee() -> None:
            nonlocal reached
            reached += 1
            await asyncio.sleep(hold)

        async def caller() -> None:
            await gate.wait()
            await guarded()

        gate = asyncio.Event()
        guarded = self._subject.guard(callee)
        tasks = [asyncio.ensure_future(caller()) for _ in range(callers)]
        await until(at_ns)
        gate.set()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        strange = {
            type(end).__name__
            for end in ends
            if end is not None and not isinstance(end, self._subject.rejection)
        }
        return {"reached": reached, "strange": sorted(strange)}

    async def steady(self, every: float, cap: float) -> Answer:
        """A caller every ``every`` seconds until one is let through; how long that took."""
        begin = time.monotonic()
        rejected = 0
        while time.monotonic() - begin < cap:
            if (await self.start("steady"))["admitted"]:
                seconds = time.monotonic() - begin
                await self.end("steady", "ok")
                return {"seconds": seconds, "rejected": rejected}
            await self.end("steady", "ok")
            rejected += 1
            await asyncio.sleep(every)
        return {"seconds": None, "rejected": rejected}

    async def state(self) -> Answer:
        """The state as the library reports it."""
        return {"state": await self._subject.state()}


async def main(key: str, url: str) -> None:
    """Serve commands until told to stop."""
    worker = Worker(key, url)
    names = ("open", "trip", "start", "end", "call", "burst", "steady", "state")
    await serve({name: getattr(worker, name) for name in names})


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2]))
