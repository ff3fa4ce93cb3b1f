"""The spool of this process as the recorder sees it: parks batches and brings them back.

What happens when the disk fails is here and nowhere else: one line in the log, the process goes on
in memory, and the disk is tried again after a while.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from time import monotonic
from typing import TypeVar

import msgspec

from fuseline.bridge.batch import Batch
from fuseline.bridge.outbox import MAX_BATCHES, Outbox
from fuseline.bridge.spool.file import Spool, pack
from fuseline.bridge.spool.files import FOLDER_VARIABLE, SpoolSettings, set_aside, spool_path
from fuseline.bridge.spool.thread import SpoolThread
from fuseline.core.config import CircuitBreakerConfig
from fuseline.events.keys import Keys
from fuseline.telemetry.logs import get_logger

T = TypeVar("T")

RETRY_SECONDS = 5.0
"""How long a disk that has failed is left alone."""

ConfigOf = Callable[[str], CircuitBreakerConfig | None]

_log = get_logger("spool")


class SpoolKeeper:
    """Owns the spool of this process; makes it when it is first needed.

    Args:
        settings: where and how much.
        folder: the namespace's folder.
        keys: of the namespace.
        thread: where files are touched.
        name: the worker's name, under which the log knows the producer.
        producer: names the file.
        config_of: settings of an agent, so that whoever takes over can register it.
    """

    def __init__(
        self,
        settings: SpoolSettings,
        folder: Path,
        keys: Keys,
        thread: SpoolThread,
        name: str,
        producer: int,
        config_of: ConfigOf,
    ) -> None:
        self.settings = settings
        self.path = spool_path(folder, producer)
        self.error = ""  # why outcomes are kept in memory alone; "": they are not
        self._keys = keys
        self._thread = thread
        self._name = name
        self._config_of = config_of
        self._spool: Spool | None = None
        self._described: set[str] = set()
        self._done: list[int] = []
        self._outboxes: Sequence[Outbox] = ()
        self._retry_at = 0.0

    @property
    def synced(self) -> bool:
        """Whether what is put away survives the machine, and not only the process."""
        return self.settings.durability == "disk"

    @property
    def size(self) -> int:
        """Bytes in the spool, roughly."""
        return self._spool.size if self._spool else 0

    def release(self, row: int) -> None:
        """The log has what stands in this row."""
        if row:
            self._done.append(row)

    async def put(self, outboxes: Sequence[Outbox]) -> bool:
        """Brings everything these have in memory to disk; returns whether it is there."""
        if self.error and monotonic() < self._retry_at:
            return False
        self._outboxes = outboxes
        batches = [(outbox, outbox.seal()) for outbox in outboxes]
        if not any(found for _, found in batches):
            return True
        rows = [pack(b, box.shard.shard, box.producer) for box, found in batches for b in found]
        configs = self._configs(batch for _, found in batches for batch in found)
        unsent = {box.shard.shard: box.first_parked for box in outboxes}
        done = self._done[:]

        async def store() -> tuple[list[int], dict[int, int]]:
            spool = await self._open()
            limit = self.settings.max_bytes
            return await self._thread.run(spool.put, rows, configs, done, limit, unsent)

        stored = await self._try(store, outboxes)
        if stored is None:
            return False
        ids, dropped = stored
        del self._done[: len(done)]
        self._described |= configs.keys()
        numbers = iter(ids)
        for outbox, found in batches:
            for batch in found:
                batch.row = next(numbers)
            self._done += outbox.stored(found)
        self._shed(outboxes, dropped)
        return True

    async def turn(self, outboxes: Sequence[Outbox], room: int) -> None:
        """Deletes what the log has, and brings back what is to be sent next."""
        wants = {
            box.shard.shard: (box.first_parked, room, MAX_BATCHES)
            for box in outboxes
            if box.parked and not box.batches(1)
        }
        done = self._done[:]
        if self._spool is None or not (wants or done):
            return
        turned = await self._try(
            lambda: self._thread.run(self._opened.turn, done, wants, self._keys), outboxes
        )
        if turned is None:
            return
        found, deleted = turned
        if deleted:
            del self._done[: len(done)]
        for outbox in outboxes:
            batches = found.get(outbox.shard.shard, [])
            if outbox.shard.shard in wants and not batches:
                self._lost([outbox], "rows are missing")
            outbox.fetched(batches)

    async def renumber(self, outbox: Outbox, change: int) -> None:
        """What is on disk follows `Outbox.renumber`."""
        if self._spool is not None:
            shard, producer = outbox.shard.shard, outbox.producer
            await self._try(
                lambda: self._thread.run(self._opened.renumber, shard, producer, change), [outbox]
            )

    async def close(self) -> None:
        """Leaves to others what the log does not have; deletes the file if that is nothing."""
        spool, self._spool = self._spool, None
        if spool is None:
            return
        needed = any(outbox.depth for outbox in self._outboxes)
        try:
            if needed and self._done:
                await self._thread.run(spool.turn, self._done, {}, self._keys)
            await self._thread.run(spool.close, needed=needed)
        except (sqlite3.Error, OSError) as error:
            _log.error("spool_failed", path=str(self.path), error=str(error))

    @property
    def _opened(self) -> Spool:
        assert self._spool is not None
        return self._spool

    async def _open(self) -> Spool:
        if self._spool is None:
            keys = self._keys
            self._spool = await self._thread.run(
                Spool.make,
                self.path,
                synced=self.synced,
                name=self._name,
                namespace=keys.namespace_name,
                shards=len(keys.shards),
            )
            self._described = set()
        return self._spool

    async def _try(self, job: Callable[[], Awaitable[T]], outboxes: Sequence[Outbox]) -> T | None:
        """Does the job; None if the disk does not play along, which is said once."""
        try:
            result = await job()
        except (sqlite3.OperationalError, OSError) as error:
            self._fail(f"{error}")
            return None
        except (sqlite3.DatabaseError, msgspec.MsgspecError) as error:
            await self._replace(str(error), outboxes)
            return None
        if self.error:
            _log.warning("spool_works_again", path=str(self.path))
            self.error = ""
        return result

    def _fail(self, error: str) -> None:
        if not self.error:
            _log.error(
                "spool_failed",
                path=str(self.path),
                error=error,
                consequence="outcomes are kept in memory",
                fix=f"free space, or set {FOLDER_VARIABLE} to a folder that can be written",
            )
        self.error = error
        self._retry_at = monotonic() + RETRY_SECONDS

    async def _replace(self, error: str, outboxes: Sequence[Outbox]) -> None:
        """The file is damaged: it is set aside, and what was in it alone is counted as lost."""
        spool, self._spool = self._spool, None
        if spool is not None:
            await self._thread.run(spool.close, needed=True)
        await self._thread.run(set_aside, self.path, error)
        self._done.clear()
        self._lost(outboxes, error)

    def _lost(self, outboxes: Sequence[Outbox], error: str) -> None:
        if lost := sum(outbox.lose_parked() for outbox in outboxes):
            _log.error("outcomes_dropped", count=lost, reason=error, path=str(self.path))

    def _shed(self, outboxes: Sequence[Outbox], dropped: dict[int, int]) -> None:
        for outbox in outboxes:
            if count := dropped.get(outbox.shard.shard, 0):
                outbox.shed(count)
        if dropped:
            _log.error(
                "outcomes_dropped",
                count=sum(dropped.values()),
                reason=f"the spool holds {self.settings.max_bytes} bytes",
                path=str(self.path),
            )

    def _configs(self, batches: Iterable[Batch]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for batch in batches:
            for agent, _ in batch.agents:
                if agent.name not in self._described and agent.name not in found:
                    config = self._config_of(agent.name)
                    if config is not None:
                        found[agent.name] = msgspec.msgpack.encode(config.to_wire())
        return found
