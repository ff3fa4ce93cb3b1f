"""All figures in Prometheus's text format: for the API's `/metrics`, and on a port of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from opentelemetry import metrics
from opentelemetry.exporter.prometheus import PrometheusMetricReader
from opentelemetry.sdk.metrics import Counter, MeterProvider, ObservableCounter, ObservableGauge
from opentelemetry.sdk.metrics.export import CardinalityLimits, MetricReader
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    start_http_server,
)
from prometheus_client.exposition import generate_latest

from fuseline.core.errors import ConfigError
from fuseline.telemetry.logs import get_logger
from fuseline.telemetry.observed import observed
from fuseline.telemetry.settings import DEFAULT_HOST, HOST_VARIABLE, PORT_VARIABLE, port_from_env

CONTENT_TYPE = CONTENT_TYPE_LATEST.partition("; charset")[0]
"""Of what `text` gives; web frameworks add the charset by themselves."""

_SDK_LIMIT = 2000
_SERIES_OF_AN_AGENT = 12  # of one metric at most: transitions, by cause

_registry = CollectorRegistry()
_reader: MetricReader | None = None
_log = get_logger("telemetry")

# CPU, memory, open files, garbage: what every dashboard of a Python process knows.
ProcessCollector(registry=_registry)
PlatformCollector(registry=_registry)
GCCollector(registry=_registry)


def series_limits() -> CardinalityLimits:
    """How many series a metric may have before the SDK folds the rest: never fewer than ours."""
    limit = _SDK_LIMIT + observed.names.limit * _SERIES_OF_AN_AGENT
    kinds = (Counter, ObservableCounter, ObservableGauge)
    return dict.fromkeys(kinds, limit)


def make_reader() -> MetricReader:
    """The process's reader for Prometheus, to be given to its meter provider."""
    global _reader
    if _reader is None:
        _reader = PrometheusMetricReader(
            scope_info_enabled=False, registry=_registry, cardinality_limits=series_limits()
        )
    return _reader


def ensure_reader() -> None:
    """Figures are kept for Prometheus from here on, whatever else the provider does with them."""
    if _reader is None:
        provider = metrics.get_meter_provider()
        if isinstance(provider, MeterProvider):
            provider.add_metric_reader(make_reader())
        else:
            metrics.set_meter_provider(MeterProvider([make_reader()], shutdown_on_exit=False))


def text() -> bytes:
    """All figures of the process now."""
    ensure_reader()
    return generate_latest(_registry)


def serve(environ: Mapping[str, str]) -> Callable[[], None]:
    """Answers on OTEL_EXPORTER_PROMETHEUS_HOST and _PORT; returns what ends that.

    Raises:
        ConfigError: the port is none, or cannot be had.
    """
    host = environ.get(HOST_VARIABLE, "").strip() or DEFAULT_HOST
    port = port_from_env(environ)
    try:
        server, _ = start_http_server(port, host, registry=_registry)
    except OSError as error:
        raise ConfigError(PORT_VARIABLE, port, f"a free port of {host} ({error})") from error
    _log.info("metrics_answered", host=host, port=server.server_port)

    def end() -> None:
        server.shutdown()
        server.server_close()

    return end
