"""The projection in Redis: reading circuits, and the arguments of a commit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing

import msgspec

from fuseline.core.circuit import Change, Circuit, CircuitState
from fuseline.core.fold import fold_in_place
from fuseline.core.foresight import decisive_outcomes
from fuseline.core.what_if.shadow import Shadow
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys, ShardKeys
from fuseline.events.log import read_all
from fuseline.events.wire import Wire, translate
from fuseline.projections.codec import decode_circuit, encode_change, encode_circuit
from fuseline.projections.shadow_codec import decode_shadow
from fuseline.projections.tally import Tally, decode_tally, encode_tally
from fuseline.telemetry.logs import get_logger

FEED_LENGTH = 10_000
"""Entries a shard's feed keeps; a worker that has missed more loads its circuits again."""

_log = get_logger("projector")

Argument = str | bytes | int | float


class Commit(msgspec.Struct):
    """A circuit folded further, to be stored if it still stands at `base`."""

    agent: AgentKeys
    base: str  # the checkpoint it was folded from; "" if there was no projection
    circuit: Circuit
    changes: list[Change]
    view_changed: bool
    anew: bool = False  # folded from the start of the log: readers must take it as it is
    tally: Tally | None = None  # what is counted up to the circuit's checkpoint
    rollups: list[tuple[str, bytes]] = []  # of the units that the new entries have closed
    stale: list[str] = []  # units stored before that the log does not have
    events: int = 0  # that were folded
    since_ms: int = 0  # effective time of the last transition before
    shadow: bytes | None = None  # as it stands now; empty: none any more; None: as before
    traces: list[bytes] = []  # of the calls among the events, while anything is traced

    def arguments(self) -> list[Argument]:
        """As the function `commit` takes them."""
        circuit = self.circuit
        arguments: list[Argument] = [
            self.agent.name,
            self.base,
            circuit.checkpoint,
            encode_circuit(circuit),
        ]
        fields: tuple[Argument, ...] = ()
        if self.view_changed or not self.base or self.anew:
            fields = (
                "state", circuit.state.value,
                "epoch", circuit.epoch,
                "open_until", circuit.open_until_ms,
                "limit", circuit.config.half_open_max_calls,
            )  # fmt: skip
        fields += ("near", decisive_outcomes(circuit))
        if self.tally is not None:
            fields += ("tally", encode_tally(self.tally))
        if self.shadow is not None:
            fields += ("shadow", self.shadow)
        arguments.append(len(fields))
        arguments += fields
        arguments.append(len(self.changes))
        arguments += map(encode_change, self.changes)
        arguments.append("2" if self.anew else "1" if self.view_changed else "0")
        if circuit.state is CircuitState.HALF_OPEN:
            places = probe_members(circuit)
            arguments.append(len(places))
            for member, deadline in places:
                arguments += (member, deadline)
        else:
            arguments.append(0 if self.view_changed or self.anew else -1)
        arguments.append(len(self.rollups) + len(self.stale))
        for rollup in self.rollups:
            arguments += rollup
        for unit in self.stale:
            arguments += (unit, "")
        return arguments


def probe_member(epoch: int, permit: str) -> str:
    """How a permit stands in the set of probes."""
    return f"{epoch}|{permit}"


def probe_members(circuit: Circuit) -> list[tuple[str, int | str]]:
    """The places taken in a HALF_OPEN round: probes out by deadline, spent ones for ever."""
    places: list[tuple[str, int | str]] = [
        (probe_member(circuit.epoch, permit), deadline)
        for permit, deadline in circuit.probes.items()
    ]
    places += [
        (probe_member(circuit.epoch, f"spent-{n}"), "inf") for n in range(circuit.probe_successes)
    ]
    return places


def commit_call(
    shard: ShardKeys, token: int, commits: Sequence[Commit]
) -> tuple[str, list[str], list[Argument]]:
    """The call that stores circuits of one shard."""
    keys = [shard.lease, shard.dirty, shard.feed]
    arguments: list[Argument] = [token, FEED_LENGTH]
    for commit in commits:
        agent = commit.agent
        keys += (agent.circuit, agent.history, agent.events, agent.probes, agent.counts)
        arguments += commit.arguments()
    return "store", keys, arguments


async def load_circuits(
    backend: Backend, agents: Sequence[AgentKeys], wire: Wire | None = None
) -> list[Circuit | None]:
    """The projections of agents; None where there is none yet.

    Raises:
        WrongKeyTypeError: a key is not what it should be.
        BackendError: a projection cannot be read.
    """
    wire = wire or backend.wire
    replies = await wire.call_many([("HGET", agent.circuit, "blob") for agent in agents])
    circuits: list[Circuit | None] = []
    for reply in replies:
        if isinstance(reply, Exception):
            raise translate(reply) from reply
        circuits.append(None if reply is None else decode_circuit(reply))
    return circuits


async def load_counted(
    backend: Backend, agents: Sequence[AgentKeys], wire: Wire | None = None
) -> list[tuple[Circuit, Tally, Shadow | None] | None]:
    """The projections of agents with what stands beside them; None where there is none yet.

    A projection that was never counted, or was folded on by a release that does not count, gets
    a tally that begins where it stands; so does a shadow that another release left behind.

    Raises:
        WrongKeyTypeError: a key is not what it should be.
        BackendError: a projection cannot be read.
    """
    wire = wire or backend.wire
    replies = await wire.call_many(
        [("HMGET", agent.circuit, "blob", "tally", "shadow") for agent in agents]
    )
    found: list[tuple[Circuit, Tally, Shadow | None] | None] = []
    for reply in replies:
        if isinstance(reply, Exception):
            raise translate(reply) from reply
        blob, raw, raw_shadow = reply
        if blob is None:
            found.append(None)
            continue
        circuit, tally = decode_circuit(blob), decode_tally(raw)
        if tally is None or tally.position != circuit.position:
            tally = Tally.beginning_at(circuit.position)
        found.append((circuit, tally, shadow_beside(circuit, raw_shadow)))
    return found


def shadow_beside(circuit: Circuit, raw: bytes | None) -> Shadow | None:
    """The shadow that is stored beside a circuit; begun again where it does not fit it.

    Raises:
        BackendError: it cannot be read.
    """
    shadow = decode_shadow(raw)
    if shadow is None or shadow.recorded.circuit.position == circuit.position:
        return shadow
    _log.warning("shadow_begun_again", was=shadow.recorded.circuit.checkpoint)
    return Shadow.begin(circuit, shadow.patch, shadow.since)[0]


async def fold_rest(
    backend: Backend,
    agent: AgentKeys,
    circuit: Circuit,
    end: str = "+",
    on_events: Callable[[int], None] | None = None,
) -> int:
    """Folds into a circuit, in place, what the log has beyond it; returns how many events.

    Args:
        backend: the namespace.
        agent: whose circuit.
        circuit: it is changed.
        end: id of the last entry to fold.
        on_events: told of progress.

    Raises:
        BackendError: the log cannot be read.
    """
    events = 0
    async with aclosing(read_all(backend, agent, f"({circuit.checkpoint}", end)) as pages:
        async for page in pages:
            fold_in_place(circuit, page)
            events += len(page)
            if on_events is not None:
                on_events(len(page))
    return events
