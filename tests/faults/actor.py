"""A process of the fault tests: a member that can hold calls, count, and freeze itself."""

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from fuseline import CircuitBreakerOpenError
from fuseline.alerts.notifier import Notifier
from fuseline.bridge import batch, outbox
from fuseline.core.errors import BackendError
from fuseline.core.events import Event
from fuseline.events import library
from fuseline.events.backend import Backend
from fuseline.events.codec import encode_event
from fuseline.events.settings import BackendSettings
from tests.alerts.support import sender
from tests.member import Boom, Process


class Actor(Process):
    """Adds calls that are held until they are let go, and a journal of what was acknowledged."""

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[str, list[asyncio.Task[str]]] = {}
        self.gates: dict[str, asyncio.Event] = {}
        self.verdicts: dict[str, str] = {}
        self.refusals: Counter[str] = Counter()
        self.done: Counter[str] = Counter()
        self.longest_call = 0.0

    async def call_held(self, agent: str, decided: asyncio.Future[str]) -> str:
        gate = self.gates.setdefault(agent, asyncio.Event())

        async def callee() -> str:
            decided.set_result("held")
            await gate.wait()
            if self.verdicts[agent] != "ok":
                raise Boom(self.verdicts[agent])
            return "ok"

        try:
            end = await self.manager.get(agent).call(callee)
        except Boom:
            end = "failed"
        except CircuitBreakerOpenError:
            end = "rejected"
        except TimeoutError:
            end = "timeout"
        except asyncio.CancelledError:
            end = "cancelled"
        if not decided.done():
            decided.set_result(end)
        return end

    async def decide(self, agent: str, count: int) -> dict[str, int]:
        """Calls at once, and answers when each call is refused or has reached the callee."""
        loop = asyncio.get_running_loop()
        calls = []
        for _ in range(count):
            decided = loop.create_future()
            calls.append((asyncio.create_task(self.call_held(agent, decided)), decided))
        ends = await asyncio.gather(*(decided for _, decided in calls))
        group = self.held.setdefault(agent, [])
        group += [task for task, decided in calls if decided.result() == "held"]
        return dict(Counter(ends))

    async def let_go_of(self, agent: str, verdict: str) -> dict[str, int]:
        """Lets the held calls to an agent end; says how they ended."""
        self.verdicts[agent] = verdict
        self.gates.pop(agent, asyncio.Event()).set()
        return await self.ends(agent)

    async def cancel_held(self, agent: str) -> dict[str, int]:
        """Cancels the held calls to an agent."""
        for task in self.held.get(agent, ()):
            task.cancel()
        return await self.ends(agent)

    async def ends(self, agent: str) -> dict[str, int]:
        """How the held calls to an agent ended; waits for that."""
        return dict(Counter(await asyncio.gather(*self.held.pop(agent, []))))

    async def until_state(self, agent: str, state: str) -> None:
        """Waits until this process sees the state."""
        async with asyncio.timeout(15):
            while self.manager.get(agent).state.value != state:
                await asyncio.sleep(0.001)

    async def get_all(self, agents: Sequence[str], config: dict[str, Any]) -> None:
        for agent in agents:
            await self.get(agent, config)

    async def work(self, agents: list[str], journal: str, seed: int, pause: float = 0.01) -> None:
        """Calls until told to stop; after each acknowledged flush writes all it has done so far.

        Each failure has a kind of its own. `done` counts what was admitted, acknowledged or not.
        `pause` is the longest one between two flushes, in seconds.
        """
        rng = random.Random(seed)
        number = 0
        marks: list[tuple[str, str]] = []
        plain: Counter[str] = Counter()
        with open(journal, "a") as file:  # noqa: ASYNC230 - a few bytes
            while not self.stopping.is_set():
                for _ in range(rng.randrange(1, 60)):
                    agent = rng.choice(agents)
                    number += 1
                    plan = f"{self.manager.recorder.producer}/{number}"
                    plan = plan if rng.random() < 0.4 else "ok"
                    began = time.monotonic()
                    end = await self._one(agent, plan, "")
                    self.longest_call = max(self.longest_call, time.monotonic() - began)
                    self.done[end] += 1
                    if end == "failed":
                        marks.append((agent, plan))
                    elif end == "ok":
                        plain[agent] += 1
                try:
                    await self.manager.flush(0.5)
                except BackendError:
                    continue  # not acknowledged; the next flush speaks for these too
                file.write(json.dumps({"marks": marks, "plain": plain}) + "\n")
                file.flush()
                marks = []
                await asyncio.sleep(rng.random() * pause)

    async def notify(self, url: str, namespace: str, lease_ms: int) -> None:
        """Sends alerts from here on, under the name of this process."""
        settings = BackendSettings(url=url, namespace=namespace, shards=4)
        backend = await Backend.open(settings)
        notifier = Notifier(backend, f"actor-{os.getpid()}", sender(namespace), lease_ms)
        self.running[-2] = asyncio.create_task(notifier.run())

    async def figures(self) -> dict[str, Any]:
        return {"done": self.done, "longest": self.longest_call, "refusals": self.refusals}

    async def sent(self) -> dict[str, int]:
        """Outcomes that the log had lost: sent again, and lost for good."""
        return {
            "resent": self.manager.recorder.resent,
            "dropped": self.manager.outcomes_dropped,
        }

    async def be_release(self, build: int, *, adds_a_field: bool) -> None:
        """Becomes another release, before it connects: its functions, and what it writes."""
        library.BUILD = build
        library.source.cache_clear()
        if adds_a_field:

            def newer(event: Event) -> bytes:
                parts = msgspec.msgpack.decode(encode_event(event))
                return msgspec.msgpack.encode([*parts, {"added": "later"}])

            batch.encode_event = newer  # type: ignore[assignment]

    async def set_window(self, size: int) -> None:
        """How many bytes of acknowledged outcomes this process keeps of each shard."""
        outbox.KEEP_BYTES = size

    async def count_refusals(self) -> None:
        """From now on counts the answers FENCED and CONFLICT this process gets."""
        original = Backend.fcall_many

        async def counting(backend: Backend, calls: Any, wire: Any = None) -> list[Any]:
            replies = await original(backend, calls, wire)
            for reply in replies:
                if isinstance(reply, list):
                    self.refusals.update(
                        part.decode() for part in reply if part in (b"FENCED", b"CONFLICT")
                    )
            return replies

        Backend.fcall_many = counting  # type: ignore[method-assign]

    async def freeze_before_commit(self) -> None:
        """The next commit of this process's projector freezes it (SIGSTOP) before it is sent."""
        committer = self.projector._folding._committer
        original = committer.commit

        async def freezing(*work: Any) -> None:
            committer.commit = original  # type: ignore[method-assign]
            os.kill(os.getpid(), signal.SIGSTOP)
            await original(*work)

        committer.commit = freezing  # type: ignore[method-assign]


if __name__ == "__main__":
    asyncio.run(Actor().main())
