"""Settling: what ended calls mean for their tasks, brought to the server in batches.

A task is finished only when the outcomes recorded so far are in the log, so one that is redelivered
because its worker died has no result yet. While the server is away everything waits here, in
memory; the tasks keep their slots, so that is bounded.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable
from typing import Protocol

import anyio
from msgspec import Struct

from fuseline.bridge.tasks.store import Call, TaskStore
from fuseline.core.errors import BackendError
from fuseline.events.wire import translate
from fuseline.telemetry.logs import get_logger

_FLUSH_SECONDS = 1.5
_RETRY_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5)
_BATCH = 200
_BATCH_BYTES = 4 << 20

_log = get_logger("tasks")


class Log(Protocol):
    """What settling needs of the recorder."""

    async def flush(self, timeout_seconds: float) -> None:
        """Waits until every outcome recorded so far is in the log.

        Raises:
            BackendError: not in time.
        """
        ...


class Settlement(Struct):
    """One call to make, and whom to tell what came of it: `done(answer)`."""

    task_id: str
    call: Call
    size: int
    done: Callable[[str], None]


class Settler:
    """Makes settlements until closed; outlives an absent server.

    Attributes:
        answers: how often each answer came; anything but OK has changed nothing.
    """

    def __init__(self, log: Log, store: TaskStore) -> None:
        self._log = log
        self._store = store
        self.wire = store.backend.make_wire()
        self._waiting: deque[Settlement] = deque()
        self._wanted = anyio.Event()
        self._emptied = anyio.Event()
        self.answers: Counter[str] = Counter()

    @property
    def depth(self) -> int:
        """Settlements that the server does not have yet."""
        return len(self._waiting)

    def add(self, settlement: Settlement) -> None:
        """Takes one; it is made soon."""
        self._waiting.append(settlement)
        self._wanted.set()

    async def until_empty(self) -> None:
        """Waits until all have been made."""
        while self._waiting:
            await self._emptied.wait()

    async def run(self) -> None:
        """Makes settlements until cancelled."""
        attempt = 0
        while True:
            await self._wanted.wait()
            self._wanted = anyio.Event()
            try:
                while self._waiting:
                    await self._round()
                    attempt = 0
            except BackendError as error:
                if attempt == 0:
                    _log.warning("results_wait_for_server", count=self.depth, error=str(error))
                await anyio.sleep(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
                attempt += 1
                self._wanted.set()
            emptied, self._emptied = self._emptied, anyio.Event()
            emptied.set()

    async def _round(self) -> None:
        batch: list[Settlement] = []
        size = 0
        for settlement in self._waiting:
            if batch and (len(batch) >= _BATCH or size + settlement.size > _BATCH_BYTES):
                break
            batch.append(settlement)
            size += settlement.size
        await self._log.flush(_FLUSH_SECONDS)
        replies = await self._store.backend.fcall_many([s.call for s in batch], self.wire)
        failed: Exception | None = None
        for settlement, reply in zip(batch, replies, strict=True):
            self._waiting.popleft()
            if isinstance(reply, Exception):
                failed = reply
                self._waiting.append(settlement)  # it may be its own fault: the others go first
                continue
            answer = reply[0].decode()
            self.answers[answer] += 1
            if answer != "OK":
                # Another worker was faster, or this is the second time after a lost answer.
                _log.info("task_not_settled", task=settlement.task_id, answer=answer)
            settlement.done(answer)
        if failed is not None:
            raise translate(failed) from failed
