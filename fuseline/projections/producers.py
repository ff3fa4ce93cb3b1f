"""Forgetting producers: processes that have appended nothing for long."""

from __future__ import annotations

from fuseline.events.backend import Backend
from fuseline.events.keys import ShardKeys
from fuseline.events.wire import Wire
from fuseline.projections.leases import LostLeaseError

_AT_ONCE = 500


async def forget_silent(
    backend: Backend, shard: ShardKeys, token: int, before_ms: int, wire: Wire | None = None
) -> int:
    """Forgets the producers of a shard whose last append is older than a time; how many those were.

    The server looks again, so one that comes back meanwhile stays.

    Raises:
        LostLeaseError: the lease is another's.
        WrongKeyTypeError: the key is no hash.
    """
    forgotten = 0
    cursor: bytes | str = "0"
    while True:
        cursor, flat = await (wire or backend.wire).call(
            "HSCAN", shard.producers, cursor, "COUNT", _AT_ONCE
        )
        silent = [
            producer
            for producer, stored in zip(flat[::2], flat[1::2], strict=True)
            if 0 < _appended_ms(stored) < before_ms
        ]
        if silent:
            reply = await backend.fcall(
                "forget", (shard.lease, shard.producers), (token, before_ms, *silent), wire
            )
            if reply[0] == b"FENCED":
                raise LostLeaseError(f"another process has taken shard {shard.shard}")
            forgotten += reply[1]
        if cursor in (b"0", "0"):
            return forgotten


def _appended_ms(stored: bytes) -> int:
    """When a producer last appended; 0 for what is no entry of ours."""
    parts = stored.split(b" ", 3)
    return int(parts[2]) if len(parts) == 4 and parts[2].isdigit() else 0
