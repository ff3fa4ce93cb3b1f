"""Trying many settings on one record, and which of them cost least."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

from msgspec import Struct

from fuseline.core.circuit import Circuit
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Entry
from fuseline.core.what_if.block import DAY_MS, Block
from fuseline.core.what_if.comparing import Candidate, Record
from fuseline.core.what_if.figures import Figures, figures_of
from fuseline.core.what_if.patch import Patch

_THRESHOLDS = (3, 5, 8, 12, None)
_RATES = (0.25, 0.5, 0.75, None)
_WINDOWS = (60.0, 300.0)
_TIMEOUTS = (10.0, 30.0, 60.0, 120.0, 300.0)


class Cost(Struct, frozen=True, kw_only=True):
    """What a call costs that goes wrong.

    Attributes:
        failure: a call that is let through and fails.
        refusal: a call that would have succeeded and is refused.
    """

    failure: float = 1.0
    refusal: float = 1.0


class Trial(Struct, frozen=True, kw_only=True):
    """What one set of settings would have come to.

    Attributes:
        patch: what differs from the settings on record; empty for those themselves.
        figures: of the whole range.
        cost_low: the least cost under any assumption on calls that nobody saw.
        cost_high: the most.
        on_curve: whether no other settings have both fewer failures and fewer refusals at worst.
    """

    patch: Patch
    figures: Figures
    cost_low: float
    cost_high: float
    on_curve: bool = False


def settings_to_try(config: CircuitBreakerConfig) -> list[Patch]:
    """About 200 sets of settings, that on record first; none that can never open.

    The thresholds, the window and the open time are varied; the rest stays as it is.
    """
    found: list[Patch] = [{}]
    for threshold, rate, window, timeout in product(_THRESHOLDS, _RATES, _WINDOWS, _TIMEOUTS):
        patch: Patch = {
            "failure_threshold": threshold,
            "failure_rate_threshold": rate,
            "window_size_seconds": window,
            "timeout_seconds": timeout,
        }
        is_known = all(getattr(config, name) == value for name, value in patch.items())
        if not is_known and not (threshold is None and rate is None):
            found.append(patch)
    return found


class Search:
    """Folds a record once, and any settings on it after that.

    Args:
        circuit: before the first entry; it is changed.
        since_ms: where the range begins.
        until_ms: where it ends.
    """

    def __init__(self, circuit: Circuit, since_ms: int, until_ms: int) -> None:
        self._since_ms, self._until_ms = since_ms, until_ms
        self.record = Record(circuit, since_ms, until_ms)
        self._blocks: list[Block] = []

    def take(self, entries: Sequence[Entry]) -> None:
        """Reads the next entries, in the order of the log."""
        block = self.record.take(entries)
        if block is not None:
            self._blocks.append(block)

    def finish(self) -> None:
        """Lets time pass up to the end of the range; then settings can be tried."""
        self._blocks.append(self.record.finish())

    def trials(self, patches: Sequence[Patch], cost: Cost) -> Iterator[Trial]:
        """Tries settings, one after another.

        Raises:
            ConfigError: a setting is not allowed.
        """
        assert self.record.start is not None
        since_ms, until_ms = self._since_ms, self._until_ms
        days = range(since_ms // DAY_MS, (until_ms - 1) // DAY_MS + 1)
        recorded = self.record.tally()
        failures = self.record.recorded.failures
        for patch in patches:
            candidate = Candidate(self.record.start, patch, since_ms)
            for block in self._blocks:
                candidate.take(block)
            tallies = candidate.tallies(failures, since_ms, until_ms)
            costs = [
                cost.failure * sum(one.failures.values())
                + cost.refusal * sum(one.good_refused.values())
                for one in tallies
            ]
            yield Trial(
                patch=patch,
                figures=figures_of(recorded, tallies, days),
                cost_low=min(costs),
                cost_high=max(costs),
            )


def ranked(trials: Sequence[Trial]) -> list[Trial]:
    """The cheapest at worst first; each says whether it is on the curve of the trade-off."""
    found = sorted(trials, key=lambda one: (one.cost_high, one.cost_low, len(one.patch)))
    best: dict[tuple[int, int], int] = {}
    for place, one in enumerate(found):
        best.setdefault((one.figures.failures.high, one.figures.good_refused.high), place)
    curve: set[int] = set()
    least: int | None = None
    for (_, refused), place in sorted(best.items()):
        if least is None or refused < least:
            curve.add(place)
            least = refused
    return [
        Trial(
            patch=one.patch,
            figures=one.figures,
            cost_low=one.cost_low,
            cost_high=one.cost_high,
            on_curve=place in curve,
        )
        for place, one in enumerate(found)
    ]
