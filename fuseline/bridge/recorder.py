"""The recorder: brings outcomes from memory into the log, in batches, once each.

Outcomes wait for at most one flush interval; failures and results of probes are sent at once. While
the server is away they wait on disk, in order (see `spool.keeper`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from time import monotonic
from typing import Protocol

import anyio

from fuseline.bridge.batch import Batch, Recorded, tell_calls
from fuseline.bridge.outbox import BATCH_OUTCOMES, Outbox, new_producer_id
from fuseline.bridge.progress import Progress
from fuseline.bridge.replies import Acknowledged, Replies
from fuseline.bridge.spool.keeper import SpoolKeeper
from fuseline.core.errors import BackendError, BackendUnavailableError
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.wire import translate
from fuseline.telemetry import instruments
from fuseline.telemetry.logs import get_logger

FLUSH_INTERVAL_SECONDS = 0.005
"""How long a success may wait; what is lost when a process is killed in between."""

SPOOL_AFTER_SECONDS = {"memory": 0.5, "disk": 0.01}
"""How long the server may owe an answer before outcomes go to disk, by durability."""

SPOOL_BEYOND = 20_000
"""More outcomes than this do not wait in memory for a server that has failed."""

SPOOL_INTERVAL_SECONDS = 0.02
"""How often they are brought to disk then; what a killed process loses at most."""

MAX_WAITING = 1_000_000
"""Outcomes kept in memory if the disk fails too; beyond it the oldest successes go first."""

OUTCOMES_AT_ONCE = 16 * BATCH_OUTCOMES
"""Outcomes sent in one go, so that the server answers within its timeout."""

_RETRY_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5)

_log = get_logger("recorder")


class Source(Acknowledged, Protocol):
    """Something that has outcomes: a breaker."""

    keys: AgentKeys

    def take_outcomes(self) -> list[Recorded]:
        """Hands over what has been recorded since the last time, in order."""
        ...


class Recorder:
    """Sends outcomes of one process.

    Args:
        backend: the namespace.
        worker: name of the process, as operators see it.
        find: gives the source of an agent, for acknowledgements.
        restore: registers agents again, before outcomes that the server has lost are sent again;
            else the log would judge them by settings that are not theirs.
        make_keeper: makes the keeper of this producer's spool.
    """

    def __init__(
        self,
        backend: Backend,
        worker: str,
        find: Callable[[str], Source | None],
        restore: Callable[[Iterable[AgentKeys]], Awaitable[None]],
        make_keeper: Callable[[int], SpoolKeeper],
    ) -> None:
        self._backend = backend
        self._wire = backend.make_wire()
        self.worker = worker
        self.producer = new_producer_id()
        self._outboxes = [Outbox(shard, self.producer, worker) for shard in backend.keys.shards]
        self._sources: dict[Source, None] = {}
        self._wanted = asyncio.Event()  # unlike anyio's they can be used again, which is cheaper
        self._urgent = asyncio.Event()
        self.progress = Progress()
        self.keeper = make_keeper(self.producer)
        self._patience = SPOOL_AFTER_SECONDS[self.keeper.settings.durability]
        self._moving = anyio.Lock()  # held while batches go to disk, come back or change numbers
        self._trouble = anyio.Event()  # the server owes an answer for too long
        self._owed_since = 0.0  # since when the server has not taken what it was sent; 0.0: it has
        self._hurry = anyio.Event()  # somebody waits for the disk
        self._replies = Replies(find, restore, self.keeper, self._moving)

    @property
    def depth(self) -> int:
        """Outcomes handed over but not acknowledged."""
        return sum(outbox.depth for outbox in self._outboxes)

    @property
    def spooled(self) -> int:
        """Outcomes that are on disk alone."""
        return sum(outbox.parked for outbox in self._outboxes)

    @property
    def owed_seconds(self) -> float:
        """How long the server has owed an answer, failures included; 0.0: it owes none."""
        return monotonic() - self._owed_since if self._owed_since else 0.0

    @property
    def resent(self) -> int:
        """Outcomes that the log had acknowledged and lost, and that were sent again."""
        return sum(outbox.resent for outbox in self._outboxes)

    @property
    def dropped(self) -> int:
        """Outcomes that did not reach the log and never will."""
        return self._replies.refused + sum(
            outbox.dropped + outbox.lost for outbox in self._outboxes
        )

    def want(self, source: Source, *, urgent: bool) -> None:
        """A source has outcomes; urgent ones are not held back."""
        self._sources[source] = None
        self._wanted.set()
        if urgent:
            self._urgent.set()

    def check(self, shard: int) -> None:
        """Finds out whether the server has lost what it acknowledged; sends that again."""
        self._outboxes[shard].ask()
        self._make_haste()

    async def flush(self, timeout_seconds: float) -> None:
        """Waits until every outcome recorded so far is in the log.

        Raises:
            BackendUnavailableError: the server has not taken them in time; they are kept.
        """
        await self._until(self.progress.goal(disk_counts=False), timeout_seconds)

    async def secure(self, timeout_seconds: float) -> None:
        """Waits until every outcome recorded so far is in the log, or at least on disk.

        Raises:
            BackendUnavailableError: neither in time; they are kept.
        """
        await self._until(self.progress.goal(disk_counts=True), timeout_seconds)

    async def _until(self, reached: Callable[[], bool], timeout_seconds: float) -> None:
        if not self._sources and not self.depth:
            return
        with anyio.move_on_after(timeout_seconds):
            await self.progress.until(reached, self._make_haste)
            return
        where = f"; the spool fails: {self.keeper.error}" if self.keeper.error else ""
        raise BackendUnavailableError(
            f"{self.depth} outcomes are not in the log after {timeout_seconds:g} s; they are kept "
            f"and sent when the server is back{where}"
        )

    def _make_haste(self) -> None:
        self._wanted.set()
        self._urgent.set()
        self._hurry.set()

    async def run(self) -> None:
        """Sends until cancelled; outlives an absent server."""
        attempt = 0
        while True:
            await self._wanted.wait()
            if not self._urgent.is_set():
                with anyio.move_on_after(FLUSH_INTERVAL_SECONDS):
                    await self._urgent.wait()
            self._wanted.clear()
            self._urgent.clear()
            try:
                await self._send_round()
                attempt = 0
                if self._trouble.is_set():
                    self._trouble = anyio.Event()
                    _log.warning("server_takes_outcomes_again")
            except BackendError as error:
                if attempt == 0:
                    _log.warning("outcomes_wait_for_server", error=str(error))
                self._note_failure()
                await anyio.sleep(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
                attempt += 1
                self._wanted.set()

    async def spool(self) -> None:
        """Brings outcomes to disk while the server does not take them; runs until cancelled."""
        while True:
            await self._trouble.wait()
            self._hurry = anyio.Event()
            await self.put_away()
            with anyio.move_on_after(SPOOL_INTERVAL_SECONDS):
                await self._hurry.wait()

    async def put_away(self) -> bool:
        """Brings all outcomes to disk that the log does not have; returns whether they are."""
        this = self.progress.begin_pass()
        async with self._moving:
            self._collect()
            safe = await self.keeper.put(self._outboxes)
        if safe:
            self.progress.safe_through = this
        else:
            self._bound()
        self.progress.tell()
        return safe

    def _note_failure(self) -> None:
        if self.owed_seconds >= self._patience or self.depth > SPOOL_BEYOND or self.keeper.synced:
            self._trouble.set()

    def _collect(self) -> None:
        sources, self._sources = self._sources, {}
        for source in sources:
            if outcomes := source.take_outcomes():
                self._outboxes[source.keys.shard].add(source.keys, outcomes)

    async def _send_round(self) -> None:
        this = self.progress.begin_round()
        self._collect()
        try:
            while work := await self._next_work():
                await self._send(work)
            self.progress.clean_through = this
        finally:
            self.progress.tell()

    async def _next_work(self) -> list[tuple[Outbox, Batch]]:
        """A bounded amount of work, so that the server answers within its timeout."""
        if not self._trouble.is_set():
            return self._next_batches()  # as almost always: nothing is on disk
        async with self._moving:
            await self.keeper.turn(self._outboxes, 1 if self._owed_since else OUTCOMES_AT_ONCE)
            work = self._next_batches()
            if not work and self.spooled:
                raise BackendUnavailableError(f"the spool cannot be read: {self.keeper.error}")
            return work

    def _next_batches(self) -> list[tuple[Outbox, Batch]]:
        if self._owed_since:
            # One batch of a shard finds out whether the server is back. What was sent once has its
            # numbers for good and cannot be dropped, so it had better be little.
            return [(outbox, batch) for outbox in self._outboxes for batch in outbox.batches(1)]
        work: list[tuple[Outbox, Batch]] = []
        room = OUTCOMES_AT_ONCE
        for outbox in self._outboxes:
            for batch in outbox.batches(room):
                work.append((outbox, batch))
                room -= max(1, batch.count)
        return work

    async def _send(self, work: list[tuple[Outbox, Batch]]) -> None:
        sent = monotonic()
        self._owed_since = self._owed_since or sent
        overdue = asyncio.get_running_loop().call_later(self._patience, self._trouble.set)
        try:
            calls = [outbox.call(batch) for outbox, batch in work]
            for outbox, batch in work:
                calls += tell_calls(outbox.shard, batch)
            replies = await self._backend.fcall_many(calls, self._wire)
        finally:
            overdue.cancel()
        received = monotonic()
        instruments.append_duration.record(received - sent)
        failed: Exception | None = None
        behind: set[int] = set()  # shards whose later batches of this round were refused too
        for (outbox, batch), reply in zip(work, replies, strict=False):
            if isinstance(reply, Exception):
                failed = reply
                behind.add(outbox.shard.shard)
            elif outbox.shard.shard in behind:
                continue
            elif reply[0] == b"OK":
                self._backend.clock.learn(reply[2], sent, received)
                self._replies.acknowledge(outbox, batch, reply)
            else:
                behind.add(outbox.shard.shard)
                await self._replies.recover(outbox, reply)
        if failed is None:
            self._owed_since = 0.0
        else:
            raise translate(failed) from failed

    def _bound(self) -> None:
        limit = MAX_WAITING // len(self._outboxes)
        for outbox in self._outboxes:
            before = outbox.dropped
            outbox.drop_waiting(limit)
            if outbox.dropped > before:
                _log.error(
                    "outcomes_dropped",
                    count=outbox.dropped - before,
                    reason=f"{limit} wait in memory already",
                )
