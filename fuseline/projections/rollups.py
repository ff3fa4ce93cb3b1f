"""The hash of an agent's counts in Redis: closed units, each written once its last entry is folded.

What a unit holds is a pure function of the log, so writing one again changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys, ShardKeys
from fuseline.events.wire import Wire
from fuseline.projections.tally import UNITS, Reach, Rollups, Sum, decode_sum, parse_unit

_WRITTEN_AT_ONCE = 500
_READ_AT_ONCE = 2000

Unit = tuple[int, int]
"""Level in `UNITS`, and index: its time divided by its width."""


def unit_field(unit: Unit) -> str:
    """How a unit is called in the hash of counts."""
    return f"{UNITS[unit[0]][0]}:{unit[1]}"


async def load_sums(
    backend: Backend, agent: AgentKeys, units: Sequence[Unit], wire: Wire | None = None
) -> dict[Unit, Sum]:
    """The rollups there are of some units.

    Raises:
        BackendError: one of them cannot be read.
        WrongKeyTypeError: the key is no hash.
    """
    wire = wire or backend.wire
    found: dict[Unit, Sum] = {}
    for start in range(0, len(units), _READ_AT_ONCE):
        part = units[start : start + _READ_AT_ONCE]
        values = await wire.call("HMGET", agent.counts, *map(unit_field, part))
        for unit, raw in zip(part, values, strict=True):
            if raw is not None:
                found[unit] = decode_sum(unit_field(unit), raw)
    return found


async def load_all(
    backend: Backend, agent: AgentKeys, wire: Wire | None = None
) -> dict[Unit, bytes]:
    """Every rollup of an agent, as it is stored.

    Raises:
        WrongKeyTypeError: the key is no hash.
    """
    found: dict[Unit, bytes] = {}
    cursor: bytes | str = "0"
    while True:
        cursor, flat = await (wire or backend.wire).call(
            "HSCAN", agent.counts, cursor, "COUNT", _READ_AT_ONCE
        )
        for name, raw in zip(flat[::2], flat[1::2], strict=True):
            if (unit := parse_unit(name)) is not None:
                found[unit] = raw
        if cursor in (b"0", "0"):
            return found


async def replace_counts(
    backend: Backend,
    shard: ShardKeys,
    token: int,
    agent: AgentKeys,
    rollups: Rollups,
    reach: Reach,
    wire: Wire | None = None,
) -> list[str] | None:
    """Writes all rollups of a log that was folded anew, a few at a time; the commit comes after.

    Args:
        backend: the namespace.
        shard: the agent's shard.
        token: of the shard's lease.
        agent: whose counts.
        rollups: of all closed units.
        reach: units out of it stay: they count entries that the log does not have any more.
        wire: connection to use.

    Returns:
        Stored units that the log does not have, to be deleted by the commit; None: the lease is
        another's.

    Raises:
        WrongKeyTypeError: the key is no hash.
    """
    pairs = iter(rollups.items())
    while part := list(islice(pairs, _WRITTEN_AT_ONCE)):
        flat = [text for pair in part for text in pair]
        keys = (shard.lease, agent.counts)
        if await backend.fcall("rollups", keys, (token, *flat), wire) == b"FENCED":
            return None
    return [
        name
        for unit in await load_all(backend, agent, wire)
        if (name := unit_field(unit)) not in rollups and reach.holds(unit)
    ]
