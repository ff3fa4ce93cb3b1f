"""Providers for one test: those of the process can be set only once."""

from collections.abc import AsyncIterator, Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fuseline import CircuitBreakerManager
from fuseline.telemetry.observed import DEFAULT_LIMIT, AgentNames, observed
from tests.bridge.support import connected


@pytest.fixture(autouse=True)
def figures_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the agents that other tests of this process have named and counted."""
    monkeypatch.setattr(observed, "names", AgentNames(DEFAULT_LIMIT))
    monkeypatch.setattr(observed, "_kept", {})


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[TracerProvider]:
    """What an application has set as its tracer provider."""
    made = TracerProvider(shutdown_on_exit=False)
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: made)
    yield made
    made.shutdown()


@pytest.fixture
def spans(provider: TracerProvider) -> InMemorySpanExporter:
    """The spans that have ended."""
    exporter = InMemorySpanExporter()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return exporter


@pytest.fixture
async def manager(redis_url: str, namespace: str) -> AsyncIterator[CircuitBreakerManager]:
    async with connected(redis_url, namespace) as opened:
        yield opened
