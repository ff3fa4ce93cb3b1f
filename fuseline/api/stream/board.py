"""The board: every circuit as it was last seen, and what an entry of the feed changes on it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from fuseline.api.stream import frames
from fuseline.api.stream.entries import Entry
from fuseline.projections.overview import AgentStatus


class Change:
    """What one entry of the feed says.

    Attributes:
        agent: name of the agent.
        before: as it was shown; None if it was not, or that is not known.
        after: as it is from here on; None: it has left the registry.
    """

    __slots__ = ("_summary", "after", "agent", "before")

    def __init__(self, agent: str, before: AgentStatus | None, after: AgentStatus | None) -> None:
        self.agent = agent
        self.before = before
        self.after = after
        self._summary: msgspec.Raw | None = None

    @classmethod
    def of(cls, entry: Entry, before: AgentStatus | None) -> Change | None:
        """What an entry says; None if it cannot be read."""
        if entry.circuit is None:
            return None
        after = None
        if not entry.circuit.removed:
            after = AgentStatus(agent=entry.agent, circuit=entry.circuit)
        return cls(entry.agent, before, after)

    def summary(self, now_ms: int) -> msgspec.Raw:
        """The circuit encoded, once for all filters."""
        assert self.after is not None, "an agent that has left is not shown"
        if self._summary is None:
            self._summary = frames.summary(self.after, now_ms)
        return self._summary


class Board:
    """Circuits by name. What it holds is replaced, never changed, so it may be kept."""

    def __init__(self, statuses: Iterable[AgentStatus] = ()) -> None:
        self._statuses = {status.agent: status for status in statuses}

    def __len__(self) -> int:
        return len(self._statuses)

    def __iter__(self) -> Iterator[str]:
        return iter(self._statuses)

    def get(self, agent: str) -> AgentStatus | None:
        """As last seen."""
        return self._statuses.get(agent)

    def all(self) -> list[AgentStatus]:
        """All circuits, in no order."""
        return list(self._statuses.values())

    def put(self, status: AgentStatus) -> None:
        """Shows a circuit from here on."""
        self._statuses[status.agent] = status

    def apply(self, entry: Entry) -> Change | None:
        """Takes an entry of the feed, in order."""
        change = Change.of(entry, self._statuses.get(entry.agent))
        if change is not None:
            if change.after is None:
                self._statuses.pop(change.agent, None)
            else:
                self.put(change.after)
        return change

    def catch_up(self, entry: Entry) -> None:
        """Takes an entry that may be older than what was loaded meanwhile."""
        known = self._statuses.get(entry.agent)
        if (
            known is None
            or known.circuit is None
            or entry.circuit is None
            or entry.anew
            or entry.circuit.position >= known.circuit.position
        ):
            self.apply(entry)
