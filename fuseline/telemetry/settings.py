"""Where Prometheus is answered, from OpenTelemetry's standard environment variables."""

from __future__ import annotations

from collections.abc import Mapping

from fuseline.core.errors import ConfigError

HOST_VARIABLE = "OTEL_EXPORTER_PROMETHEUS_HOST"
PORT_VARIABLE = "OTEL_EXPORTER_PROMETHEUS_PORT"
DEFAULT_HOST = "localhost"
DEFAULT_PORT = 9464


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
