"""What is exported and where, from OpenTelemetry's standard environment variables."""

from __future__ import annotations

from collections.abc import Mapping

from fuseline.core.errors import ConfigError

HOST_VARIABLE = "OTEL_EXPORTER_PROMETHEUS_HOST"
PORT_VARIABLE = "OTEL_EXPORTER_PROMETHEUS_PORT"
DEFAULT_HOST = "localhost"
DEFAULT_PORT = 9464

ENDPOINT_VARIABLE = "OTEL_EXPORTER_OTLP_ENDPOINT"
FLUSH_SECONDS = 2.0
"""Longest wait, when a process ends, for what is left to reach the collector."""


def is_disabled(environ: Mapping[str, str]) -> bool:
    """Whether OTEL_SDK_DISABLED turns everything off."""
    return environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"


def exporter_names(environ: Mapping[str, str], signal: str) -> list[str]:
    """The exporters asked for, of "traces" or "metrics"; an endpoint alone asks for OTLP."""
    upper = signal.upper()
    text = environ.get(f"OTEL_{upper}_EXPORTER", "").strip().lower()
    if not text:
        has_endpoint = environ.get(ENDPOINT_VARIABLE) or environ.get(
            f"OTEL_EXPORTER_OTLP_{upper}_ENDPOINT"
        )
        return ["otlp"] if has_endpoint else []
    return [name for part in text.split(",") if (name := part.strip()) not in ("", "none")]


def flush_seconds(environ: Mapping[str, str]) -> float:
    """How long a process may take at its end to hand over what is left; 0: nothing is exported."""
    if is_disabled(environ):
        return 0.0
    asked = any(exporter_names(environ, signal) for signal in ("traces", "metrics"))
    return FLUSH_SECONDS if asked else 0.0


def port_from_env(environ: Mapping[str, str]) -> int:
    """OTEL_EXPORTER_PROMETHEUS_PORT, else 9464; 0 is any that is free.

    Raises:
        ConfigError: it is no port.
    """
    text = environ.get(PORT_VARIABLE, "").strip()
    if not text:
        return DEFAULT_PORT
    if not (text.isascii() and text.isdigit()) or int(text) > 65_535:
        raise ConfigError(PORT_VARIABLE, text, "a port from 0 to 65535")
    return int(text)
