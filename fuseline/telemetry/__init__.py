"""Traces, metrics and log lines: the one place that sets OpenTelemetry and structlog up.

Everything else asks here for a logger, a tracer or an instrument, and gets OpenTelemetry's API: an
application that brings its own providers sees Fuseline's telemetry with its own, one that brings
none pays nothing. Fuseline's own processes set providers up from the standard OTEL_* variables
(`providers`). Imports the core only, so every layer above may use it.
"""
