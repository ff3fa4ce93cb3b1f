"""Circuits as figures: state, failure rate, window and mode of each agent.

A process may know a circuit from two places (its projector, and what its API has read), and counts
it once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from fuseline.core.circuit import Circuit, CircuitState
from fuseline.core.events import Mode
from fuseline.telemetry import instruments
from fuseline.telemetry.observed import AGENT, Figure, observed

Known = Callable[[], Mapping[str, Circuit]]
"""Circuits by agent, with the window's figures of now."""

_STATE = "fuseline.state"
_MODE = "fuseline.mode"


class Circuits:
    """A source of figures about all circuits this process knows."""

    def __init__(self) -> None:
        self._known: list[Known] = []

    def add(self, known: Known) -> None:
        """Circuits are known from here on; later ones win over earlier ones."""
        self._known.append(known)

    def remove(self, known: Known) -> None:
        """They are not known any more."""
        if known in self._known:
            self._known.remove(known)

    def figures(self, metric: str) -> Iterable[Figure]:
        """See `observed.Source`."""
        match metric:
            case instruments.CIRCUIT_STATE:
                for agent, circuit in self._all():
                    for state in CircuitState:
                        is_in = circuit.state is state
                        yield int(is_in), ((AGENT, agent), (_STATE, state.value))
            case instruments.WINDOW_CALLS:
                for agent, circuit in self._all():
                    yield circuit.calls, ((AGENT, agent),)
            case instruments.FAILURE_RATE:
                # Agents that share a series have one rate over all their calls.
                sums: dict[str, tuple[int, int]] = {}
                for agent, circuit in self._all():
                    name = observed.names(agent)
                    calls, failures = sums.get(name, (0, 0))
                    sums[name] = calls + circuit.calls, failures + circuit.failures
                for name, (calls, failures) in sums.items():
                    yield failures / calls if calls else 0.0, ((AGENT, name),)
            case instruments.CIRCUIT_MODE if self._known:
                modes = dict.fromkeys(Mode, 0)
                for _, circuit in self._all():
                    modes[circuit.mode] += 1
                for mode, count in modes.items():
                    yield count, ((_MODE, mode.name.lower()),)

    def _all(self) -> Iterable[tuple[str, Circuit]]:
        found: dict[str, Circuit] = {}
        for known in self._known[:]:
            found.update(known())
        return found.items()


circuits = Circuits()
"""Those of this process."""

observed.add(circuits)
