"""What-if over an agent's log: what other settings would have made of the calls on record."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import TypeVar

import anyio.lowlevel
from msgspec import Struct

from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import NotReproducedError
from fuseline.core.what_if.comparing import Comparison, WhatIf
from fuseline.core.what_if.patch import Patch, patched
from fuseline.core.what_if.search import Cost, Search, Trial, ranked, settings_to_try
from fuseline.events.backend import Backend
from fuseline.projections.readers import ReaderLease
from fuseline.projections.replay import OnEvents
from fuseline.projections.what_if_range import Range
from fuseline.projections.what_if_start import Start, find_begun

T = TypeVar("T", WhatIf, Search)

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
            range_ = await Range.find(backend, name, since_ms, until_ms, exact=exact)
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
