"""Where to begin folding for a range: the nearest moment at which the circuit is wholly known.

A transition to CLOSED is one: the window is empty then, and the history tells the rest, but for
what an adaptive breaker has learned. Where the kept log begins is another, and so are the ends of
archived segments.
"""

from __future__ import annotations

from msgspec import Struct

from fuseline.core.circuit import (
    Cause,
    Circuit,
    CircuitState,
    ConfigApplied,
    ModeChanged,
    Rebuilt,
    Transition,
)
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.fold import initial
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.older import MAX_SEQ
from fuseline.events.streams import older_begin
from fuseline.projections.contributions import window_reach_ms
from fuseline.projections.explain import config_of
from fuseline.projections.history import changes, last_change
from fuseline.projections.origin import load_origin
from fuseline.projections.replay import incomplete_start, log_info
from fuseline.projections.timeline import Item, Position

_MOST_READ = 20_000


class Start(Struct, frozen=True):
    """Where folding begins.

    Attributes:
        circuit: before the first entry that is read.
        start_id: of that entry, as XRANGE takes it.
        since_ms: from when on the figures are right; later than asked for if the log has lost
            what they would need.
        exact: whether everything is known of the circuit; if not, its window began before the log
            that is kept, and folding may come to something else than what happened.
    """

    circuit: Circuit
    start_id: str
    since_ms: int
    exact: bool = True


async def find_start(
    backend: Backend, agent: AgentKeys, since_ms: int, *, exact: bool = False
) -> Start:
    """The nearest start that is right for a range which begins at `since_ms`.

    Args:
        backend: the namespace.
        agent: whose log.
        since_ms: where the range begins.
        exact: only a start of which everything is known.

    Raises:
        WrongKeyTypeError: a key is not what it should be.
        BackendUnavailableError: the server does not answer.
    """
    info = await log_info(backend, agent)
    first = parse_id(info.first_id or "0-0")
    begin = await older_begin(backend, agent)
    if begin is not None:
        first = (begin[0], begin[1] + 1)
    known = await _look_back(backend, agent, since_ms, first)
    if known is not None:
        return Start(known, f"({known.checkpoint}", since_ms)
    if begin is not None and backend.older is not None:
        stored = await backend.older.circuit(agent, (since_ms - 1, MAX_SEQ))
        if stored is not None:
            return Start(stored, f"({stored.checkpoint}", since_ms)
    if not info.missing:
        origin = await load_origin(backend, agent)
        if not origin.at or begin == (0, 0):
            return Start(initial(), "-", since_ms)
        if begin is not None and (known := await _look_forward(backend, agent, first)) is not None:
            return Start(known, f"({known.checkpoint}", max(since_ms, known.last_ms + 1))
        begin_ms = origin.position[0] + 1
        return Start(origin.circuit.copy(), f"({origin.at}", max(since_ms, begin_ms))
    circuit = None if exact else await _at_first(backend, agent, first)
    if circuit is not None:
        # The window is right once everything it would have held is of entries that are kept.
        reach_ms = first[0] + window_reach_ms(circuit.config)
        return Start(circuit, "-", max(since_ms, reach_ms), exact=False)
    known = await _look_forward(backend, agent, first)
    if known is not None:
        return Start(known, f"({known.checkpoint}", max(since_ms, known.last_ms + 1))
    last_ms = parse_id(info.last_id or "0-0")[0]
    start = await incomplete_start(backend, agent)
    return Start(start, f"({info.last_id}", max(since_ms, last_ms + 1))


async def find_begun(backend: Backend, agent: AgentKeys) -> int | None:
    """When the first entry of an agent's log was written, ms since 1970; None: nobody knows.

    Raises:
        WrongKeyTypeError: a key is not what it should be.
        BackendUnavailableError: the server does not answer.
    """
    # In this order: what a trim in between takes off is then told by the origin.
    info = await log_info(backend, agent)
    origin = await load_origin(backend, agent)
    if origin.at or origin.begun_ms:
        return origin.begun_ms or None
    if info.missing or not info.first_id:
        return None
    return parse_id(info.first_id)[0]


async def _look_back(
    backend: Backend, agent: AgentKeys, since_ms: int, first: tuple[int, int]
) -> Circuit | None:
    """The circuit at the last closing before a time whose event the log still has."""
    closing: Item | None = None
    beside = _Beside()
    read = 0
    top = await last_change(backend, agent, since_ms - 1)
    async for _, item in changes(backend, agent, (0, 0), top, newest_first=True):
        change = item.content
        read += 1
        if isinstance(change, Rebuilt) or read > _MOST_READ:
            return None  # what was written before may be repeated
        if closing is None:
            if _is_closing(change) and item.at_ms < since_ms:
                if parse_id(item.content.event_id) < first:  # type: ignore[union-attr]
                    return None
                closing = item
                continue
            continue
        if beside.take(item, closing.position):
            break
    if closing is None or closing.content.revision != beside.revision:  # type: ignore[union-attr]
        return None  # the settings of that time are not in the history any more
    if beside.config is not None and beside.config.adaptive:
        return None  # what it had learned by then is in no history
    return beside.circuit(closing)


async def _look_forward(
    backend: Backend, agent: AgentKeys, first: tuple[int, int]
) -> Circuit | None:
    """The circuit at the first closing whose event the log still has."""
    top = await last_change(backend, agent, None)
    begin = (max(0, first[0] - 1), 0)
    async for _, item in changes(backend, agent, begin, top, newest_first=False):
        if _is_closing(item.content) and parse_id(item.content.event_id) >= first:  # type: ignore[union-attr]
            return await _look_back(backend, agent, item.at_ms + 1, first)
    return None


async def _at_first(backend: Backend, agent: AgentKeys, first: tuple[int, int]) -> Circuit | None:
    """The circuit before the first entry kept, if it was CLOSED; its window is not known."""
    beside = _Beside()
    last: Transition | None = None
    top = await last_change(backend, agent, first[0])
    position = (*first, -1)
    async for _, item in changes(backend, agent, (0, 0), top, newest_first=True):
        if isinstance(item.content, Rebuilt):
            return None
        if item.position > position:
            continue
        if isinstance(item.content, Transition) and last is None:
            last = item.content
            if last.to_state is not CircuitState.CLOSED or last.cause is Cause.REMOVED:
                return None
        beside.take(item, position)
        if last is not None and beside.whole:
            break
    start = await incomplete_start(backend, agent)
    circuit = initial(beside.config or start.config, beside.revision or start.revision)
    beside.put_mode(circuit)
    if last is not None:
        circuit.epoch, circuit.since_ms, circuit.cause = last.epoch, last.at_ms, last.cause.value
    return circuit


def _is_closing(change: object) -> bool:
    return (
        isinstance(change, Transition)
        and change.to_state is CircuitState.CLOSED
        and change.cause is not Cause.REMOVED
    )


class _Beside:
    """Settings and mode at a moment, from the history before it, newest first."""

    def __init__(self) -> None:
        self.config: CircuitBreakerConfig | None = None
        self.revision = 0
        self._mode: ModeChanged | None = None

    @property
    def whole(self) -> bool:
        """Whether nothing more has to be read."""
        return self.config is not None and self._mode is not None

    def take(self, item: Item, position: Position) -> bool:
        """Takes an item that is not after a position; whether all is known."""
        change = item.content
        if item.position > position:
            return False
        if isinstance(change, ConfigApplied) and self.config is None:
            self.config, self.revision = config_of(change), change.revision
        elif isinstance(change, ModeChanged) and self._mode is None:
            self._mode = change
        return self.whole

    def circuit(self, closing: Item) -> Circuit:
        """The circuit right after a closing."""
        change = closing.content
        assert isinstance(change, Transition)
        circuit = initial(self.config, self.revision)
        circuit.last_ms, circuit.last_seq = parse_id(change.event_id)
        circuit.epoch, circuit.since_ms = change.epoch, change.at_ms
        circuit.cause = change.cause.value
        self.put_mode(circuit)
        return circuit

    def put_mode(self, circuit: Circuit) -> None:
        """Gives a circuit the mode that was in force."""
        if self._mode is not None:
            circuit.mode, circuit.mode_until_ms = self._mode.mode, self._mode.until_ms
        circuit.derive()
