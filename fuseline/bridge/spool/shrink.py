"""What a spool gives up at its bound: the oldest successes, and only then the oldest of all.

Failures are what opens a circuit and what somebody asks about afterwards. Nothing that may have
been sent is dropped, because its numbers are known to the server; what follows the dropped moves up
to their numbers, so that no gap is left.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping

import msgspec

from fuseline.core.events import Outcome, Result
from fuseline.events.codec import decode_event


def shrink(
    db: sqlite3.Connection, bytes_wanted: int, unsent: Mapping[int, int]
) -> tuple[dict[int, int], int]:
    """Drops outcomes within the transaction that is under way.

    Args:
        db: the spool's connection.
        bytes_wanted: how much to free.
        unsent: for each shard the number from which on nothing was ever sent.

    Returns:
        For each shard how many outcomes were dropped, and the bytes freed.
    """
    dropped: dict[int, int] = {}
    freed = _drop(db, bytes_wanted, unsent, dropped)
    for shard in dropped:
        _move_up(db, shard, unsent.get(shard, 0))
    return dropped, freed


def _drop(
    db: sqlite3.Connection,
    bytes_wanted: int,
    unsent: Mapping[int, int],
    dropped: dict[int, int],
) -> int:
    freed = 0
    for successes_only in (True, False):
        ids = db.execute(
            "SELECT id FROM batches WHERE successes > 0 OR NOT ? ORDER BY id", (successes_only,)
        ).fetchall()
        for (row,) in ids:
            if freed >= bytes_wanted:
                return freed
            shard, first, count, payload = db.execute(
                "SELECT shard, first, count, payload FROM batches WHERE id = ?", (row,)
            ).fetchone()
            if first < unsent.get(shard, 0):
                continue
            kept = _without_successes(payload) if successes_only else None
            left = 0 if kept is None else kept[1]
            if kept is None or not left:
                db.execute("DELETE FROM batches WHERE id = ?", (row,))
                freed += len(payload)
            else:
                db.execute(
                    "UPDATE batches SET payload = ?, count = ?, successes = 0 WHERE id = ?",
                    (kept[0], left, row),
                )
                freed += len(payload) - len(kept[0])
            if gone := count - left:
                dropped[shard] = dropped.get(shard, 0) + gone
    return freed


def _move_up(db: sqlite3.Connection, shard: int, first: int) -> None:
    """Numbers the rows of a shard anew, from `first` on, where some were dropped."""
    db.execute(
        "UPDATE batches SET first = new.first FROM ("
        " SELECT id, ? + SUM(count) OVER (ORDER BY id) - count AS first FROM batches"
        " WHERE shard = ? AND first >= ?) AS new WHERE batches.id = new.id",
        (first, shard, first),
    )


def _without_successes(raw: bytes) -> tuple[bytes, int]:
    """The payload without its successes, those of probes excepted; and how many outcomes remain."""
    agents, settled = msgspec.msgpack.decode(raw)
    left = 0
    for entry in agents:  # an agent without outcomes stays: `settled` counts agents
        entry[1] = [blob for blob in entry[1] if not _is_plain_success(blob)]
        left += len(entry[1])
    return msgspec.msgpack.encode([agents, settled]), left


def _is_plain_success(blob: bytes) -> bool:
    event = decode_event(blob)
    return isinstance(event, Outcome) and event.result is Result.SUCCESS and event.permit is None
