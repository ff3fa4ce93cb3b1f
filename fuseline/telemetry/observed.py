"""Figures that are read when somebody exports them: who has them, and how they add up.

A source is asked for each of its metrics, on whichever thread exports. Agents beyond a bound share
one series, so the number of series is bounded whatever callers name their agents.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol

from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.util.types import AttributeValue

from fuseline.core.errors import ConfigError

LIMIT_VARIABLE = "FUSELINE_METRICS_MAX_AGENTS"
DEFAULT_LIMIT = 200
OTHER = "_other"
"""The agent under which all agents beyond the limit count together."""

AGENT = "fuseline.agent"

Labels = tuple[tuple[str, AttributeValue], ...]
"""Attributes of one series, as pairs."""

Figure = tuple[float, Labels]


class Source(Protocol):
    """A part of the process that has figures."""

    def figures(self, metric: str) -> Iterable[Figure]:
        """What it has of a metric now; nothing of one it does not know.

        Called on the thread of an exporter: reads only, and copies before it iterates.
        """
        ...


class AgentNames:
    """Names of agents as attributes: the first `limit` seen have series of their own."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._known: set[str] = set()

    def __call__(self, agent: str) -> str:
        """The agent's name, or `OTHER`."""
        known = self._known
        if agent not in known:
            if len(known) >= self.limit:
                return OTHER
            known.add(agent)
        return agent


class Observed:
    """The sources of the process, and what those that are gone have counted."""

    def __init__(self, names: AgentNames) -> None:
        self.names = names
        self._sources: list[Source] = []
        self._counters: set[str] = set()
        self._kept: dict[str, dict[Labels, float]] = {}

    def add(self, source: Source) -> None:
        """A source has figures from here on."""
        self._sources.append(source)

    def remove(self, source: Source) -> None:
        """The source ends; what it has counted stays counted."""
        if source not in self._sources:
            return
        self._sources.remove(source)
        for metric in self._counters:
            kept = self._kept.setdefault(metric, {})
            for value, labels in source.figures(metric):
                kept[labels] = kept.get(labels, 0) + value

    def counter(self, metric: str) -> Callable[[CallbackOptions], Iterator[Observation]]:
        """The callback of an observable counter."""
        self._counters.add(metric)

        def observe(_: CallbackOptions) -> Iterator[Observation]:
            sums = self._sums(metric)
            for labels, value in self._kept.get(metric, {}).copy().items():
                key = self._bounded(labels)
                sums[key] = sums.get(key, 0) + value
            yield from _observations(sums)

        return observe

    def gauge(self, metric: str) -> Callable[[CallbackOptions], Iterator[Observation]]:
        """The callback of an observable gauge."""
        return lambda _: _observations(self._sums(metric))

    def _sums(self, metric: str) -> dict[Labels, float]:
        sums: dict[Labels, float] = {}
        for source in self._sources[:]:
            for value, labels in source.figures(metric):
                key = self._bounded(labels)
                sums[key] = sums.get(key, 0) + value
        return sums

    def _bounded(self, labels: Labels) -> Labels:
        if labels and labels[0][0] == AGENT:
            return ((AGENT, self.names(str(labels[0][1]))), *labels[1:])
        return labels


def _observations(sums: Mapping[Labels, float]) -> Iterator[Observation]:
    for labels, value in sums.items():
        yield Observation(value, dict(labels))


def limit_from_env(environ: Mapping[str, str]) -> int:
    """How many agents have series of their own: FUSELINE_METRICS_MAX_AGENTS, else 200.

    Raises:
        ConfigError: the variable holds no number from 1 to 100000.
    """
    text = environ.get(LIMIT_VARIABLE, "").strip()
    if not text:
        return DEFAULT_LIMIT
    allowed = "a whole number from 1 to 100000"
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= 100_000:
        raise ConfigError(LIMIT_VARIABLE, text, allowed)
    return int(text)


observed = Observed(AgentNames(DEFAULT_LIMIT))
"""Those of this process."""
