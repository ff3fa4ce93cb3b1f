"""Where entries are that have left the server, as reading needs to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from fuseline.core.circuit import Circuit
from fuseline.events.keys import AgentKeys

Stream = Literal["events", "history"]
Id = tuple[int, int]
"""A stream id as numbers that compare."""

RawEntry = tuple[bytes, list[bytes]]
"""An entry as the server gives it: id, and fields with their values."""

MAX_SEQ = (1 << 64) - 1


class Older(Protocol):
    """Where entries are that the server has no more."""

    async def begin(self, agent: AgentKeys, stream: Stream, upto: Id) -> Id | None:
        """The id after which every entry up to `upto` is there; (0, 0): from the first there was.

        None: nothing that ends at `upto` is there, or the place is out of reach.
        """

    async def circuit(self, agent: AgentKeys, upto: Id) -> Circuit | None:
        """The newest circuit that is kept there for a place up to `upto`; a copy of one's own.

        Its checkpoint is the place; entries after it are there. None: none is kept. To be asked
        after `begin`.
        """

    async def entries(
        self, agent: AgentKeys, stream: Stream, low: Id, high: Id, count: int, *, newest_first: bool
    ) -> Sequence[RawEntry]:
        """Entries with ids from `low` to `high`, both included, as XRANGE or XREVRANGE gives them.

        Raises:
            FuselineError: what should be there is damaged or out of reach.
        """


def id_before(stream_id: Id) -> Id:
    """The greatest id before one."""
    ms, seq = stream_id
    if seq:
        return ms, seq - 1
    return (ms - 1, MAX_SEQ) if ms else (0, 0)
