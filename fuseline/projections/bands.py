"""The states a circuit was in over a span of time, for the background of a timeline."""

from __future__ import annotations

from msgspec import Struct

from fuseline.core.circuit import CircuitState, ModeChanged, Transition
from fuseline.core.errors import ConfigError
from fuseline.core.events import Mode
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.streams import older_begin
from fuseline.projections.buckets import check_range
from fuseline.projections.history import changes, last_change
from fuseline.projections.origin import load_origin

MAX_BANDS = 5000
_MOST_READ = 20_000


class Band(Struct, frozen=True):
    """A stretch of time in which state and mode stayed the same."""

    state: CircuitState
    mode: Mode
    from_ms: int
    to_ms: int


class Bands(Struct, frozen=True):
    """The bands of a span of time, in order.

    Attributes:
        bands: without gaps; what is to come looks as it does now.
        truncated: there were more; the newest are here, and they begin after the range does.
    """

    bands: list[Band]
    truncated: bool


async def bands(
    backend: Backend, name: str, since_ms: int, until_ms: int, limit: int = 1000
) -> Bands:
    """The states and modes from `since_ms` to `until_ms`; neighbours differ.

    Raises:
        ConfigError: a range or limit that is not allowed.
        WrongKeyTypeError: the history is no stream.
        BackendUnavailableError: the server does not answer.
    """
    check_range(since_ms, until_ms)
    _check_limit(limit)
    agent = backend.keys.agent(name)
    top = await last_change(backend, agent, until_ms - 1)
    found: list[Transition | ModeChanged] = []
    state: CircuitState | None = None  # at the start of the range
    mode: Mode | None = None
    truncated = False
    read = 0
    async for _, item in changes(backend, agent, (0, 0), top, newest_first=True):
        read += 1
        change = item.content
        if isinstance(change, Transition):
            if state is None:
                if change.at_ms <= since_ms:
                    state = change.to_state
                elif len(found) < limit:
                    found.append(change)
                else:
                    state, truncated = change.to_state, True
        elif isinstance(change, ModeChanged) and mode is None:
            if change.at_ms <= since_ms or truncated:
                mode = change.mode
            elif len(found) < limit:
                found.append(change)
            else:
                mode, truncated = change.mode, True
        if state is not None and mode is not None:
            break
        if read == _MOST_READ:
            truncated = True
            break
    found.reverse()
    start_ms = found[0].at_ms if truncated and found else since_ms
    if None in (state, mode):
        # The history was read to its end; what was before that may have been trimmed.
        start_ms = max(start_ms, await _kept_ms(backend, agent, until_ms))
        truncated |= start_ms > since_ms
    first = (state or _before(found), Mode.AUTO if mode is None else mode)
    return Bands(_joined(found, first, start_ms, until_ms), truncated)


def _check_limit(limit: int) -> None:
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MAX_BANDS:
        raise ConfigError("limit", limit, f"a whole number from 1 to {MAX_BANDS}")


async def _kept_ms(backend: Backend, agent: AgentKeys, until_ms: int) -> int:
    """From when on the history of a range is kept; 0: from its start, or not at all."""
    kept_ms = (await load_origin(backend, agent)).history_ms
    older = await older_begin(backend, agent, "history") if kept_ms else None
    if older is not None:
        kept_ms = older[0]
    return kept_ms if kept_ms < until_ms else 0


def _before(found: list[Transition | ModeChanged]) -> CircuitState:
    """The state that the first transition left."""
    for change in found:
        if isinstance(change, Transition):
            return change.from_state
    return CircuitState.CLOSED


def _joined(
    found: list[Transition | ModeChanged],
    first: tuple[CircuitState, Mode],
    start_ms: int,
    end_ms: int,
) -> list[Band]:
    result: list[Band] = []
    now = first

    def close(at_ms: int) -> None:
        nonlocal start_ms
        if at_ms <= start_ms:
            return
        if result and (result[-1].state, result[-1].mode) == now:
            result[-1] = Band(*now, result[-1].from_ms, at_ms)
        else:
            result.append(Band(*now, start_ms, at_ms))
        start_ms = at_ms

    for change in found:
        close(change.at_ms)
        state, mode = now
        now = (change.to_state, mode) if isinstance(change, Transition) else (state, change.mode)
    close(end_ms)
    return result
