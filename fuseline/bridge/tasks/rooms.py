"""How many more tasks of each agent a worker would start: caps, circuits, and who was refused.

So that a slow agent holds no more slots than it may, and tasks that wait for a circuit come back as
fast as it admits calls and no faster. Decides from memory; does no I/O and reads no clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from math import inf

from msgspec import Struct

from fuseline.bridge.tasks.store import Place
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.states import CircuitState

UNSEEN_DEFERRED = 3
"""Deferred tasks taken at a time of an agent whose circuit this worker has not seen."""

_REFUSED_SECONDS = 0.25  # all probes are out, or nobody can say why: do not ask again at once


class Seen(Struct, frozen=True):
    """What a worker knows of a circuit.

    Attributes:
        open_seconds: how long it refuses all calls; 0 if it does not.
    """

    state: CircuitState
    config: CircuitBreakerConfig
    open_seconds: float = 0.0


class Rooms:
    """Counts the tasks in flight of each agent, and says where there is room.

    Args:
        per_agent: the most of one agent, for those whose settings name no cap; None: no cap.
        look: what is known of an agent's circuit; None: nothing yet.
    """

    def __init__(self, per_agent: int | None, look: Callable[[str], Seen | None]) -> None:
        self._per_agent = per_agent
        self._look = look
        self.in_flight: Counter[str] = Counter()
        self._refused_until: dict[str, float] = {}

    @property
    def other(self) -> Place:
        """The place of an agent that `places` does not name."""
        limit = Place() if self._per_agent is None else Place(self._per_agent)
        return Place(limit.room, UNSEEN_DEFERRED)

    def enter(self, agent: str) -> None:
        """One more task of the agent."""
        self.in_flight[agent] += 1

    def leave(self, agent: str) -> None:
        """One less."""
        self.in_flight[agent] -= 1
        if self.in_flight[agent] <= 0:
            del self.in_flight[agent]

    def refused(self, agent: str, now: float) -> None:
        """The agent's circuit refused a call."""
        self._refused_until[agent] = now + _REFUSED_SECONDS

    def places(self, now: float) -> tuple[dict[str, Place], float]:
        """Where the room differs from `other`, and when that changes by time alone."""
        found: dict[str, Place] = {}
        soon = inf
        for agent in {*self.in_flight, *self._refused_until}:
            seen = self._look(agent)
            room = self._cap(seen) - self.in_flight[agent]
            deferred, change = self._deferred(agent, seen, room, now)
            soon = min(soon, change)
            found[agent] = Place(max(0, room), max(0, deferred))
        return found, soon

    def _cap(self, seen: Seen | None) -> int:
        caps = [self._per_agent, seen.config.max_concurrent_calls if seen else None]
        return min((cap for cap in caps if cap is not None), default=Place().room)

    def _deferred(self, agent: str, seen: Seen | None, room: int, now: float) -> tuple[int, float]:
        until = self._refused_until.get(agent, 0.0)
        if until > now:
            return 0, until
        if seen is None:
            return min(room, UNSEEN_DEFERRED - self.in_flight[agent]), inf
        if seen.state is CircuitState.CLOSED:
            return room, inf
        if seen.open_seconds > 0:
            return 0, now + seen.open_seconds
        return min(room, seen.config.half_open_max_calls - self.in_flight[agent]), inf
