"""What a manager counts: calls, refusals, probes, and outcomes on their way to the log."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from fuseline.bridge.outcomes import Outcomes
from fuseline.bridge.recorder import Recorder
from fuseline.core.events import Result
from fuseline.telemetry import instruments
from fuseline.telemetry.observed import AGENT, Figure

_OUTCOME = "fuseline.outcome"
_REASON = "fuseline.reason"
_RESULTS = [result.name.lower() for result in Result]


class Counted(Protocol):
    """What a breaker counts."""

    overflowed: int
    outcomes: Outcomes

    @property
    def rejected(self) -> int:
        """Calls that the circuit did not admit."""
        ...


class CallFigures:
    """A source of figures about one manager's calls.

    Args:
        breakers: by agent.
        recorder: of the manager.
    """

    def __init__(self, breakers: Mapping[str, Counted], recorder: Recorder) -> None:
        self._breakers = breakers
        self._recorder = recorder

    def figures(self, metric: str) -> Iterable[Figure]:
        """See `observed.Source`."""
        recorder = self._recorder
        match metric:
            case instruments.CALLS:
                for agent, breaker in list(self._breakers.items()):
                    yield from _by_outcome(agent, breaker.outcomes.ended)
            case instruments.PROBES:
                for agent, breaker in list(self._breakers.items()):
                    yield from _by_outcome(agent, breaker.outcomes.probes_ended)
            case instruments.REJECTED:
                for agent, breaker in list(self._breakers.items()):
                    yield breaker.rejected, ((AGENT, agent), (_REASON, "circuit"))
                    yield breaker.overflowed, ((AGENT, agent), (_REASON, "concurrency"))
            case instruments.WAITING:
                yield recorder.depth, ()
            case instruments.SPOOLED:
                yield recorder.spooled, ()
            case instruments.SPOOL_SIZE:
                yield recorder.keeper.size, ()
            case instruments.DROPPED:
                yield recorder.dropped, ()


def _by_outcome(agent: str, counts: Sequence[int]) -> Iterable[Figure]:
    # Success and failure always, so that a rate over them has something to begin with.
    for place, count in enumerate(counts):
        if count or place <= Result.FAILURE:
            yield count, ((AGENT, agent), (_OUTCOME, _RESULTS[place]))
