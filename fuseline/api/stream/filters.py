"""What a client wants to see."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from fuseline.api.stream import frames
from fuseline.api.stream.board import Change
from fuseline.api.stream.frames import Frame
from fuseline.core.circuit import CircuitState
from fuseline.core.errors import ConfigError
from fuseline.events.keys import check_name
from fuseline.projections.documents import mode_name
from fuseline.projections.overview import AgentStatus

_MOST_AGENTS = 1000
_KINDS = ("changes", "figures")
_STATES = (*(state.value for state in CircuitState), "forced_open", "forced_closed")


class Filter(Struct, frozen=True):
    """Which circuits and events; equal filters share what is sent.

    Attributes:
        agents: only these; None: all.
        states: only circuits in these states or modes; None: all.
        kinds: of events, beside those that every stream gets.
    """

    agents: frozenset[str] | None = None
    states: frozenset[str] | None = None
    kinds: frozenset[str] = frozenset(_KINDS)

    @classmethod
    def parse(
        cls, agents: str | None = None, state: str | None = None, kinds: str | None = None
    ) -> Filter:
        """Reads the query parameters of these names; each is a list with commas.

        Raises:
            ConfigError: naming the parameter.
        """
        return cls(_names(agents), _states(state), _kinds(kinds))

    @property
    def wants_figures(self) -> bool:
        """Whether figures are sent."""
        return "figures" in self.kinds

    def fits(self, status: AgentStatus) -> bool:
        """Whether a circuit is shown; one that cannot be read has no state."""
        if self.agents is not None and status.agent not in self.agents:
            return False
        if self.states is None:
            return True
        circuit = status.circuit
        if circuit is None:
            return False
        return circuit.state.value in self.states or mode_name(circuit.mode) in self.states

    def changes(self, changes: Sequence[Change], now_ms: int, event_id: str) -> Frame | None:
        """The event that tells of changes; None if they are not for this filter."""
        if "changes" not in self.kinds:
            return None
        circuits, removed, left = [], [], []
        for change in changes:
            if self.agents is not None and change.agent not in self.agents:
                continue
            if change.after is None:
                removed.append(change.agent)
            elif self.fits(change.after):
                circuits.append(change.summary(now_ms))
            elif change.before is None or self.fits(change.before):
                left.append(change.agent)
        if not (circuits or removed or left):
            return None
        return frames.changes(now_ms, circuits, removed, left, event_id)


def _names(text: str | None) -> frozenset[str] | None:
    if text is None:
        return None
    names = [check_name("agents", name.strip()) for name in text.split(",")]
    if len(names) > _MOST_AGENTS:
        raise ConfigError("agents", len(names), f"at most {_MOST_AGENTS} names")
    return frozenset(names)


def _states(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(_words("state", text, _STATES))


def _kinds(text: str | None) -> frozenset[str]:
    return frozenset(_KINDS if text is None else _words("kinds", text, _KINDS))


def _words(field: str, text: str, allowed: Sequence[str]) -> list[str]:
    words = [word.strip() for word in text.split(",")]
    for word in words:
        if word not in allowed:
            raise ConfigError(field, word, f"a list of {', '.join(allowed)}, with commas")
    return words
