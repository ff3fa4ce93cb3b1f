"""What a projector counts, for export: its shards, its lag, the circuits it holds."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from time import monotonic

from fuseline.core.circuit import Circuit
from fuseline.events.clock import ServerClock
from fuseline.projections.shard import ShardProjection
from fuseline.telemetry import instruments
from fuseline.telemetry.observed import Figure


class Lag:
    """How far a projector is behind the log.

    Attributes:
        events_folded: number of events folded so far.
    """

    def __init__(self) -> None:
        self.events_folded = 0
        self._behind_since: float | None = None
        self._last_seconds = 0.0

    def noticed(self) -> None:
        """There are events to fold."""
        if self._behind_since is None:
            self._behind_since = monotonic()

    def stored(self, age_ms: float) -> None:
        """A fold has been stored whose newest event is that old."""
        self._last_seconds = max(0.0, age_ms / 1000)

    def caught_up(self) -> None:
        """Nothing more is known to wait."""
        self._behind_since = None

    @property
    def is_behind(self) -> bool:
        """Whether events are known to wait."""
        return self._behind_since is not None

    @property
    def seconds(self) -> float:
        """Since when it is behind; what the last fold took to be stored, if it has caught up."""
        since = self._behind_since
        return self._last_seconds if since is None else monotonic() - since


class ProjectorFigures:
    """A source of figures about one projector.

    Args:
        shards: those it holds, by number.
        lag: of its folding.
        clock: Redis's time.
    """

    def __init__(self, shards: Mapping[int, ShardProjection], lag: Lag, clock: ServerClock) -> None:
        self._shards = shards
        self._lag = lag
        self._clock = clock

    def figures(self, metric: str) -> Iterable[Figure]:
        """See `observed.Source`."""
        match metric:
            case instruments.SHARDS:
                yield len(self._shards), ()
            case instruments.FOLDED:
                yield self._lag.events_folded, ()
            case instruments.LAG:
                yield self._lag.seconds, ()
            case instruments.LAG_EVENTS:
                yield sum(waiting(shard) for shard in list(self._shards.values())), ()

    def circuits(self) -> dict[str, Circuit]:
        """The circuits of its shards, with the figures of now; see `circuits.Known`."""
        now_ms = self._clock.now_ms()
        return {
            name: circuit.at(now_ms)
            for shard in list(self._shards.values())
            for name, circuit in list(shard.circuits.items())
            if not circuit.removed
        }


def waiting(shard: ShardProjection) -> int:
    """Events of a shard that are known to wait."""
    at_hand = sum(len(entries) for entries in list(shard.carried.values()))
    return at_hand + len(shard.pending)
