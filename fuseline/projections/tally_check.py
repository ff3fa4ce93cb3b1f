"""Comparing the counts that are stored with those of a log folded again."""

from __future__ import annotations

from typing import Any

import msgspec

from fuseline.core.errors import BackendError
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.wire import Wire
from fuseline.projections.rollups import Unit, load_all, unit_field
from fuseline.projections.tally import UNITS, Reach, Rollups, Sum, Tally, decode_sum, parse_unit

_NAMED = 10


async def differing_units(
    backend: Backend,
    agent: AgentKeys,
    stored: Tally,
    folded: Tally,
    rollups: Rollups,
    reach: Reach,
    wire: Wire | None = None,
) -> list[tuple[str, Any, Any]]:
    """The first few units whose counts are not what the log says: name, stored, folded.

    Args:
        backend: the namespace.
        agent: whose counts.
        stored: the tally as the projection holds it.
        folded: the tally after folding up to the same entry.
        rollups: the units that folding has closed.
        reach: which units folding has counted whole.
        wire: connection to use.

    Raises:
        WrongKeyTypeError: the key of the counts is no hash.
        BackendUnavailableError: the server does not answer.
    """
    found: dict[Unit, Any] = {}
    for unit, raw in (await load_all(backend, agent, wire)).items():
        if reach.holds(unit) and _is_closed(unit, stored):
            found[unit] = _plain(_decode(unit, raw))
    wanted: dict[Unit, Any] = {}
    for name, raw in rollups.items():
        known = parse_unit(name.encode())
        if known is not None and reach.holds(known) and _is_closed(known, stored):
            wanted[known] = _plain(_decode(known, raw))
    for tally, into in ((stored, found), (folded, wanted)):
        for level, (index, total) in enumerate(tally.open_units()):
            if reach.holds((level, index)) and index * UNITS[level][1] > stored.begin_ms:
                into[level, index] = _plain(total)
    units = sorted(unit for unit in found | wanted if found.get(unit) != wanted.get(unit))
    return [(unit_field(unit), found.get(unit), wanted.get(unit)) for unit in units[:_NAMED]]


def _is_closed(unit: Unit, tally: Tally) -> bool:
    """Whether the log alone decides a stored unit: it is whole, and folding has gone past it.

    What is written later belongs to a projector that goes on meanwhile.
    """
    level, index = unit
    width = UNITS[level][1]
    return index * width > tally.begin_ms and index < tally.last_ms // width


def _decode(unit: Unit, raw: bytes) -> Sum | None:
    try:
        return decode_sum(unit_field(unit), raw)
    except BackendError:
        return None


def _plain(total: Sum | None) -> Any:
    if total is None:
        return "unreadable"
    fields = msgspec.structs.asdict(total)
    return fields | {"bins": sorted(total.bins.items())}
