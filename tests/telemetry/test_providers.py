"""What Fuseline's own processes set up from OTEL_* variables."""

import signal
import time
from importlib import metadata
from typing import Any

import httpx2
import pytest
from opentelemetry import metrics, trace

from fuseline.core.errors import ConfigError
from fuseline.telemetry import providers
from fuseline.telemetry.providers import configured
from tests.cli.support import discard, environment, run, start, stop


def refused(environ: dict[str, str]) -> ConfigError:
    with pytest.raises(ConfigError) as caught, configured(environ, "test"):
        pass
    return caught.value


@pytest.mark.parametrize(
    ("variable", "value", "allowed"),
    [
        ("OTEL_TRACES_EXPORTER", "jaeger", "otlp, console, or none"),
        ("OTEL_METRICS_EXPORTER", "statsd", "otlp, console, prometheus, or none"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "carrier-pigeon", "grpc or http/protobuf"),
        ("OTEL_EXPORTER_PROMETHEUS_PORT", "many", "a port from 0 to 65535"),
        ("FUSELINE_METRICS_MAX_AGENTS", "-1", "a whole number from 1 to 100000"),
    ],
)
def test_what_is_not_allowed_is_named(variable: str, value: str, allowed: str) -> None:
    asked = {"OTEL_TRACES_EXPORTER": "otlp", variable: value}
    if variable == "OTEL_EXPORTER_PROMETHEUS_PORT":
        asked = {"OTEL_METRICS_EXPORTER": "prometheus", variable: value}
    error = refused(asked)
    assert (error.field, error.value, error.allowed) == (variable, value, allowed)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317"),
        ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:4317"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://127.0.0.1:4317"),
        ("OTEL_TRACES_EXPORTER", "otlp"),
        ("OTEL_METRICS_EXPORTER", "otlp_proto_http"),
    ],
)
def test_otlp_without_its_extra_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    def without_extra(**wanted: Any) -> Any:
        found = metadata.entry_points(**wanted)
        return [entry for entry in found if not entry.name.startswith("otlp")]

    monkeypatch.setattr(providers, "entry_points", without_extra)
    error = refused({variable: value})
    assert (error.field, error.value) == (variable, value)
    assert "pip install 'fuseline[otlp]'" in error.allowed


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"},
    ],
)
def test_nothing_asked_for_is_nothing_set(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    def refuse(provider: object) -> None:
        raise AssertionError(provider)

    monkeypatch.setattr(trace, "set_tracer_provider", refuse)
    monkeypatch.setattr(metrics, "set_meter_provider", refuse)
    if "OTEL_TRACES_EXPORTER" in environ:
        environ = environ | {"OTEL_METRICS_EXPORTER": "none"}
    with configured(environ, "test"):
        pass


def test_a_command_says_it_in_one_line(redis_url: str, namespace: str) -> None:
    env = environment(
        REDIS_URL=redis_url, FUSELINE_NAMESPACE=namespace, OTEL_TRACES_EXPORTER="jaeger"
    )
    ended = run("projector", env=env)
    assert ended.code == 2
    assert ended.err.count("\n") == 1
    assert "OTEL_TRACES_EXPORTER: 'jaeger' is not allowed" in ended.err


def test_a_dead_collector_holds_nobody_up_and_prometheus_is_answered(
    redis_url: str, namespace: str
) -> None:
    env = environment(
        REDIS_URL=redis_url,
        FUSELINE_NAMESPACE=namespace,
        FUSELINE_SHARDS="4",
        FUSELINE_LOG_FORMAT="json",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        OTEL_METRICS_EXPORTER="otlp,prometheus",
        OTEL_EXPORTER_PROMETHEUS_PORT="0",
    )
    process = start(["projector"], env)
    try:
        assert process.stderr is not None
        line = next(line for line in process.stderr if "metrics_answered" in line)
        port = line.partition('"port": ')[2].partition(",")[0].rstrip("}\n ")
        text = httpx2.get(f"http://localhost:{port}/metrics", trust_env=False).text
        assert "process_cpu_seconds_total" in text
        assert any("projector_started" in line for line in process.stderr)  # it hears signals now
        began = time.monotonic()
        ended = stop(process, signal.SIGTERM)
        assert ended.code == 0, ended.err
        assert time.monotonic() - began < 2 * providers.FLUSH_SECONDS + 5
    finally:
        discard(process)
