"""The recorder: brings outcomes from memory into the log, in batches, once each.

Outcomes wait for at most one flush interval; failures and results of probes are sent at once. While
the server is away they wait in memory, in order.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from time import monotonic
from typing import Protocol

import anyio

from fuseline.bridge.outbox import Batch, Outbox, Recorded, last_ids, new_producer_id
from fuseline.core.errors import BackendError, BackendUnavailableError
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.logs import get_logger
from fuseline.events.wire import translate

FLUSH_INTERVAL_SECONDS = 0.005
"""How long a success may wait; what is lost when a process is killed in between."""

MAX_WAITING = 1_000_000
"""Outcomes kept in memory while the server is away; beyond it the oldest successes go first."""

BATCHES_AT_ONCE = 16
"""Most appends in one go."""

_RETRY_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5)

_log = get_logger("recorder")


class Source(Protocol):
    """Something that has outcomes: a breaker."""

    keys: AgentKeys

    def take_outcomes(self) -> list[Recorded]:
        """Hands over what has been recorded since the last time, in order."""
        ...

    def acknowledged(self, event_id: tuple[int, int], count: int) -> None:
        """The next `count` outcomes stand in the log, the last of them under this id."""
        ...


class Recorder:
    """Sends outcomes of one process.

    Args:
        backend: the namespace.
        worker: name of the process, as operators see it.
        find: gives the source of an agent, for acknowledgements.
        restore: registers agents again, before outcomes that the server has lost are sent again;
            else the log would judge them by settings that are not theirs.
    """

    def __init__(
        self,
        backend: Backend,
        worker: str,
        find: Callable[[str], Source | None],
        restore: Callable[[Iterable[AgentKeys]], Awaitable[None]],
    ) -> None:
        self._backend = backend
        self._wire = backend.make_wire()
        self._find = find
        self._restore = restore
        self.worker = worker
        self.producer = new_producer_id()
        self._outboxes = [Outbox(shard, self.producer, worker) for shard in backend.keys.shards]
        self._sources: dict[Source, None] = {}
        self._wanted = anyio.Event()
        self._urgent = anyio.Event()
        self._round = 0  # number of rounds begun; a flush waits for one that began after it
        self._round_done = anyio.Event()
        self._clean_through = 0  # last round that left nothing unacknowledged
        self.refused = 0  # outcomes whose stream belongs to somebody else

    @property
    def depth(self) -> int:
        """Outcomes handed over but not acknowledged."""
        return sum(outbox.depth for outbox in self._outboxes)

    @property
    def dropped(self) -> int:
        """Outcomes that did not reach the log and never will."""
        return self.refused + sum(outbox.dropped + outbox.lost for outbox in self._outboxes)

    def want(self, source: Source, *, urgent: bool) -> None:
        """A source has outcomes; urgent ones are not held back."""
        self._sources[source] = None
        self._wanted.set()
        if urgent:
            self._urgent.set()

    def check(self, shard: int) -> None:
        """Finds out whether the server has lost what it acknowledged; sends that again."""
        self._outboxes[shard].ask()
        self._wanted.set()
        self._urgent.set()

    async def flush(self, timeout_seconds: float) -> None:
        """Waits until every outcome recorded so far is in the log.

        Raises:
            BackendUnavailableError: the server has not taken them in time; they are kept.
        """
        if not self._sources and not self.depth:
            return
        with anyio.move_on_after(timeout_seconds):
            goal = self._round + 1
            while self._clean_through < goal:
                done = self._round_done
                self._wanted.set()
                self._urgent.set()
                await done.wait()
            return
        raise BackendUnavailableError(
            f"{self.depth} outcomes are not in the log after {timeout_seconds:g} s; they are kept "
            "and sent when the server is back"
        )

    async def run(self) -> None:
        """Sends until cancelled; outlives an absent server."""
        attempt = 0
        while True:
            await self._wanted.wait()
            if not self._urgent.is_set():
                with anyio.move_on_after(FLUSH_INTERVAL_SECONDS):
                    await self._urgent.wait()
            self._wanted, self._urgent = anyio.Event(), anyio.Event()
            try:
                await self._send_round()
                attempt = 0
            except BackendError as error:
                if attempt == 0:
                    _log.warning("outcomes_wait_for_server", error=str(error))
                self._bound()
                await anyio.sleep(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
                attempt += 1
                self._wanted.set()

    async def _send_round(self) -> None:
        self._round += 1
        this = self._round
        sources, self._sources = self._sources, {}
        for source in sources:
            if outcomes := source.take_outcomes():
                self._outboxes[source.keys.shard].add(source.keys, outcomes)
        try:
            while work := self._next_batches():
                await self._send(work)
            self._clean_through = this
        finally:
            done, self._round_done = self._round_done, anyio.Event()
            done.set()

    def _next_batches(self) -> list[tuple[Outbox, Batch]]:
        """A bounded amount of work, so that the server answers within its timeout."""
        work: list[tuple[Outbox, Batch]] = []
        for outbox in self._outboxes:
            room = BATCHES_AT_ONCE - len(work)
            work += [(outbox, batch) for batch in outbox.batches(room)]
        return work

    async def _send(self, work: list[tuple[Outbox, Batch]]) -> None:
        sent = monotonic()
        replies = await self._backend.fcall_many(
            [outbox.call(batch) for outbox, batch in work], self._wire
        )
        received = monotonic()
        failed: Exception | None = None
        behind: set[int] = set()  # shards whose later batches of this round were refused too
        for (outbox, batch), reply in zip(work, replies, strict=True):
            if isinstance(reply, Exception):
                failed = reply
                behind.add(outbox.shard.shard)
            elif outbox.shard.shard in behind:
                continue
            elif reply[0] == b"OK":
                self._backend.clock.learn(reply[2], sent, received)
                self._acknowledge(outbox, batch, reply)
            else:
                behind.add(outbox.shard.shard)
                await self._recover(outbox, reply)
        if failed is not None:
            raise translate(failed) from failed

    def _acknowledge(self, outbox: Outbox, batch: Batch, reply: list[bytes]) -> None:
        first_time = outbox.acknowledged(batch)
        for agent, event_id, count in last_ids(batch, reply):
            if source := self._find(agent.name):
                source.acknowledged(event_id, count if first_time else 0)
        errors = reply[3 + len(batch.agents) :]
        for index, text in zip(errors[::2], errors[1::2], strict=True):
            agent, blobs = batch.agents[int(index) - 1]
            self.refused += len(blobs)
            _log.error("outcomes_refused", agent=agent.name, count=len(blobs), error=text.decode())

    async def _recover(self, outbox: Outbox, reply: list[bytes]) -> None:
        match reply[0]:
            case b"GAP":
                known = int(reply[1])
                await self._restore(outbox.agents_after(known))
                lost = outbox.rewind(known)
                _log.warning("log_went_back", shard=outbox.shard.shard, known=known, lost=lost)
            case b"STALE" | b"TAKEN":
                outbox.renumber()

    def _bound(self) -> None:
        limit = MAX_WAITING // len(self._outboxes)
        for outbox in self._outboxes:
            before = outbox.dropped
            outbox.drop_successes(limit)
            if outbox.dropped > before:
                _log.error("outcomes_dropped", count=outbox.dropped - before)
