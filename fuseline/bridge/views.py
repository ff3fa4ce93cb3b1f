"""The views of one manager's circuits, kept as the feed tells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from fuseline.bridge.loading import Host, Loads
from fuseline.core.circuit import Circuit
from fuseline.projections.ahead import Ahead
from fuseline.telemetry.logs import get_logger

if TYPE_CHECKING:
    from fuseline.bridge.breaker import CircuitBreaker

_log = get_logger("manager")


class Views:
    """Brings to the breakers what `FeedReader` hands on.

    Args:
        host: the manager.
        loads: loads circuits again where the feed does not have all.

    Attributes:
        available: whether the server answers.
        unprojected: shards that nobody projects now.
    """

    def __init__(self, host: Host, loads: Loads) -> None:
        self._host = host
        self._loads = loads
        self.available = True
        self.unprojected: frozenset[int] = frozenset()

    def on_view(self, agent: str, circuit: Circuit, anew: bool) -> bool:
        """See `FeedReader`."""
        breaker = self._host.breakers.get(agent)
        if breaker is None:
            return True
        # Also a circuit that is being loaded: what the load brings may be older than this.
        is_news = breaker.local.position < circuit.position
        if circuit.revision or breaker.local.view is None:
            breaker.local.update(circuit, anew=anew)
        else:
            # The server has lost the agent; the log must not judge it by default settings.
            self._reload([breaker])
        return is_news

    def on_ahead(self, ahead: Ahead) -> Circuit | None:
        """See `FeedReader`."""
        breaker = self._host.breakers.get(ahead.agent)
        view = breaker.local.view if breaker else None
        # A first view comes from the projection alone, and so does one of a lost agent.
        if not (breaker and view and view.revision and view.position < ahead.position):
            return None
        circuit = ahead.folded()
        if circuit is not None:
            breaker.local.update(circuit)
        return circuit

    def on_gap(self, shard: int) -> None:
        """See `FeedReader`."""
        breakers = self._host.breakers.values()
        lost = [b for b in breakers if b.keys.shard == shard and b.local.view]
        self._host.start_soon(self._loads.regain, shard, lost)

    def on_health(self, available: bool, unprojected: frozenset[int]) -> None:
        """See `FeedReader`."""
        if not available or unprojected > self.unprojected:
            reason = "no projector" if available else "no server"
            _log.warning("deciding_alone", reason=reason, shards=sorted(unprojected) or "all")
        elif not unprojected:
            _log.warning("log_decides_again")
        was_available, self.available = self.available, available
        self.unprojected = unprojected
        back = []
        for breaker in self._host.breakers.values():
            usable = self.is_available(breaker.keys.shard)
            if usable != breaker.local.available:
                breaker.local.available = usable
                breaker.local.set_gate()
                if usable:
                    back.append(breaker)
        if was_available:  # else what the server may have lost is regained, see `on_gap`
            self._reload(back)

    def is_available(self, shard: int) -> bool:
        """Whether the log decides about the agents of a shard."""
        return self.available and shard not in self.unprojected

    def _reload(self, breakers: Sequence[CircuitBreaker]) -> None:
        if seen := [breaker for breaker in breakers if breaker.local.view is not None]:
            self._host.start_soon(self._loads.reload, seen)
