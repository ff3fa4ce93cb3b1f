"""A worker or projector process of a test; driven by JSON lines, see `tests.members.Member`."""

import asyncio
import json
import os
import random
import sys
import time
from typing import Any

if offset := float(os.environ.get("MEMBER_CLOCK_OFFSET", "0")):
    # A wall clock that is wrong; before anything of Fuseline is imported.
    _true_time, _true_time_ns = time.time, time.time_ns
    time.time = lambda: _true_time() + offset
    time.time_ns = lambda: _true_time_ns() + int(offset * 1e9)

from fuseline import CircuitBreakerConfig, CircuitBreakerManager, CircuitBreakerOpenError
from fuseline.bridge.classify import Verdict
from fuseline.core.errors import BackendError
from fuseline.core.events import Result
from fuseline.events.backend import Backend
from fuseline.events.settings import BackendSettings
from fuseline.projections.projector import Projector


class Boom(Exception):  # noqa: N818 - short on purpose
    """What a failing callee raises; the text becomes the kind of the failure."""


def by_text(result: object, error: BaseException | None) -> Verdict | None:
    """Counts a `Boom` as a failure of the kind it names."""
    return Verdict(Result.FAILURE, str(error)) if isinstance(error, Boom) else None


class Process:
    """Answers commands until its input ends."""

    def __init__(self) -> None:
        self.manager: CircuitBreakerManager
        self.projector: Projector
        self.release = asyncio.Event()
        self.verdict = "ok"
        self.running: dict[int, asyncio.Task[Any]] = {}
        self.stopping = asyncio.Event()

    async def connect(self, url: str, namespace: str, **options: Any) -> dict[str, Any]:
        self.manager = CircuitBreakerManager.connect(
            url, namespace=namespace, environ={}, **({"shards": 4} | options)
        )
        await self.manager.__aenter__()
        return {"producer": self.manager.recorder.producer}

    async def project(self, url: str, namespace: str, shards: int = 4) -> None:
        settings = BackendSettings(url=url, namespace=namespace, shards=shards)
        backend = await Backend.open(settings)
        self.projector = Projector(backend, f"projector-{os.getpid()}")
        self.running[-1] = asyncio.create_task(self.projector.run())

    async def shards(self) -> list[int]:
        return self.projector.shards

    async def get(self, agent: str, config: dict[str, Any]) -> None:
        self.manager.get(agent, CircuitBreakerConfig(**config), classifier=by_text)

    async def state(self, agent: str) -> str:
        return self.manager.get(agent).state.value

    async def wall_clock(self) -> float:
        return time.time()

    async def flush(self, timeout: float = 5.0) -> None:
        await self.manager.flush(timeout)

    async def _one(self, agent: str, plan: str, note: str) -> str:
        async def callee() -> str:
            if note:
                with open(note, "ab", buffering=0) as file:  # noqa: ASYNC230 - one byte
                    file.write(b"x")
            verdict = plan
            if plan == "hold":
                await self.release.wait()
                verdict = self.verdict
            if verdict != "ok":
                raise Boom(verdict)
            return "ok"

        try:
            return await self.manager.get(agent).call(callee)
        except Boom:
            return "failed"
        except CircuitBreakerOpenError:
            return "rejected"
        except asyncio.CancelledError:
            return "cancelled"
        except TimeoutError:
            return "timeout"

    async def sequence(self, agent: str, plans: list[str], note: str = "") -> list[str]:
        return [await self._one(agent, plan, note) for plan in plans]

    async def burst(self, agent: str, count: int, plan: str, note: str = "") -> dict[str, int]:
        ends = await asyncio.gather(*(self._one(agent, plan, note) for _ in range(count)))
        return {end: ends.count(end) for end in set(ends)}

    async def let_go(self, verdict: str) -> None:
        self.verdict = verdict
        self.release.set()
        await asyncio.sleep(0)
        self.release = asyncio.Event()

    async def hammer(self, agents: list[str], journal: str, seed: int, pause: float) -> None:
        """Calls until told to stop; writes into the journal what a flush has acknowledged.

        Each failure has a kind of its own, by which it is found again in the log.
        """
        rng = random.Random(seed)
        number = 0
        with open(journal, "a") as file:  # noqa: ASYNC230 - a few lines
            while not self.stopping.is_set():
                marks, plain = [], dict.fromkeys(agents, 0)
                for _ in range(rng.randrange(1, 60)):
                    agent = rng.choice(agents)
                    if rng.random() < 0.5:
                        number += 1
                        mark = f"{os.getpid()}/{number}"
                        await self._one(agent, mark, "")
                        marks.append(mark)
                    else:
                        await self._one(agent, "ok", "")
                        plain[agent] += 1
                try:
                    await self.manager.flush(0.5)
                except BackendError:
                    carried = marks, plain  # not acknowledged; the next flush speaks for these too
                    while not self.stopping.is_set():
                        try:
                            await self.manager.flush(0.5)
                            break
                        except BackendError:
                            continue
                    else:
                        return
                    marks, plain = carried
                file.write(json.dumps({"marks": marks, "plain": plain}) + "\n")
                file.flush()
                await asyncio.sleep(pause)

    async def stop(self) -> None:
        self.stopping.set()

    async def dropped(self) -> int:
        return self.manager.outcomes_dropped

    async def close(self) -> None:
        await self.manager.__aexit__(None, None, None)

    async def answer(self, line: bytes) -> None:
        request = json.loads(line)
        number, name = request.pop("id"), request.pop("do")
        try:
            reply = {"id": number, "reply": await getattr(self, name)(**request)}
        except Exception as error:  # noqa: BLE001 - the test shall see it
            reply = {"id": number, "error": repr(error)}
        sys.stdout.write(json.dumps(reply) + "\n")
        sys.stdout.flush()

    async def main(self) -> None:
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=1 << 20)
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        number = 0
        while line := await reader.readline():
            number += 1
            task = asyncio.create_task(self.answer(line))
            self.running[number] = task
            task.add_done_callback(lambda _, n=number: self.running.pop(n))


if __name__ == "__main__":
    asyncio.run(Process().main())
