"""Folding an agent's log again from the start of what is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct, field
from redis.exceptions import ResponseError

from fuseline.core.circuit import Circuit
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Outcome
from fuseline.core.fold import advance, fold_in_place, initial
from fuseline.events.agents import read_agent
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.log import Entry, read_all
from fuseline.events.wire import Wire, translate
from fuseline.projections.tally import Rollups, Tally

OnEvents = Callable[[int], None]
"""Called with the number of events folded since the last time; for progress bars."""

_SAMPLES = 5


class LogInfo(Struct, frozen=True):
    """What the server says of an agent's log.

    Attributes:
        length: entries that are kept.
        missing: entries that were there once and are not any more.
        first_id: id of the first entry kept; "" without one.
        last_id: id of the last entry kept; "" without one.
    """

    length: int = 0
    missing: int = 0
    first_id: str = ""
    last_id: str = ""


def counting_anew(info: LogInfo) -> Tally:
    """The tally to fold a log with from its start; what it has lost cannot be counted again."""
    return Tally(parse_id(info.first_id)[0] if info.missing and info.first_id else -1)


class Replay(Struct):
    """A circuit folded from the start of the log.

    Attributes:
        events: entries folded.
        outcomes: how many of them were outcomes of calls.
        duplicates: outcomes that carry a (worker, sequence number) the log had before.
        duplicate_ids: ids of the first few of them.
        tally: the counts beside the circuit; None if nobody wants them.
        rollups: the units closed so far.
    """

    circuit: Circuit
    tally: Tally | None = None
    rollups: Rollups = field(default_factory=dict)
    events: int = 0
    outcomes: int = 0
    duplicates: int = 0
    duplicate_ids: list[str] = field(default_factory=list)
    last_sequence: dict[int, int] = field(default_factory=dict)

    def take(self, entries: list[Entry]) -> None:
        """Folds the next entries."""
        fold_in_place(self.circuit, entries)
        if self.tally is not None:
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
    (reply,) = await (wire or backend.wire).call_many([("XINFO", "STREAM", agent.events)])
    if isinstance(reply, Exception):
        if isinstance(reply, ResponseError) and "no such key" in str(reply).lower():
            return LogInfo()
        raise translate(reply) from reply
    values = _pairs(reply)
    length = int(values.get("length", 0))
    first, last = values.get("first-entry"), values.get("last-entry")
    return LogInfo(
        length=length,
        missing=max(0, int(values.get("entries-added", length)) - length),
        first_id=first[0].decode() if first else "",
        last_id=last[0].decode() if last else "",
    )


async def refold(
    backend: Backend,
    agent: AgentKeys,
    end: str = "+",
    *,
    start: Circuit | None = None,
    tally: Tally | None = None,
    on_events: OnEvents | None = None,
    wire: Wire | None = None,
) -> Replay:
    """Folds the log from its first entry to the id `end`, both included.

    Args:
        backend: the namespace.
        agent: whose log.
        end: last id to fold; "+" for all there is now.
        start: the circuit before the first entry; by default the initial one.
        tally: counts the entries too, if given.
        on_events: told of progress.
        wire: connection to use.
    """
    replay = Replay(start or initial(), tally)
    await refold_more(backend, agent, replay, "-", end, on_events=on_events, wire=wire)
    return replay


async def refold_more(
    backend: Backend,
    agent: AgentKeys,
    replay: Replay,
    start: str,
    end: str = "+",
    *,
    on_events: OnEvents | None = None,
    wire: Wire | None = None,
) -> None:
    """Folds further entries, from the id `start` on ("(id" excludes it)."""
    async for page in read_all(backend, agent, start, end, wire=wire):
        replay.take(page)
        if on_events is not None:
            on_events(len(page))


class StateAt(Struct, frozen=True):
    """A circuit as it was at a moment.

    Attributes:
        circuit: with the figures of the window at `at_ms`.
        at_ms: the moment, in ms of Redis's clock.
        events: entries folded to get there.
        missing: entries the log no longer has; above 0 the answer is a guess from the rest.
    """

    agent: str
    circuit: Circuit
    at_ms: int
    events: int
    missing: int


async def state_at(
    backend: Backend, name: str, at_ms: int, on_events: OnEvents | None = None
) -> StateAt:
    """The circuit at a moment: the log folded up to it, then what time alone had decided by then.

    Raises:
        ConfigError: the agent's name is not allowed.
        WrongKeyTypeError: a key is not what it should be.
    """
    agent = backend.keys.agent(name)
    info = await log_info(backend, agent)
    start = await incomplete_start(backend, agent) if info.missing else None
    replay = await refold(backend, agent, str(at_ms), start=start, on_events=on_events)
    circuit, _ = advance(replay.circuit, at_ms)
    return StateAt(name, circuit.at(at_ms), at_ms, replay.events, info.missing)


async def incomplete_start(backend: Backend, agent: AgentKeys, wire: Wire | None = None) -> Circuit:
    """Where to begin when the log has lost its beginning: with the settings of the registry."""
    record = await read_agent(backend, agent.name, wire)
    if record is None:
        return initial(CircuitBreakerConfig())
    return initial(record.config, record.revision)


def id_after(one: str, other: str) -> bool:
    """Whether a stream id comes after another; "" comes before all."""
    return parse_id(one or "0-0") > parse_id(other or "0-0")


def _pairs(flat: list[Any]) -> dict[str, Any]:
    return {flat[n].decode(): flat[n + 1] for n in range(0, len(flat), 2)}
