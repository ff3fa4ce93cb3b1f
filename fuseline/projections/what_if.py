"""What-if over an agent's log: what other settings would have made of the calls on record."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

import anyio.lowlevel
from msgspec import Struct

from fuseline.core.circuit import Rebuilt, Transition
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import ConfigError, NotReproducedError
from fuseline.core.what_if.block import DAY_MS
from fuseline.core.what_if.comparing import Comparison, Record, WhatIf
from fuseline.core.what_if.patch import Patch, patched
from fuseline.core.what_if.recorded import key_of, position_of
from fuseline.core.what_if.search import Cost, Search, Trial, ranked, settings_to_try
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.log import Entry, read_all
from fuseline.projections.buckets import check_range
from fuseline.projections.history import changes, last_change
from fuseline.projections.readers import ReaderLease
from fuseline.projections.replay import OnEvents
from fuseline.projections.what_if_start import Start, find_begun, find_start
from fuseline.schemas.moments import iso

T = TypeVar("T", WhatIf, Search)

MAX_DAYS = 400
"""The longest range; histories are kept as long."""

MAX_EVENTS = 2_000_000
"""Entries read for one comparison."""

MAX_SEARCHED = 100_000
"""Entries read for one search; each is folded under each of the settings."""


class WhatIfAnswer(Struct, frozen=True, kw_only=True):
    """What other settings would have come to.

    Attributes:
        comparison: the figures and the states.
        settings: that would have been in force at the end of the range.
        recorded_settings: that were in force then.
        events: entries that were read.
        complete: whether the log reaches back to the beginning of the range that was asked for;
            if not, `comparison.since_ms` is later.
        reproduced: transitions of the history that the log gave again, all there are.
        begun_ms: when the log began, before which there was no agent; None: nobody knows.
    """

    comparison: Comparison
    settings: CircuitBreakerConfig
    recorded_settings: CircuitBreakerConfig
    events: int
    complete: bool
    reproduced: int
    begun_ms: int | None


class Proposals(Struct, frozen=True, kw_only=True):
    """Settings that were tried on a range, the cheapest at worst first.

    Attributes:
        since_ms: where the range begins.
        until_ms: where it ends.
        trials: all of them; that on record has an empty patch.
        recorded_settings: in force at the end of the range.
        events: entries that were read.
        complete: see `WhatIfAnswer`.
        reproduced: see `WhatIfAnswer`.
    """

    since_ms: int
    until_ms: int
    trials: list[Trial]
    recorded_settings: CircuitBreakerConfig
    events: int
    complete: bool
    reproduced: int


async def what_if(
    backend: Backend,
    name: str,
    patch: Patch,
    since_ms: int,
    until_ms: int,
    on_events: OnEvents | None = None,
) -> WhatIfAnswer:
    """Folds a range again as it was and as it would have been; changes nothing.

    Args:
        backend: the namespace.
        name: of the agent.
        patch: settings by name that would have been others from `since_ms` on.
        since_ms: where the range begins.
        until_ms: where it ends; the future is left out.
        on_events: told of progress.

    Raises:
        ConfigError: a range or a setting is not allowed, or there is too much to read.
        NotReproducedError: the recorded settings do not give the transitions on record.
        WrongKeyTypeError: a key is not what it should be.
        BackendUnavailableError: the server does not answer.
    """

    def make(start: Start, since_ms: int, until_ms: int) -> WhatIf:
        return WhatIf(start.circuit, patch, since_ms, until_ms)

    asked, about = await _folded(backend, name, since_ms, until_ms, make, MAX_EVENTS, on_events)
    recorded = asked.record.recorded.circuit.config
    begun_ms = await find_begun(backend, backend.keys.agent(name))
    return WhatIfAnswer(
        comparison=asked.comparison,
        settings=patched(recorded, patch),
        recorded_settings=recorded,
        events=about.events,
        complete=about.since_ms == since_ms,
        reproduced=about.reproduced,
        begun_ms=begun_ms,
    )


async def propose(
    backend: Backend,
    name: str,
    since_ms: int,
    until_ms: int,
    cost: Cost,
    *,
    on_events: OnEvents | None = None,
    on_trials: Callable[[int], None] | None = None,
    patches: Sequence[Patch] | None = None,
) -> Proposals:
    """Tries many settings on a range; changes nothing.

    Args:
        backend: the namespace.
        name: of the agent.
        since_ms: where the range begins.
        until_ms: where it ends; the future is left out.
        cost: what is to be as little as can be.
        on_events: told of progress in reading.
        on_trials: told of progress in trying.
        patches: the settings to try; by default `settings_to_try`.

    Raises:
        ConfigError, NotReproducedError, WrongKeyTypeError, BackendUnavailableError: see `what_if`.
    """

    def make(start: Start, since_ms: int, until_ms: int) -> Search:
        return Search(start.circuit, since_ms, until_ms)

    search, about = await _folded(backend, name, since_ms, until_ms, make, MAX_SEARCHED, on_events)
    config = search.record.recorded.circuit.config
    trials: list[Trial] = []
    for trial in search.trials(settings_to_try(config) if patches is None else patches, cost):
        trials.append(trial)
        if on_trials is not None:
            on_trials(1)
        await anyio.lowlevel.checkpoint()  # others are served meanwhile, and may end this
    return Proposals(
        since_ms=about.since_ms,
        until_ms=about.until_ms,
        trials=ranked(trials),
        recorded_settings=config,
        events=about.events,
        complete=about.since_ms == since_ms,
        reproduced=about.reproduced,
    )


class _About(Struct):
    since_ms: int
    until_ms: int
    events: int
    reproduced: int


async def _folded(
    backend: Backend,
    name: str,
    since_ms: int,
    until_ms: int,
    make: Callable[[Start, int, int], T],
    most: int,
    on_events: OnEvents | None,
) -> tuple[T, _About]:
    """Folds a range with something that takes entries; the history must come out of it again."""
    async with ReaderLease(backend, backend.keys.agent(name)) as lease:
        for exact in (False, True):
            range_ = await _Range.find(backend, name, since_ms, until_ms, exact=exact)
            taker = make(range_.start, range_.since_ms, range_.until_ms)
            events = 0
            async with aclosing(range_.pages(most)) as pages:
                async for page in pages:
                    await lease.renew("0-0")
                    taker.take(page)
                    events += len(page)
                    if on_events is not None:
                        on_events(len(page))
            taker.finish()
            try:
                reproduced = await range_.check(taker.record)
            except NotReproducedError:
                if range_.start.exact:
                    raise
            else:
                return taker, _About(range_.since_ms, range_.until_ms, events, reproduced)
    raise AssertionError("an exact start is exact")


class _Range:
    """A range of an agent's log, and where to begin reading for it."""

    def __init__(
        self, backend: Backend, agent: AgentKeys, start: Start, until_ms: int, checkpoint: str
    ) -> None:
        self._backend, self._agent = backend, agent
        self.start = start
        self.since_ms = min(start.since_ms, until_ms - 1)
        self.until_ms = until_ms
        self._folded = parse_id(checkpoint)

    @classmethod
    async def find(
        cls, backend: Backend, name: str, since_ms: int, until_ms: int, *, exact: bool
    ) -> _Range:
        check_range(since_ms, until_ms)
        agent = backend.keys.agent(name)
        now_ms = await backend.learn_time()
        until_ms = min(until_ms, now_ms)
        if until_ms <= since_ms:
            raise ConfigError("since", iso(since_ms), "a time that is not in the future")
        if until_ms - since_ms > MAX_DAYS * DAY_MS:
            raise ConfigError("since", iso(since_ms), f"at most {MAX_DAYS} days before the end")
        # Before the log, so that everything the history tells of is read.
        stored = await backend.wire.call("HGET", agent.circuit, "checkpoint")
        start = await find_start(backend, agent, since_ms, exact=exact)
        if start.since_ms >= until_ms:
            raise ConfigError(
                "until", iso(until_ms), f"a time after {iso(start.since_ms)}, where the log begins"
            )
        return cls(backend, agent, start, until_ms, (stored or b"0-0").decode())

    async def pages(self, most: int) -> AsyncGenerator[list[Entry], None]:
        """The entries, a page at a time.

        Raises:
            ConfigError: there are more than `most`.
        """
        read = 0
        end = str(self.until_ms - 1)
        entries = read_all(self._backend, self._agent, self.start.start_id, end)
        async with aclosing(entries):
            async for page in entries:
                read += len(page)
                if read > most:
                    raise ConfigError(
                        "since",
                        iso(self.since_ms),
                        f"a shorter range: at most {most:,} events are folded for one answer, and "
                        f"those up to {iso(page[-1][0])} are more",
                    )
                yield page

    async def check(self, record: Record) -> int:
        """How many transitions of the history the log gave again.

        Raises:
            NotReproducedError: it gave others.
        """
        told, whole_from = await self._history()
        folded = {
            (change.epoch, *key_of(change)): change
            for change in record.transitions()
            if position_of(change) <= self._folded
        }
        for change in folded.values():
            if change.at_ms >= whole_from and (change.epoch, *key_of(change)) not in told:
                raise _not_reproduced(self._agent.name, change, "is not in the history")
        for key, change in told.items():
            if key not in folded and change.at_ms >= whole_from:
                raise _not_reproduced(self._agent.name, change, "does not follow from the log")
        return len(folded)

    async def _history(self) -> tuple[dict[tuple[object, ...], Transition], int]:
        """The transitions of the range, and from when on they can be held against the log."""
        told: dict[tuple[object, ...], Transition] = {}
        whole_from = self.since_ms
        top = await last_change(self._backend, self._agent, self.until_ms - 1)
        async for _, item in changes(self._backend, self._agent, (0, 0), top, newest_first=True):
            change = item.content
            if isinstance(change, Rebuilt):
                # What was written before it may be of a log that is lost.
                whole_from = max(whole_from, change.at_ms)
            elif item.at_ms < self.since_ms:
                break
            elif isinstance(change, Transition) and position_of(change) <= self._folded:
                told[change.epoch, *key_of(change)] = change
        return told, whole_from


def _not_reproduced(agent: str, change: Transition, what: str) -> NotReproducedError:
    return NotReproducedError(
        f"the log of agent {agent!r} does not give its history again: the transition to "
        f"{change.to_state.value} at {iso(change.at_ms)} {what}; "
        f"take a range that begins later, and see `fuseline verify {agent}`"
    )
