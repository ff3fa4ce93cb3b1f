"""Every figure Fuseline exports: one table, and the instruments made of it.

Names and units follow OpenTelemetry's semantic conventions
(https://opentelemetry.io/docs/specs/semconv/general/metrics/); where those define a metric, as for
HTTP servers and database clients, it has that name. Prometheus's names come from them by the rules
of its exporter. `docs/telemetry.md` holds this table, and a test compares it with the exporters'
output.
"""

from __future__ import annotations

from enum import StrEnum
from importlib.metadata import version
from typing import Any

from msgspec import Struct
from opentelemetry import metrics
from opentelemetry.metrics import Counter, Histogram

from fuseline.telemetry.observed import observed
from fuseline.telemetry.tracing import SCOPE

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_SIZES = (1, 2, 5, 10, 25, 50, 100, 250, 500, 1000)


class Type(StrEnum):
    """How the figures of a metric add up."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Metric(Struct, frozen=True):
    """One metric.

    Attributes:
        name: as OpenTelemetry has it.
        type: counter, gauge or histogram.
        unit: in UCUM's notation, e.g. s, By, {call}.
        meaning: one sentence; the help text of Prometheus too.
        attributes: names of its attributes.
        source: which processes export it.
        observed: read when it is exported, by `observed`; else recorded as things happen.
        buckets: upper bounds, of a histogram.
    """

    name: str
    type: Type
    unit: str
    meaning: str
    attributes: tuple[str, ...]
    source: str
    observed: bool = True
    buckets: tuple[float, ...] = ()

    @property
    def prometheus_name(self) -> str:
        """What Prometheus calls it (the family, for a histogram)."""
        name = self.name.replace(".", "_")
        suffix = {"s": "seconds", "By": "bytes", "1": "ratio"}.get(self.unit, "")
        if suffix and not name.endswith(f"_{suffix}"):
            name = f"{name}_{suffix}"
        return f"{name}_total" if self.type is Type.COUNTER else name


_C, _G, _H = Type.COUNTER, Type.GAUGE, Type.HISTOGRAM
_WORKER, _PROJECTOR, _API, _ALL = "worker", "projector", "api", "all"
_AGENT = "fuseline.agent"

CALLS = "fuseline.calls"
REJECTED = "fuseline.calls.rejected"
PROBES = "fuseline.probes"
WAITING = "fuseline.outcomes.waiting"
SPOOLED = "fuseline.spool.outcomes"
SPOOL_SIZE = "fuseline.spool.size"
DROPPED = "fuseline.outcomes.dropped"
CIRCUIT_STATE = "fuseline.circuit.state"
CIRCUIT_MODE = "fuseline.circuit.mode"
FAILURE_RATE = "fuseline.circuit.failure_ratio"
WINDOW_CALLS = "fuseline.circuit.window.calls"
UNREADABLE = "fuseline.circuits.unreadable"
UNPROJECTED = "fuseline.shards.unprojected"
SHARDS = "fuseline.projector.shards"
LAG_EVENTS = "fuseline.projector.lag.events"
LAG = "fuseline.projector.lag"
FOLDED = "fuseline.projector.events"

METRICS: tuple[Metric, ...] = (
    Metric(CALLS, _C, "{call}", "Guarded calls that ended, by outcome.",
           (_AGENT, "fuseline.outcome"), _WORKER),
    Metric(REJECTED, _C, "{call}", "Calls that were refused: by the circuit, or because too many "
           "were in flight.", (_AGENT, "fuseline.reason"), _WORKER),
    Metric(PROBES, _C, "{call}", "Probes of half-open circuits that ended, by outcome.",
           (_AGENT, "fuseline.outcome"), _WORKER),
    Metric(WAITING, _G, "{outcome}", "Outcomes that the log has not acknowledged yet.",
           (), _WORKER),
    Metric(SPOOLED, _G, "{outcome}", "Outcomes on disk alone, while the server is away.",
           (), _WORKER),
    Metric(SPOOL_SIZE, _G, "By", "Size of the spool on disk.", (), _WORKER),
    Metric(DROPPED, _C, "{outcome}", "Outcomes that never reach the log; must be 0.",
           (), _WORKER),
    Metric("fuseline.append.size", _H, "{outcome}", "Outcomes in one append to the log.",
           (), _WORKER, False, _SIZES),
    Metric("fuseline.append.duration", _H, "s", "Time from sending appends to the server's answer.",
           (), _WORKER, False, _SECONDS),
    Metric("fuseline.feed.lag", _H, "s", "Time from the event that changed a circuit to the moment "
           "this process learned of the change.", (), _WORKER, False, _SECONDS),
    Metric(CIRCUIT_STATE, _G, "{circuit}", "1 for the state a circuit is in, else 0.",
           (_AGENT, "fuseline.state"), "projector, api"),
    Metric(FAILURE_RATE, _G, "1", "Failures / calls of the sliding window.",
           (_AGENT,), "projector, api"),
    Metric(WINDOW_CALLS, _G, "{call}", "Calls in the sliding window.",
           (_AGENT,), "projector, api"),
    Metric(CIRCUIT_MODE, _G, "{circuit}", "Circuits by mode: auto, or forced by an operator.",
           ("fuseline.mode",), "projector, api"),
    Metric("fuseline.transitions", _C, "{transition}", "Transitions, by the state entered and the "
           "cause.", (_AGENT, "fuseline.transition.to", "fuseline.transition.cause"), _PROJECTOR,
           False),
    Metric(SHARDS, _G, "{shard}", "Shards this process projects.", (), _PROJECTOR),
    Metric(FOLDED, _C, "{event}", "Events folded.", (), _PROJECTOR),
    Metric(LAG_EVENTS, _G, "{event}", "Events known to wait for the projector: those at hand, and "
           "at least one for each agent whose log has more.", (), _PROJECTOR),
    Metric(LAG, _G, "s", "How long the projector has been behind the log; once it has caught up, "
           "the age of the last event when its fold was stored.", (), _PROJECTOR),
    Metric("fuseline.projector.fold.duration", _H, "s", "Time to fold a batch of events and to "
           "store the circuits.", (), _PROJECTOR, False, _SECONDS),
    Metric(UNREADABLE, _G, "{circuit}", "Circuits that cannot be read.", (), _API),
    Metric(UNPROJECTED, _G, "{shard}", "Shards that no projector folds now.", (), _API),
    Metric("http.server.request.duration", _H, "s", "Time to the first byte of an answer.",
           ("http.request.method", "http.route", "http.response.status_code"), _API, False,
           _SECONDS),
    Metric("db.client.operation.duration", _H, "s", "Round trips to Redis; waiting for events "
           "(XREAD BLOCK) is not counted.", ("db.system.name", "db.operation.name"), _ALL, False,
           _SECONDS),
)  # fmt: skip

_meter = metrics.get_meter(SCOPE, version("fuseline"))
_made: dict[str, Any] = {}

for _metric in METRICS:
    _about = {"unit": _metric.unit, "description": _metric.meaning}
    match _metric.type:
        case Type.HISTOGRAM:
            _made[_metric.name] = _meter.create_histogram(
                _metric.name, **_about, explicit_bucket_boundaries_advisory=_metric.buckets
            )
        case Type.COUNTER if _metric.observed:
            _meter.create_observable_counter(
                _metric.name, [observed.counter(_metric.name)], **_about
            )
        case Type.COUNTER:
            _made[_metric.name] = _meter.create_counter(_metric.name, **_about)
        case Type.GAUGE:
            _meter.create_observable_gauge(_metric.name, [observed.gauge(_metric.name)], **_about)

append_size: Histogram = _made["fuseline.append.size"]
append_duration: Histogram = _made["fuseline.append.duration"]
feed_lag: Histogram = _made["fuseline.feed.lag"]
transitions: Counter = _made["fuseline.transitions"]
fold_duration: Histogram = _made["fuseline.projector.fold.duration"]
request_duration: Histogram = _made["http.server.request.duration"]
operation_duration: Histogram = _made["db.client.operation.duration"]
