"""The events behind the figures of a transition, read from the log and the history."""

from __future__ import annotations

from collections.abc import Sequence

from fuseline.core.circuit import Cause, CircuitState, ConfigApplied, Transition
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Outcome
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.log import Entry
from fuseline.events.older import MAX_SEQ, Id, id_before
from fuseline.events.streams import older_begin
from fuseline.projections.contributions import (
    counts,
    in_window,
    is_slow,
    of_round,
    window_reach_ms,
)
from fuseline.projections.explain import config_of
from fuseline.projections.history import changes
from fuseline.projections.origin import load_origin
from fuseline.projections.revisions import ConfigBook
from fuseline.projections.scanning import scan
from fuseline.projections.spans import read_back, read_spans
from fuseline.projections.timeline import Item, Kind, newest_first

_MOST_READ = 100_000
_AT_ONCE = 500
_ROUND_ENDS = {Cause.PROBES_SUCCEEDED, Cause.PROBE_FAILED, Cause.PROBES_INCONCLUSIVE}


class Causes:
    """Finds what led to one transition or override.

    Attributes:
        previous: the transition before, after `look_back`.
        complete: whether all was found so far.
    """

    def __init__(self, backend: Backend, agent: AgentKeys, item: Item) -> None:
        self._backend = backend
        self._agent = agent
        self._item = item
        self.book = ConfigBook(backend, agent.name)
        self.previous: Item | None = None  # the transition before
        self._configs: list[Item] = []  # settings since then, newest first
        self.complete = True

    async def look_back(self) -> None:
        """Reads the history from the change back to the transition before it."""
        high = id_before(parse_id(self._item.id))
        is_transition = isinstance(self._item.content, Transition)
        async for _, item in changes(
            self._backend, self._agent, (0, 0), high, newest_first=True, page=20
        ):
            if isinstance(item.content, ConfigApplied):
                self._configs.append(item)
                self.book.note(item.content)
                if not is_transition:
                    return
            elif isinstance(item.content, Transition) and is_transition:
                self.previous = item
                return

    async def configured(self, revision: int | None) -> ConfigApplied | None:
        """The change that put a revision in force; without one the last change of settings."""
        for item in self._configs:
            assert isinstance(item.content, ConfigApplied)
            if revision is None or item.content.revision == revision:
                return item.content
        if revision is None:
            return None
        async for item in newest_first(self._backend, self._agent.name, kinds={Kind.CONFIG}):
            assert isinstance(item.content, ConfigApplied)
            if item.content.revision == revision:
                return item.content
        return None

    async def entries(self, change: Transition) -> list[Entry]:
        """The events behind the figures, oldest first."""
        if change.cause is Cause.CONSECUTIVE_FAILURES:
            return await self._streak(change)
        if change.cause is Cause.FAILURE_RATE:
            return await self._window(change, slow=False)
        if change.cause is Cause.SLOW_CALL_RATE:
            return await self._window(change, slow=True)
        if change.cause in _ROUND_ENDS:
            return await self._round(change)
        return []

    async def _streak(self, change: Transition) -> list[Entry]:
        """The last failures that counted; between them nothing else did."""
        wanted = change.figures.consecutive_failures
        found: list[Entry] = []
        low, high = self._begin(), parse_id(change.event_id)
        configs = await self._configs_in_epoch()
        while len(found) < wanted and low < high:
            part = await scan(
                self._backend,
                self._agent,
                low,
                high,
                {Kind.FAILURE, Kind.TIMEOUT},
                _AT_ONCE,
                newest_first=True,
            )
            for item in part.items:
                ms, seq, _ = item.position
                event = item.content
                config = next((c for at, c in configs if at <= (ms, seq)), None)
                if (
                    isinstance(event, Outcome)
                    and event.epoch == change.epoch - 1
                    and config is not None
                    and counts(event, ms, config, self._since_ms)
                ):
                    found.append((ms, seq, event))
            high = part.reached
            if part.whole:
                break
        self.complete = self.complete and len(found) >= wanted
        return found[:wanted][::-1]

    async def _window(self, change: Transition, *, slow: bool) -> list[Entry]:
        """The failed or slow calls that the window held."""
        ms, seq = parse_id(change.event_id)
        configs = await self._configs_in_epoch()
        in_force = await self.book.get(change.revision)
        if in_force is None or not configs:
            self.complete = False
            return []
        start = max(self._begin(), (ms - window_reach_ms(in_force), 0))
        span = (f"({start[0]}-{start[1]}", f"{ms}-{seq}")
        entries, is_all = await read_back(self._backend, self._agent, span, _MOST_READ)
        self.complete = is_all
        before = next((c for at, c in configs if at <= start), configs[-1][1])
        found = in_window(
            entries,
            before,
            self._since_ms,
            change.epoch - 1,
            is_slow if slow else _has_failed,
            was_removed=self._was_removed and all(at > start for at, _ in configs[:-1]),
        )
        figure = change.figures.slow if slow else change.figures.failures
        self.complete = self.complete and len(found) == figure
        return found

    async def _round(self, change: Transition) -> list[Entry]:
        previous = self.previous
        if previous is None or not isinstance(previous.content, Transition):
            self.complete = False
            return []
        begun = previous.content
        config = await self.book.get(begun.revision)
        if config is None or begun.to_state is not CircuitState.HALF_OPEN:
            self.complete = False
            return []
        span = (str(begun.at_ms), str(change.at_ms))
        (entries,), self.complete = await read_spans(self._backend, self._agent, [span], _MOST_READ)
        end = (change.at_ms, change.event_id)
        found = of_round(entries, config, begun.revision, begun.at_ms, begun.epoch, end)
        successes = sum(isinstance(e, Outcome) and not e.result for _, _, e in found)
        self.complete = self.complete and successes == change.figures.probe_successes
        origin = await load_origin(self._backend, self._agent)
        older = await older_begin(self._backend, self._agent)
        kept_after = origin.position if older is None else older
        if kept_after >= (begun.at_ms, 0):  # the round began before what is kept
            self.complete = False
        return found

    @property
    def _since_ms(self) -> int:
        return self.previous.at_ms if self.previous else 0

    @property
    def _was_removed(self) -> bool:
        before = self.previous.content if self.previous else None
        return isinstance(before, Transition) and before.cause is Cause.REMOVED

    def _begin(self) -> Id:
        """Before the first event of the epoch."""
        return (self._since_ms - 1, MAX_SEQ) if self._since_ms else (0, 0)

    async def _configs_in_epoch(self) -> Sequence[tuple[Id, CircuitBreakerConfig]]:
        """The settings of the epoch before a transition, each with its id, newest first."""
        found: list[tuple[Id, CircuitBreakerConfig]] = []
        for item in self._configs:
            assert isinstance(item.content, ConfigApplied)
            if (config := config_of(item.content)) is not None:
                found.append((item.position[:2], config))
        before = self.previous.content if self.previous else None
        first: CircuitBreakerConfig | None = CircuitBreakerConfig()
        if self._was_removed:
            first = CircuitBreakerConfig(enabled=False)
        elif isinstance(before, Transition):
            first = await self.book.get(before.revision)
        if first is not None:
            found.append(((0, 0), first))
        return found


def _has_failed(outcome: Outcome, _: CircuitBreakerConfig) -> bool:
    return bool(outcome.result)
