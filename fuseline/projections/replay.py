"""Folding an agent's log again from the start of what is kept.

A trim may overtake a slow fold. Each page is read together with the id up to which the log is
trimmed by then; where that has passed what was folded, folding begins again at the new origin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct, field
from redis.exceptions import ResponseError

from fuseline.core.circuit import Circuit
from fuseline.core.errors import BackendError
from fuseline.core.events import Outcome
from fuseline.core.fold import fold_in_place, initial
from fuseline.core.what_if.shadow import Shadow
from fuseline.events.agents import read_agent
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.log import Entry, parse_entries
from fuseline.events.wire import Wire, translate
from fuseline.projections.origin import Origin, load_origin
from fuseline.projections.shadow_codec import copied, fold_beside
from fuseline.projections.tally import Reach, Rollups, Tally

OnEvents = Callable[[int], None]
"""Called with the number of events folded since the last time; for progress bars."""

_SAMPLES = 5
_PAGE = 5000


class OvertakenError(BackendError):
    """Entries that were still to be folded have been trimmed meanwhile."""


class LogInfo(Struct, frozen=True):
    """What the server says of an agent's log.

    Attributes:
        length: entries that are kept.
        missing: entries that were lost: they are not there any more, and were not trimmed.
        trimmed: entries that retention has taken off.
        first_id: id of the first entry kept; "" without one.
        last_id: id of the last entry kept; "" without one.
    """

    length: int = 0
    missing: int = 0
    trimmed: int = 0
    first_id: str = ""
    last_id: str = ""


class Replay(Struct):
    """A circuit folded from the start of the log.

    Attributes:
        origin: what it was folded from.
        reach: which units are counted whole.
        events: entries folded.
        outcomes: how many of them were outcomes of calls.
        duplicates: outcomes that carry a (worker, sequence number) the log had before.
        duplicate_ids: ids of the first few of them.
        tally: the counts beside the circuit; None if nobody wants them.
        rollups: the units closed so far.
        shadow: that stands beside the circuit.
    """

    origin: Origin
    circuit: Circuit
    tally: Tally
    reach: Reach
    rollups: Rollups = field(default_factory=dict)
    events: int = 0
    outcomes: int = 0
    duplicates: int = 0
    duplicate_ids: list[str] = field(default_factory=list)
    shadow: Shadow | None = None
    last_sequence: dict[int, int] = field(default_factory=dict)

    @classmethod
    def beginning(cls, origin: Origin) -> Replay:
        """Nothing folded yet."""
        tally = origin.tally.copy()
        shadow = origin.shadow and copied(origin.shadow)
        return cls(origin, origin.circuit.copy(), tally, tally.reach, shadow=shadow)

    def take(self, entries: list[Entry]) -> None:
        """Folds the next entries."""
        self.shadow = fold_beside(self.shadow, self.circuit, entries)
        fold_in_place(self.circuit, entries)
        self.rollups.update(self.tally.take(entries))
        self.events += len(entries)
        self._count(entries)

    def _count(self, entries: Iterable[Entry]) -> None:
        # A producer's sequence numbers grow, so one that does not has been there before.
        last = self.last_sequence
        for ms, seq, event in entries:
            if type(event) is not Outcome:
                continue
            self.outcomes += 1
            if not event.seq:
                continue
            if event.seq <= last.get(event.worker, 0):
                self.duplicates += 1
                if len(self.duplicate_ids) < _SAMPLES:
                    self.duplicate_ids.append(f"{ms}-{seq}")
            else:
                last[event.worker] = event.seq


async def log_info(backend: Backend, agent: AgentKeys, wire: Wire | None = None) -> LogInfo:
    """Length and losses of an agent's log.

    Raises:
        WrongKeyTypeError: the key is no stream.
        BackendUnavailableError: the server does not answer.
    """
    # In this order: a trim in between must not look like a loss.
    reply, trimmed = await (wire or backend.wire).call_many(
        [("XINFO", "STREAM", agent.events), ("HGET", agent.origin, "trimmed")]
    )
    if isinstance(trimmed, Exception):
        raise translate(trimmed) from trimmed
    off = int(trimmed) if trimmed and trimmed.isdigit() else 0  # `load_origin` tells what is not
    if isinstance(reply, Exception):
        if isinstance(reply, ResponseError) and "no such key" in str(reply).lower():
            return LogInfo(trimmed=off)
        raise translate(reply) from reply
    return info_of(reply, off)


def info_of(reply: list[Any], trimmed: int) -> LogInfo:
    """What XINFO STREAM says of a log of which entries were trimmed."""
    values = {reply[n].decode(): reply[n + 1] for n in range(0, len(reply), 2)}
    length = int(values.get("length", 0))
    first, last = values.get("first-entry"), values.get("last-entry")
    return LogInfo(
        length=length,
        missing=max(0, int(values.get("entries-added", length)) - length - trimmed),
        trimmed=trimmed,
        first_id=first[0].decode() if first else "",
        last_id=last[0].decode() if last else "",
    )


async def refold(
    backend: Backend,
    agent: AgentKeys,
    end: str = "+",
    *,
    incomplete: bool = False,
    on_events: OnEvents | None = None,
    wire: Wire | None = None,
) -> Replay:
    """Folds the log from where it begins to the id `end`, included.

    Args:
        backend: the namespace.
        agent: whose log.
        end: last id to fold; "+" for all there is now.
        incomplete: if the log has lost entries and has no origin, begin with the settings of the
            registry.
        on_events: told of progress.
        wire: connection to use.

    Raises:
        BackendError: the log or its origin cannot be read.
    """
    while True:
        origin = await _begin(backend, agent, wire, incomplete=incomplete)
        replay = Replay.beginning(origin)
        try:
            await refold_more(backend, agent, replay, end, on_events=on_events, wire=wire)
        except OvertakenError:
            continue
        return replay


async def refold_more(
    backend: Backend,
    agent: AgentKeys,
    replay: Replay,
    end: str = "+",
    *,
    on_events: OnEvents | None = None,
    wire: Wire | None = None,
) -> None:
    """Folds the entries beyond what is folded.

    Raises:
        OvertakenError: some of them were trimmed meanwhile.
        BackendError: the log cannot be read.
    """
    wire = wire or backend.wire
    while True:
        raw, trimmed_to = await wire.call_many(
            [
                ("XRANGE", agent.events, f"({replay.circuit.checkpoint}", end, "COUNT", _PAGE),
                ("HGET", agent.origin, "at"),
            ]
        )
        for reply in (raw, trimmed_to):
            if isinstance(reply, Exception):
                raise translate(reply) from reply
        if trimmed_to and id_after(trimmed_to.decode(), replay.circuit.checkpoint):
            raise OvertakenError(f"the log of {agent.name!r} was trimmed meanwhile; run it again")
        page = parse_entries(raw)
        replay.take(page)
        if on_events is not None:
            on_events(len(page))
        if len(page) < _PAGE:
            return


async def _begin(
    backend: Backend, agent: AgentKeys, wire: Wire | None, *, incomplete: bool
) -> Origin:
    origin = await load_origin(backend, agent, wire)
    if origin.at:
        return origin
    info = await log_info(backend, agent, wire)
    if not info.missing:
        return origin
    circuit = await incomplete_start(backend, agent, wire) if incomplete else initial()
    # What is lost cannot be counted again.
    first_ms = parse_id(info.first_id)[0] if info.first_id else -1
    return Origin(circuit=circuit, tally=Tally(first_ms), begun_ms=max(0, first_ms))


async def incomplete_start(backend: Backend, agent: AgentKeys, wire: Wire | None = None) -> Circuit:
    """Where to begin with a log that has lost its start: the settings of the registry.

    Raises:
        BackendError: the registry cannot be read.
    """
    record = await read_agent(backend, agent.name, wire)
    return initial() if record is None else initial(record.config, record.revision)


def id_after(one: str, other: str) -> bool:
    """Whether a stream id comes after another; "" comes before all."""
    return parse_id(one or "0-0") > parse_id(other or "0-0")
