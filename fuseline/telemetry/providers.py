"""Providers of Fuseline's own processes, from OpenTelemetry's standard environment variables.

Set are only those that the environment asks for: OTEL_TRACES_EXPORTER, OTEL_METRICS_EXPORTER, or an
OTEL_EXPORTER_OTLP_* endpoint. Samplers, limits, resource and the exporters' own settings are read
by the SDK itself (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points, version
from time import monotonic
from typing import Any
from uuid import uuid4

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricReader, PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

from fuseline.core.errors import ConfigError
from fuseline.telemetry import exposition
from fuseline.telemetry.observed import limit_from_env, observed
from fuseline.telemetry.settings import (
    ENDPOINT_VARIABLE,
    FLUSH_SECONDS,
    exporter_names,
    is_disabled,
)

_PROTOCOLS = {"grpc": "otlp_proto_grpc", "http/protobuf": "otlp_proto_http"}
_OTLP_MISSING = (
    "an exporter that is installed: OTLP needs the extra `otlp` (pip install 'fuseline[otlp]')"
)


@contextmanager
def configured(environ: Mapping[str, str], service: str) -> Iterator[None]:
    """Sets the providers that the environment asks for; flushes them at the end.

    Args:
        environ: the environment.
        service: service.name, unless OTEL_SERVICE_NAME or OTEL_RESOURCE_ATTRIBUTES has one.

    Raises:
        ConfigError: a variable asks for an exporter or protocol that there is not, or for a port
            that cannot be had.
    """
    observed.names.limit = limit_from_env(environ)
    # The SDK reads its own part from the process's environment, so both must be the same.
    ends: list[Callable[[], object]] = []
    if not is_disabled(environ):
        resource = _resource(environ, service)
        span_exporters = _exporters(environ, "traces")
        readers = _readers(environ, ends)
        if span_exporters:
            tracers = TracerProvider(resource=resource, shutdown_on_exit=False)
            for exporter in span_exporters:
                tracers.add_span_processor(BatchSpanProcessor(exporter))
            trace.set_tracer_provider(tracers)
            ends.append(tracers.shutdown)
        if readers:
            meters = MeterProvider(readers, resource=resource, shutdown_on_exit=False)
            metrics.set_meter_provider(meters)
            ends.append(lambda: meters.shutdown(FLUSH_SECONDS * 1000))
    try:
        yield
    finally:
        _end(ends)


def _resource(environ: Mapping[str, str], service: str) -> Resource:
    given = environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    if environ.get("OTEL_SERVICE_NAME"):
        given += ",service.name="
    own = {
        "service.name": service,
        "service.version": version("fuseline"),
        # Without it the figures of two workers would be one series at a collector.
        "service.instance.id": str(uuid4()),
    }
    return Resource.create({name: own[name] for name in own if f"{name}=" not in given})


def _readers(environ: Mapping[str, str], ends: list[Callable[[], object]]) -> list[MetricReader]:
    readers: list[MetricReader] = [
        PeriodicExportingMetricReader(exporter, cardinality_limits=exposition.series_limits())
        for exporter in _exporters(environ, "metrics")
    ]
    if "prometheus" in exporter_names(environ, "metrics"):
        # The port first: a reader that is made and then not registered would read nothing for ever.
        ends.append(exposition.serve(environ))
        readers.append(exposition.make_reader())
    return readers


def _exporters(environ: Mapping[str, str], signal: str) -> list[Any]:
    found = []
    for name in exporter_names(environ, signal):
        if name == "prometheus" and signal == "metrics":
            continue
        variable = f"OTEL_{signal.upper()}_EXPORTER"
        entry = name
        if name == "otlp":
            entry, variable = _otlp_entry(environ, signal)
        (*matches,) = entry_points(group=f"opentelemetry_{signal}_exporter", name=entry)
        if not matches:
            allowed = (
                _OTLP_MISSING
                if name.startswith("otlp")
                else f"{', '.join(_known(signal))}, or none"
            )
            raise ConfigError(variable, environ.get(variable) or name, allowed)
        found.append(matches[0].load()())
    return found


def _otlp_entry(environ: Mapping[str, str], signal: str) -> tuple[str, str]:
    """The entry point of the OTLP exporter by its protocol, and the variable that asks for it."""
    upper = signal.upper()
    for variable in (f"OTEL_EXPORTER_OTLP_{upper}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        if protocol := environ.get(variable, "").strip().lower():
            if protocol not in _PROTOCOLS:
                raise ConfigError(variable, protocol, " or ".join(_PROTOCOLS))
            return _PROTOCOLS[protocol], variable
    for variable in (
        f"OTEL_{upper}_EXPORTER",
        f"OTEL_EXPORTER_OTLP_{upper}_ENDPOINT",
        ENDPOINT_VARIABLE,
    ):
        if environ.get(variable):
            break
    return _PROTOCOLS["grpc"], variable  # as the SDK for Python has it


def _known(signal: str) -> list[str]:
    own = ["otlp", "console"] + (["prometheus"] if signal == "metrics" else [])
    installed = {entry.name for entry in entry_points(group=f"opentelemetry_{signal}_exporter")}
    return own + sorted(
        name for name in installed if name not in own and not name.startswith("otlp")
    )


def _end(ends: list[Callable[[], object]]) -> None:
    """Runs what flushes, each beside the others, and waits for a bounded time."""
    threads = [threading.Thread(target=end, daemon=True, name="fuseline-flush") for end in ends]
    for thread in threads:
        thread.start()
    deadline = monotonic() + FLUSH_SECONDS
    for thread in threads:
        thread.join(max(0.0, deadline - monotonic()))
