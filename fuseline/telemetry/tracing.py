"""Tracers, trace contexts as the log holds them, and links.

Nothing here makes a span unless a tracer provider has been set, by the application or by
`providers`.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib.metadata import version

from opentelemetry import trace
from opentelemetry.trace import Link, Span, SpanContext, TraceFlags, Tracer

SCOPE = "fuseline"
"""Name of the instrumentation scope of every span and instrument."""

MAX_LINKS = 100
"""Most links of one span, the newest calls; the SDK's default limit is 128."""

_LENGTH = 24
_SAMPLED = TraceFlags(TraceFlags.SAMPLED)

_provider: object = None
_tracer: Tracer | None = None


def active_tracer() -> Tracer | None:
    """The tracer; None while no provider is set, or one that makes no spans."""
    global _provider, _tracer
    provider = trace.get_tracer_provider()
    if provider is not _provider:
        _provider, _tracer = provider, None
        if not isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
            tracer = provider.get_tracer(SCOPE, version("fuseline"))
            _tracer = None if isinstance(tracer, trace.NoOpTracer) else tracer
    return _tracer


def trace_bytes(span: Span | None = None) -> bytes:
    """Trace id and span id of a span, by default the current one, as events hold them.

    Nothing for a span that is not sampled: nobody could look it up.
    """
    context = (span or trace.get_current_span()).get_span_context()
    if not context.is_valid or not context.trace_flags.sampled:
        return b""
    return context.trace_id.to_bytes(16, "big") + context.span_id.to_bytes(8, "big")


def links_to(traces: Iterable[bytes]) -> list[Link]:
    """Links to the newest `MAX_LINKS` of those spans, each once; what is no context is left out."""
    known = dict.fromkeys(raw for raw in traces if len(raw) == _LENGTH)
    return [
        Link(
            SpanContext(
                int.from_bytes(raw[:16], "big"),
                int.from_bytes(raw[16:], "big"),
                is_remote=True,
                trace_flags=_SAMPLED,
            )
        )
        for raw in list(known)[-MAX_LINKS:]
    ]
