"""What an API process counts of itself, in Prometheus's text format."""

from __future__ import annotations

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest

from fuseline.core.circuit import CircuitState
from fuseline.core.events import Mode
from fuseline.projections.documents import mode_name
from fuseline.projections.overview import Overview

# The framework adds the charset by itself.
CONTENT_TYPE = CONTENT_TYPE_LATEST.partition("; charset")[0]

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """Counters of one process; a registry of their own, so that several fit into a process."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "fuseline_api_requests",
            "Requests by method, route and status.",
            ("method", "route", "status"),
            registry=self._registry,
        )
        self._seconds = Histogram(
            "fuseline_api_request_seconds",
            "Time to the first byte of the answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._circuits = Gauge(
            "fuseline_circuits", "Circuits by state.", ("state",), registry=self._registry
        )
        self._modes = Gauge(
            "fuseline_circuit_modes", "Circuits by mode.", ("mode",), registry=self._registry
        )
        self._unreadable = Gauge(
            "fuseline_circuits_unreadable",
            "Circuits that cannot be read.",
            registry=self._registry,
        )
        self._unprojected = Gauge(
            "fuseline_unprojected_shards",
            "Shards that no projector folds now.",
            registry=self._registry,
        )

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """A request was answered.

        Names and words that callers make up open no new series: `route` is the template of the
        path, and methods that nobody knows count together.
        """
        method = method if method in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def text(self, overview: Overview) -> bytes:
        """All figures now.

        Args:
            overview: the circuits, as just read.
        """
        states = dict.fromkeys(CircuitState, 0)
        modes = dict.fromkeys(Mode, 0)
        unreadable = 0
        for status in overview.agents:
            if status.circuit is None:
                unreadable += 1
                continue
            states[status.circuit.state] += 1
            modes[status.circuit.mode] += 1
        for state, number in states.items():
            self._circuits.labels(state.value).set(number)
        for mode, number in modes.items():
            self._modes.labels(mode_name(mode)).set(number)
        self._unreadable.set(unreadable)
        self._unprojected.set(len(overview.unprojected))
        return generate_latest(self._registry)
