"""A spool: the batches of one process on disk, in an SQLite file. Blocking; see `thread`.

Rows of a shard stand in the order of their numbers, without gaps. A row's producer and first number
are what counts: those inside its outcomes may be older and are made right when it is read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec
from filelock import FileLock

from fuseline.bridge.batch import Batch, size_of
from fuseline.bridge.spool.clock import Moment, at
from fuseline.bridge.spool.files import claim, forget, lock_of, make_folder
from fuseline.bridge.spool.shrink import shrink
from fuseline.events.keys import Keys

FORMAT = 1
ROW_BYTES = 64
"""What a row takes beside its payload, roughly."""

_TABLES = """
CREATE TABLE IF NOT EXISTS about (field TEXT PRIMARY KEY, value ANY);
CREATE TABLE IF NOT EXISTS agents (name TEXT PRIMARY KEY, config BLOB);
CREATE TABLE IF NOT EXISTS batches (
  id INTEGER PRIMARY KEY, shard INTEGER, producer INTEGER, first INTEGER, count INTEGER,
  successes INTEGER, moment BLOB, payload BLOB);
CREATE INDEX IF NOT EXISTS by_shard ON batches (shard, id);
"""

_encode = msgspec.msgpack.encode
_decode_moment = msgspec.msgpack.Decoder(Moment)


class Payload(msgspec.Struct, array_like=True):
    """What a row holds of a batch."""

    agents: list[tuple[str, list[bytes]]]
    settled: list[tuple[int, str, str]]


_decode_payload = msgspec.msgpack.Decoder(Payload)

Row = tuple[int, int, int, int, int, bytes, bytes]
"""shard, producer, first, count, successes, moment, payload"""


class Spool:
    """An open spool, its lock held.

    Raises (all methods): `sqlite3.Error`, OSError.
    """

    def __init__(self, path: Path, lock: FileLock, *, synced: bool) -> None:
        self.path = path
        self._lock = lock
        # Autocommit: transactions are begun where they are meant.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            path.chmod(0o600)
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute(f"PRAGMA synchronous={'FULL' if synced else 'NORMAL'}")
            self._db.execute("PRAGMA journal_size_limit=4194304")
            self._db.execute("PRAGMA cache_size=-256")
            self._db.executescript(_TABLES)
            (size,) = self._db.execute(
                f"SELECT COALESCE(SUM(LENGTH(payload) + {ROW_BYTES}), 0) FROM batches"  # noqa: S608
            ).fetchone()
        except BaseException:
            self._db.close()
            raise
        self.size: int = size

    @classmethod
    def make(cls, path: Path, *, synced: bool, name: str, namespace: str, shards: int) -> Spool:
        """Makes the spool of this process."""
        make_folder(path.parent)
        lock = lock_of(path)
        lock.acquire()
        try:
            spool = cls(path, lock, synced=synced)
        except BaseException:
            lock.release()
            raise
        about = {"format": FORMAT, "name": name, "namespace": namespace, "shards": shards}
        spool._db.executemany("INSERT OR REPLACE INTO about VALUES (?, ?)", about.items())
        return spool

    @classmethod
    def adopt(cls, path: Path) -> Spool | None:
        """Takes over the spool of a process that has ended; None if there is none to take."""
        lock = claim(path)
        if lock is None:
            return None
        try:
            return cls(path, lock, synced=False)
        except BaseException:
            lock.release()
            raise

    def close(self, *, needed: bool) -> None:
        """Closes the file, whatever state it is in; deletes it if nobody needs it."""
        try:
            self._db.close()
            if not needed:
                forget(self.path, self._lock)
        finally:
            self._lock.release()

    # --- for the process it belongs to ---

    def put(
        self,
        rows: Sequence[Row],
        configs: Mapping[str, bytes],
        done: Sequence[int],
        max_bytes: int,
        unsent: Mapping[int, int],
    ) -> tuple[list[int], dict[int, int]]:
        """Adds rows and deletes what is `done`, in one step; drops at the bound.

        Args:
            rows: in order.
            configs: settings of agents that are new to this spool.
            done: rows that nobody needs any more.
            max_bytes: the bound.
            unsent: for each shard the number from which on nothing was ever sent.

        Returns:
            The ids of the rows; and for each shard how many outcomes were dropped.
        """
        ids = []
        size = self.size
        with self._step():
            self._db.executemany("INSERT OR REPLACE INTO agents VALUES (?, ?)", configs.items())
            size -= self._delete(done)
            for row in rows:
                cursor = self._db.execute(
                    "INSERT INTO batches VALUES (NULL, ?, ?, ?, ?, ?, ?, ?)",
                    row,
                )
                ids.append(cursor.lastrowid or 0)
                size += len(row[6]) + ROW_BYTES
            dropped: dict[int, int] = {}
            if size > max_bytes:
                dropped, freed = shrink(self._db, size - max_bytes * 7 // 8, unsent)
                size -= freed
        self.size = size
        return ids, dropped

    def renumber(self, shard: int, producer: int, change: int) -> None:
        """Follows `Outbox.renumber`."""
        with self._step():
            self._db.execute(
                "UPDATE batches SET producer = ?, first = first + ? WHERE shard = ?",
                (producer, change, shard),
            )

    # --- for whoever sends ---

    def turn(
        self, done: Sequence[int], wants: Mapping[int, tuple[int, int, int]], keys: Keys
    ) -> tuple[dict[int, list[Batch]], bool]:
        """Deletes what is done, and reads what comes next.

        A disk that is full may refuse to delete, and shall not keep the rest from the log.

        Args:
            done: rows that nobody needs any more.
            wants: for each shard the number it goes on with, how many outcomes, how many rows.
            keys: of the namespace.

        Returns:
            For each shard its batches; and whether what is done was deleted.
        """
        deleted = True
        if done:
            try:
                with self._step():
                    self.size -= self._delete(done)
            except sqlite3.OperationalError:
                deleted = False
        found: dict[int, list[Batch]] = {}
        for shard, (first, outcomes, most) in wants.items():
            cursor = self._db.execute(
                "SELECT id, producer, first, moment, payload FROM batches"
                " WHERE shard = ? AND first >= ? ORDER BY id LIMIT ?",
                (shard, first, most),
            )
            batches = found[shard] = []
            for row, producer, number, moment, payload in cursor:
                if outcomes <= 0:
                    break
                batch = _unpack(row, moment, payload, keys)
                batch.number(producer, number)
                batches.append(batch)
                outcomes -= batch.count
        return found, deleted

    def about(self, field: str) -> Any:
        """What the process said of itself: name, namespace, shards, format."""
        found = self._db.execute("SELECT value FROM about WHERE field = ?", (field,)).fetchone()
        return found and found[0]

    def agents(self) -> dict[str, bytes]:
        """The settings of the agents whose outcomes are here, encoded."""
        return dict(self._db.execute("SELECT name, config FROM agents").fetchall())

    def shards(self) -> list[tuple[int, int, int, int, int]]:
        """Each shard's number, producer, outcomes, and its first and last number."""
        return self._db.execute(
            "SELECT shard, producer, SUM(count), MIN(first), MAX(first + count - 1)"
            " FROM batches GROUP BY shard, producer ORDER BY MIN(id)"
        ).fetchall()

    def _delete(self, done: Iterable[int]) -> int:
        freed = 0
        for row in done:
            gone = self._db.execute(
                "DELETE FROM batches WHERE id = ? RETURNING LENGTH(payload)", (row,)
            ).fetchone()
            freed += gone[0] + ROW_BYTES if gone else 0
        return freed

    def _step(self) -> _Step:
        return _Step(self._db)


class _Step:
    """A transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    def __enter__(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: object, error: object, traceback: object) -> None:
        if kind is None:
            try:
                self._db.execute("COMMIT")
                return
            except BaseException:
                self._roll_back()
                raise
        self._roll_back()

    def _roll_back(self) -> None:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")


def pack(batch: Batch, shard: int, producer: int) -> Row:
    """A batch as a row."""
    agents = [(agent.name, blobs) for agent, blobs in batch.agents]
    # Probes are rare, and theirs are the ones that may not be dropped before others.
    successes = max(0, batch.count - len(batch.settled))
    moment = _encode(at(batch.encoded_at))
    payload = _encode(Payload(agents, batch.settled))
    return shard, producer, batch.first, batch.count, successes, moment, payload


def _unpack(row: int, moment: bytes, raw: bytes, keys: Keys) -> Batch:
    payload = _decode_payload.decode(raw)
    agents = [(keys.agent(name), blobs) for name, blobs in payload.agents]
    count = sum(len(blobs) for _, blobs in agents)
    size = sum(size_of(blobs) for _, blobs in agents)
    encoded_at = monotonic() - _decode_moment.decode(moment).age_seconds()
    return Batch(0, count, encoded_at, agents, payload.settled, size=size, row=row)
