"""Orphaned spools: what a process could not send before it ended, sent by one that lives.

Under the dead process's name, producer id and numbers, so that the log takes each outcome once,
whatever part of the spool it has seen already.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import anyio
import msgspec

from fuseline.bridge.batch import Batch
from fuseline.bridge.outbox import BATCH_OUTCOMES, MAX_BATCHES, Outbox, refusals
from fuseline.bridge.spool.file import FORMAT, Spool
from fuseline.bridge.spool.files import set_aside, spools_in
from fuseline.bridge.spool.thread import SpoolThread
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import BackendError, ConfigError
from fuseline.events.agents import register, was_removed
from fuseline.events.backend import Backend
from fuseline.events.wire import Wire, translate
from fuseline.telemetry.logs import get_logger

LOOK_SECONDS = 3.0
"""How often orphans are looked for."""

_RETRY_SECONDS = 0.5
_OUTCOMES_AT_ONCE = 8 * BATCH_OUTCOMES

_log = get_logger("spool")


class Adoption:
    """Sends orphaned spools of a namespace, one after another.

    Args:
        backend: the namespace.
        folder: where its spools lie.
        own: the spool of this process.
        thread: where files are touched.
    """

    def __init__(self, backend: Backend, folder: Path, own: Path, thread: SpoolThread) -> None:
        self._backend, self._folder, self._own, self._thread = backend, folder, own, thread
        self._foreign: set[Path] = set()  # those that are not for us, said once
        self.sent = 0  # outcomes of others brought into the log

    async def run(self) -> None:
        """Looks for orphans until cancelled."""
        while True:
            pause = LOOK_SECONDS
            for path in await self._thread.run(spools_in, self._folder):
                if path == self._own or path in self._foreign:
                    continue
                try:
                    await self._take(path)
                except BackendError as error:
                    _log.warning("orphan_waits_for_server", path=str(path), error=str(error))
                    pause = _RETRY_SECONDS
                    break
            await anyio.sleep(pause)

    async def _take(self, path: Path) -> None:
        try:
            spool = await self._thread.run(Spool.adopt, path)
            if spool is None:
                return
            needed = True
            try:
                needed = not await self._send(spool)
            finally:
                await self._thread.run(spool.close, needed=needed)
        except (sqlite3.OperationalError, OSError) as error:
            _log.error("spool_failed", path=str(path), error=str(error))
            self._foreign.add(path)
        except (sqlite3.DatabaseError, msgspec.MsgspecError, ConfigError) as error:
            await self._thread.run(set_aside, path, str(error))

    async def _send(self, spool: Spool) -> bool:
        """Returns whether the log has it all."""
        run, keys = self._thread.run, self._backend.keys
        shards = await run(spool.shards)
        if not shards:
            return True
        found = {field: await run(spool.about, field) for field in ("format", "shards", "name")}
        if (found["format"], found["shards"]) != (FORMAT, len(keys.shards)):
            self._foreign.add(spool.path)
            _log.error(
                "orphan_of_another_kind", path=str(spool.path), shards=found["shards"],
                format=found["format"], expected_shards=len(keys.shards), expected_format=FORMAT,
            )  # fmt: skip
            return False
        name = found["name"]
        count = sum(shard[2] for shard in shards)
        _log.warning("orphan_adopted", path=str(spool.path), worker=name, outcomes=count)
        wire = self._backend.make_wire()
        try:
            for agent, config in (await run(spool.agents)).items():
                if await was_removed(self._backend, agent, wire):
                    continue  # somebody took it away meanwhile; a spool does not bring it back
                settings = CircuitBreakerConfig.from_wire(msgspec.msgpack.decode(config))
                await register(self._backend, agent, settings, name, wire)
            for shard, producer, outcomes, _, last in shards:
                outbox = Outbox(keys.shards[shard], producer, name)
                outbox.resume(outcomes, last + 1)
                await self._send_shard(spool, outbox, wire)
        finally:
            with anyio.CancelScope(shield=True):
                await self._backend.drop_wire(wire)
        _log.warning("orphan_sent", path=str(spool.path), worker=name, outcomes=count)
        return True

    async def _send_shard(self, spool: Spool, outbox: Outbox, wire: Wire) -> None:
        run, number = self._thread.run, outbox.shard.shard
        done: list[int] = []
        while True:
            wants = {}
            if outbox.parked and not outbox.batches(1):
                wants = {number: (outbox.first_parked, _OUTCOMES_AT_ONCE, MAX_BATCHES)}
            rows, deleted = await run(spool.turn, done, wants, self._backend.keys)
            done = [] if deleted else done
            if wants and not rows[number]:
                _log.error("outcomes_dropped", count=outbox.parked, reason="rows are missing")
                return
            outbox.fetched(rows.get(number, ()))
            batches = outbox.batches(_OUTCOMES_AT_ONCE)
            if not batches:
                return
            replies = await self._backend.fcall_many([outbox.call(b) for b in batches], wire)
            for batch, reply in zip(batches, replies, strict=True):
                if isinstance(reply, Exception):
                    await run(spool.turn, done, {}, self._backend.keys)
                    raise translate(reply) from reply
                if reply[0] != b"OK":
                    await self._recover(spool, outbox, reply)
                    break
                self._note(outbox, batch, reply)
                done += [batch.row] if batch.row else []
                batch.row = 0

    def _note(self, outbox: Outbox, batch: Batch, reply: list[Any]) -> None:
        outbox.acknowledged(batch)
        self.sent += batch.count
        for name, count, error in refusals(batch, reply):
            _log.error("outcomes_refused", agent=name, count=count, error=error)

    async def _recover(self, spool: Spool, outbox: Outbox, reply: list[Any]) -> None:
        """The log does not know the producer as it should: it has lost data since."""
        if reply[0] != b"GAP" or outbox.rewind(int(reply[1])):
            change = outbox.renumber()
            shard, producer = outbox.shard.shard, outbox.producer
            # On disk before anything is sent, so that whoever goes on does not send it twice.
            await self._thread.run(spool.renumber, shard, producer, change)
            _log.warning("orphan_renumbered", path=str(spool.path), shard=shard, producer=producer)
