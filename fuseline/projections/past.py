"""A circuit as it was at a moment: folded from the kept log, or as the history tells."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from fuseline.core.circuit import Circuit, CircuitState, ConfigApplied, ModeChanged, Transition
from fuseline.core.fold import advance, initial
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.older import MAX_SEQ
from fuseline.events.streams import older_begin
from fuseline.projections.explain import config_of
from fuseline.projections.history import changes, last_change
from fuseline.projections.origin import load_origin
from fuseline.projections.replay import OnEvents, log_info, refold
from fuseline.projections.store import fold_rest

_MOST_READ = 20_000


class StateAt(Struct, frozen=True):
    """A circuit as it was at a moment.

    Attributes:
        circuit: with the figures of the window at `at_ms`.
        at_ms: the moment, in ms of Redis's clock.
        events: entries folded to get there.
        missing: entries that the answer lacks because they are not kept any more; above 0 it is
            what the rest tells.
        trimmed_before_ms: of moments before it only the history tells, so state, mode and settings
            without figures; None: nothing was trimmed.
    """

    agent: str
    circuit: Circuit
    at_ms: int
    events: int
    missing: int
    trimmed_before_ms: int | None = None

    @property
    def from_history(self) -> bool:
        """Whether the figures of this moment are not kept any more."""
        return self.trimmed_before_ms is not None and self.at_ms < self.trimmed_before_ms


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
    origin = await load_origin(backend, agent)
    if origin.trimmed and at_ms < origin.position[0]:
        known = await _known_before(backend, agent, at_ms)
        if known is not None:
            return await _folded(backend, agent, known, at_ms, info.missing, on_events)
        circuit, _ = advance(await _told(backend, agent, at_ms), at_ms)
        missing = info.missing + origin.trimmed
        return StateAt(name, circuit, at_ms, 0, missing, origin.position[0])
    replay = await refold(
        backend, agent, str(at_ms), incomplete=info.missing > 0, on_events=on_events
    )
    trimmed_ms = replay.origin.position[0] if replay.origin.trimmed else None
    if trimmed_ms is not None and trimmed_ms > at_ms:  # while this was folding
        return await state_at(backend, name, at_ms, on_events)
    circuit, _ = advance(replay.circuit, at_ms)
    return StateAt(name, circuit.at(at_ms), at_ms, replay.events, info.missing, trimmed_ms)


async def _known_before(backend: Backend, agent: AgentKeys, at_ms: int) -> Circuit | None:
    """A circuit from which a trimmed moment can be folded; None: only the history tells of it."""
    begin = await older_begin(backend, agent)
    if begin is None or backend.older is None:
        return None
    circuit = await backend.older.circuit(agent, (at_ms, MAX_SEQ))
    return initial() if circuit is None and begin == (0, 0) else circuit


async def _folded(
    backend: Backend,
    agent: AgentKeys,
    circuit: Circuit,
    at_ms: int,
    missing: int,
    on_events: OnEvents | None,
) -> StateAt:
    """From a circuit before the moment, over trimmed entries too."""
    events = await fold_rest(backend, agent, circuit, str(at_ms), on_events)
    circuit, _ = advance(circuit, at_ms)
    return StateAt(agent.name, circuit.at(at_ms), at_ms, events, missing)


async def _told(backend: Backend, agent: AgentKeys, at_ms: int) -> Circuit:
    """State, mode and settings by the history, the window empty."""
    top = await last_change(backend, agent, at_ms)
    transition: Transition | None = None
    mode: ModeChanged | None = None
    applied: ConfigApplied | None = None
    read = 0
    async for _, item in changes(backend, agent, (0, 0), top, newest_first=True):
        read += 1
        change = item.content
        if isinstance(change, Transition):
            transition = transition or change
        elif isinstance(change, ModeChanged):
            mode = mode or change
        elif isinstance(change, ConfigApplied):
            applied = applied or change
        if (transition and mode and applied) or read == _MOST_READ:
            break
    config = config_of(applied) if applied is not None else None
    circuit = initial(config, applied.revision if applied is not None else 0)
    if transition is not None:
        circuit.state = transition.to_state
        circuit.epoch = transition.epoch
        circuit.since_ms = transition.at_ms
        circuit.cause = transition.cause
        if transition.to_state is CircuitState.OPEN:
            circuit.open_until_ms = transition.open_until_ms
    if mode is not None:
        circuit.mode, circuit.mode_until_ms = mode.mode, mode.until_ms
    # The deadlines follow from what was set.
    return msgspec.structs.replace(circuit)
