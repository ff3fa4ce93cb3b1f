"""What an API process adds to the figures of `telemetry`: its requests, and all circuits."""

from __future__ import annotations

from collections.abc import Iterable

from fuseline.core.circuit import Circuit
from fuseline.projections.overview import Overview
from fuseline.telemetry import instruments
from fuseline.telemetry.observed import Figure

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER_METHOD = "_OTHER"  # as the semantic conventions of HTTP have it


def answered(method: str, route: str, status: int, seconds: float) -> None:
    """A request was answered.

    Names and words that callers make up open no new series: `route` is the template of the path,
    and methods that nobody knows count together.
    """
    instruments.request_duration.record(
        seconds,
        {
            "http.request.method": method if method in _METHODS else _OTHER_METHOD,
            "http.route": route,
            "http.response.status_code": status,
        },
    )


class OverviewFigures:
    """A source of figures about all circuits, as they were when the figures were last asked for."""

    def __init__(self) -> None:
        self._circuits: dict[str, Circuit] = {}
        self._unreadable = 0
        self._unprojected: int | None = None

    def take(self, overview: Overview) -> None:
        """Takes the circuits as just read."""
        known = {status.agent: status.circuit for status in overview.agents}
        self._circuits = {agent: c for agent, c in known.items() if c is not None}
        self._unreadable = len(known) - len(self._circuits)
        self._unprojected = len(overview.unprojected)

    def circuits(self) -> dict[str, Circuit]:
        """See `telemetry.circuits.Known`."""
        return self._circuits

    def figures(self, metric: str) -> Iterable[Figure]:
        """See `observed.Source`."""
        if self._unprojected is None:
            return  # nobody has asked yet
        match metric:
            case instruments.UNREADABLE:
                yield self._unreadable, ()
            case instruments.UNPROJECTED:
                yield self._unprojected, ()
