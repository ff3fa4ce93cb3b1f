"""The functions of the tasks on the server, as Python calls: one place that knows their replies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, Literal

import msgspec
from msgspec import Struct

from fuseline.bridge.tasks.model import Priority, Task, decode_body
from fuseline.core.errors import BackendError
from fuseline.core.retention import DAY_MS, Retention
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.wire import Wire

RESULT_TTL_SECONDS = 3600.0
"""How long a result is kept."""

RESULTS_LENGTH = 10_000
"""Results that the stream holds, roughly; a client further behind asks for the rest."""

_INLINE_BYTES = 64 << 10  # larger results stand in their task alone, or the stream would be huge
_UNLIMITED = 1 << 30
_SILENT_CONSUMER_MS = 86_400_000

Call = tuple[str, Sequence[str], Sequence[str | bytes | int | float]]
Where = Literal["hold", "defer", "queue"]


class Place(Struct, frozen=True):
    """How many more tasks of an agent a worker would start now.

    Attributes:
        room: in general.
        deferred: of those that waited for the circuit.
    """

    room: int = _UNLIMITED
    deferred: int = _UNLIMITED


class Taken(Struct, frozen=True):
    """What `take` gave.

    Attributes:
        now_ms: Redis's time.
        soon_ms: when the next parked task is due or the next waiting one expires; 0: none.
        put_aside: number of agents for which tasks are held or deferred.
        ends: where the three queues and the wake-ups ended; what comes later is news.
        tasks: what there was.
        unreadable: ids of tasks whose bodies cannot be read, with agent and error.
    """

    now_ms: int
    soon_ms: int
    put_aside: int
    ends: tuple[str, str, str, str]
    tasks: list[Task]
    unreadable: list[tuple[str, str, str]]


class TaskStore:
    """Calls the functions of one namespace's tasks.

    Args:
        backend: the namespace.
        dead_letter_days: see `Retention`.
    """

    def __init__(
        self, backend: Backend, dead_letter_days: float = Retention().dead_letter_days
    ) -> None:
        self._dead_ms = int(dead_letter_days * DAY_MS)
        self.backend = backend
        self.keys = backend.keys.tasks

    def call(self, name: str, *args: str | bytes | float) -> Call:
        """A call for `Backend.fcall_many`."""
        return f"tasks_{name}", self.keys, args

    async def submit(
        self, task_id: str, agent: str, priority: Priority, deadline_ms: int, body: bytes
    ) -> list[bytes]:
        """Submits; the reply is that of `tasks_submit`."""
        self.keys.task(task_id)
        call = self.call("submit", task_id, agent, int(priority), deadline_ms, body)
        reply: list[bytes] = await self.backend.fcall(*call)
        return reply

    async def take(
        self,
        wire: Wire,
        consumer: str,
        free: int,
        claim_ms: int,
        other: Place,
        places: Mapping[str, Place],
    ) -> Taken:
        """Takes tasks for free slots; see `tasks_take`."""
        args: list[str | int] = [consumer, free, claim_ms, other.room, other.deferred]
        for agent, place in places.items():
            args += (agent, place.room, place.deferred)
        sent = monotonic()
        reply = await self.backend.fcall(*self.call("take", *args), wire)
        self.backend.clock.learn(reply[1], sent, monotonic())
        tasks, unreadable = _read_tasks(reply[8:])
        high, normal, low, wake = (raw.decode() for raw in reply[4:8])
        ends = (high, normal, low, wake)
        return Taken(reply[1], reply[2], reply[3], ends, tasks, unreadable)

    async def mine(
        self, wire: Wire, consumer: str
    ) -> tuple[list[Task], list[tuple[str, str, str]]]:
        """What the consumer has, whether it knows of it or not; tasks and unreadable ones."""
        return _read_tasks(await self.backend.fcall(*self.call("mine", consumer), wire))

    async def wait(self, wire: Wire, ends: Sequence[str], block_seconds: float) -> bool:
        """Waits for what comes after `ends`; whether something came."""
        keys = (*self.keys.queues, self.keys.wake)
        block_ms = max(1, round(block_seconds * 1000))
        reply = await wire.call("XREAD", "COUNT", 1, "BLOCK", block_ms, "STREAMS", *keys, *ends)
        return bool(reply)

    def finish(
        self, task_id: str, result: bytes, ttl_seconds: float, dead: str = "", error: str = ""
    ) -> Call:
        """The call that ends a task; see `tasks_finish`."""
        inline = "1" if len(result) <= _INLINE_BYTES else "0"
        ttl_ms = round(ttl_seconds * 1000)
        args = (task_id, result, ttl_ms, inline, RESULTS_LENGTH, dead, error, self._dead_ms)
        return self.call("finish", *args)

    def put_back(self, task: Task, where: Where) -> Call:
        """The call by which a running task waits again."""
        return self.call("put_back", task.id, task.token, where)

    def park(self, task: Task, delay_ms: int, error: str) -> Call:
        """The call by which a failed task waits for its next attempt."""
        return self.call("put_back", task.id, task.token, "park", delay_ms, error)

    async def renew(self, wire: Wire, consumer: str, tasks: Sequence[Task]) -> list[Task]:
        """Lengthens the leases of running tasks; returns those that are another's by now."""
        args: list[str | int] = [consumer]
        for task in tasks:
            args += (task.id, task.token)
        lost: list[int] = await self.backend.fcall(*self.call("renew", *args), wire)
        return [tasks[index - 1] for index in lost]

    async def tidy(self, wire: Wire, ended: str = "") -> None:
        """Forgets the consumer that has ended and those not heard of for a day."""
        await self.backend.fcall(*self.call("tidy", ended, _SILENT_CONSUMER_MS), wire)

    async def results_end(self, wire: Wire) -> int:
        """The number of the last result."""
        last = await wire.call("XREVRANGE", self.keys.results, "+", "-", "COUNT", 1)
        return parse_id(last[0][0])[0] if last else 0

    async def results(
        self, wire: Wire, after: int, block_seconds: float
    ) -> list[tuple[int, str, bytes]]:
        """Results as they come: number, task id, and the result or nothing if it is large."""
        reply = await wire.call(
            "XREAD", "COUNT", 1000, "BLOCK", round(block_seconds * 1000),
            "STREAMS", self.keys.results, f"{after}-0",
        )  # fmt: skip
        if not reply:
            return []
        return [
            (parse_id(raw_id)[0], fields[1].decode(), fields[3]) for raw_id, fields in reply[0][1]
        ]

    async def stored(
        self, task_ids: Iterable[str], wire: Wire | None = None
    ) -> list[tuple[str | None, bytes | None]]:
        """State (None: nothing is known) and result of tasks."""
        commands = [("HMGET", self.keys.task(i), "state", "result") for i in task_ids]
        found: list[tuple[str | None, bytes | None]] = []
        for reply in await (wire or self.backend.wire).call_many(commands):
            if isinstance(reply, Exception):
                raise BackendError(f"the server refused to read a task: {reply}") from reply
            state, result = reply
            found.append((state.decode() if state else None, result))
        return found


def _read_tasks(replies: list[list[Any]]) -> tuple[list[Task], list[tuple[str, str, str]]]:
    tasks: list[Task] = []
    unreadable: list[tuple[str, str, str]] = []
    for (
        raw_id,
        agent,
        _,
        _,
        token,
        priority,
        attempts,
        crashes,
        submitted,
        deadline,
        error,
        raw,
    ) in replies:
        try:
            body = decode_body(raw)
            payload = msgspec.json.decode(body.payload)
        except msgspec.DecodeError as problem:
            unreadable.append((raw_id.decode(), agent.decode(), str(problem)))
            continue
        tasks.append(
            Task(
                id=raw_id.decode(),
                agent=agent.decode(),
                payload=payload,
                priority=Priority(priority),
                attempts=int(attempts),
                crashes=int(crashes),
                submitted_ms=int(submitted),
                deadline_ms=deadline,
                error=error.decode(),
                max_attempts=body.max_attempts,
                when_open=body.when_open,
                idempotent=body.idempotent,
                trace=body.trace,
                token=int(token),
            )
        )
    return tasks, unreadable
