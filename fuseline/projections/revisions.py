"""The settings of an agent at each revision."""

from __future__ import annotations

from fuseline.core.circuit import ConfigApplied
from fuseline.core.config import CircuitBreakerConfig
from fuseline.events.agents import read_agent
from fuseline.events.backend import Backend
from fuseline.projections.explain import config_of
from fuseline.projections.timeline import Kind, newest_first


class ConfigBook:
    """The settings that were in force at each revision, read from the history when asked for."""

    def __init__(self, backend: Backend, name: str) -> None:
        self._backend = backend
        self._name = name
        self._known: dict[int, CircuitBreakerConfig | None] = {0: CircuitBreakerConfig()}
        self._searched = False

    def note(self, change: ConfigApplied) -> None:
        """Remembers what an item of the timeline says."""
        self._known.setdefault(change.revision, config_of(change))

    async def get(self, revision: int) -> CircuitBreakerConfig | None:
        """The settings of a revision; None if nothing tells them any more."""
        if revision not in self._known:
            record = await read_agent(self._backend, self._name)
            if record is not None:
                self._known[record.revision] = record.config
        if revision not in self._known and not self._searched:
            self._searched = True
            async for item in newest_first(self._backend, self._name, kinds={Kind.CONFIG}):
                assert isinstance(item.content, ConfigApplied)
                self.note(item.content)
        return self._known.get(revision)
