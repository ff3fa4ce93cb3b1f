"""What the log has just beyond a projection, and what it comes to.

A projector is two more hops between processes away. Whoever appends outcomes that may change a
state has the server tell the circuit as it is stored together with the few events beyond it; a
worker folds them as the projector is about to, and has the same circuit a moment earlier.
"""

from __future__ import annotations

from msgspec import Struct

from fuseline.core.circuit import Circuit
from fuseline.core.fold import fold_in_place
from fuseline.events.keys import AgentKeys, ShardKeys
from fuseline.events.log import Entry, parse_carried
from fuseline.projections.codec import decode_circuit
from fuseline.projections.shard import view_of
from fuseline.projections.store import Argument

MOST_EVENTS = 16
"""More events than this beyond the projection are not told: it is far behind, and soon stored."""

MOST_AGENTS = 8
"""Of more agents in one append nothing is told: in a storm the projector is the shorter way."""


class Ahead(Struct, frozen=True):
    """A projection and the events beyond it.

    Attributes:
        agent: name of the agent.
        stored: its circuit, as it is stored.
        entries: the events after it, without a gap.
    """

    agent: str
    stored: bytes
    entries: list[Entry]

    @property
    def position(self) -> tuple[int, int]:
        """The last of the events."""
        return self.entries[-1][:2]

    def folded(self) -> Circuit | None:
        """What it comes to; None if callers have no need to know.

        Raises:
            BackendError: the circuit cannot be read.
        """
        circuit = decode_circuit(self.stored)
        before = view_of(circuit)
        fold_in_place(circuit, self.entries)
        return circuit if view_of(circuit) != before else None


def parse_ahead(fields: list[bytes]) -> Ahead:
    """Reads an entry as XREAD returns it."""
    return Ahead(fields[1].decode(), fields[3], parse_carried(fields[4:]))


def tell_call(shard: ShardKeys, agent: AgentKeys) -> tuple[str, list[str], list[Argument]]:
    """The call of the function `tell`."""
    return "tell", [agent.circuit, agent.events, shard.ahead], [agent.name, MOST_EVENTS]
