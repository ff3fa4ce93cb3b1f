"""Where the kept log of an agent begins: the circuit and counts that its trimmed entries came to.

It is written in the same step as a trim, so the fold from the origin over what is kept is what the
fold of the whole log was.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Struct, field

from fuseline.core.circuit import Circuit
from fuseline.core.errors import BackendError
from fuseline.core.fold import initial
from fuseline.core.what_if.shadow import Shadow
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.wire import Command, Wire
from fuseline.projections.codec import decode_circuit, encode_circuit
from fuseline.projections.shadow_codec import decode_shadow, encode_shadow
from fuseline.projections.tally import UNITS, Tally, decode_tally, encode_tally

_FIELDS = ("at", "blob", "tally", "trimmed", "begun", "cuts", "history", "shadow")
_cuts = msgspec.msgpack.Decoder(list[int])


class Origin(Struct):
    """The start of an agent's kept log; that of an untrimmed one is where all circuits begin.

    Attributes:
        at: id of the last entry that was taken off; "" if none was.
        circuit: folded up to there. Who folds on takes a copy.
        tally: counted up to there.
        trimmed: entries taken off so far.
        begun_ms: time of the first entry there ever was; 0: not known, nothing was trimmed.
        cuts: for each of `UNITS` the time before which its counts were deleted.
        history_ms: time before which the history was deleted.
        shadow: that stood beside the circuit.
    """

    at: str = ""
    circuit: Circuit = field(default_factory=initial)
    tally: Tally = field(default_factory=Tally)
    trimmed: int = 0
    begun_ms: int = 0
    cuts: list[int] = field(default_factory=lambda: [0] * len(UNITS))
    history_ms: int = 0
    shadow: Shadow | None = None

    @property
    def position(self) -> tuple[int, int]:
        """The last entry that was taken off, as numbers that compare."""
        return parse_id(self.at or "0-0")

    def fields(self) -> list[str | bytes | int]:
        """Fields and values as they are stored; what is counted by the server is left out."""
        return [
            "at", self.at,
            "blob", encode_circuit(self.circuit),
            "tally", encode_tally(self.tally),
            "begun", self.begun_ms,
            "cuts", msgspec.msgpack.encode(self.cuts),
            "shadow", encode_shadow(self.shadow),
        ]  # fmt: skip


def origin_command(agent: AgentKeys) -> Command:
    """The command whose reply `decode_origin` takes."""
    return ("HMGET", agent.origin, *_FIELDS)


def decode_origin(reply: list[Any]) -> Origin:
    """Reads an origin.

    Raises:
        BackendError: it cannot be read.
    """
    try:
        return _origin(*reply)
    except (msgspec.MsgspecError, ValueError) as error:
        raise BackendError(
            f"the origin of a trimmed log cannot be read ({error}); without it nobody can say what "
            "its trimmed entries came to: import a backup of the agent"
        ) from error


def _origin(
    at: bytes | None,
    blob: bytes | None,
    tally: bytes | None,
    trimmed: bytes | None,
    begun: bytes | None,
    cuts: bytes | None,
    history: bytes | None,
    shadow: bytes | None,
) -> Origin:
    origin = Origin(
        trimmed=int(trimmed or 0), begun_ms=int(begun or 0), history_ms=int(history or 0)
    )
    if blob is not None and at is not None:
        origin.at = at.decode()
        parse_id(origin.at)
        origin.circuit = decode_circuit(blob)
        origin.tally = decode_tally(tally) or Tally.beginning_at(origin.circuit.position)
        origin.shadow = decode_shadow(shadow)
    if cuts is not None:
        origin.cuts = _cuts.decode(cuts)
    return origin


async def load_origin(backend: Backend, agent: AgentKeys, wire: Wire | None = None) -> Origin:
    """Where an agent's kept log begins.

    Raises:
        WrongKeyTypeError: the key is no hash.
        BackendError: the origin cannot be read.
    """
    return decode_origin(await (wire or backend.wire).call(*origin_command(agent)))
