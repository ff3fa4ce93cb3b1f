"""Throwing out most entries of a log that are not wanted, before anything is decoded."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fuseline.core.events import Outcome, Result
from fuseline.projections.timeline import Kind

_OUTCOME = Outcome.__struct_config__.tag

# Where the result stands behind an epoch in each of msgpack's forms of whole numbers.
_BEHIND = dict.fromkeys(range(128), 3) | {0xCC: 4, 0xCD: 5, 0xCE: 7}


class Sieve:
    """Looks at the first bytes of events: tag, epoch, result.

    Whatever it is not sure of passes, so what comes through has to be looked at again.
    """

    def __init__(self, kinds: Collection[Kind]) -> None:
        self._out = frozenset(int(result) for result in Result if Kind[result.name] not in kinds)

    def sift(self, raw: list[Any]) -> list[Any]:
        """Entries as XRANGE gives them, without most of those of other kinds."""
        out = self._out
        found = []
        for entry in raw:
            fields = entry[1]
            event = fields[1]
            if len(event) > 7 and event[1] == _OUTCOME and fields[0] == b"e":
                place = _BEHIND.get(event[2])
                if place is not None and event[place] in out:
                    continue
            found.append(entry)
        return found
