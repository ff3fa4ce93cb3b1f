"""The spans of calls that a transport of an HTTP client guards."""

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fuseline import CircuitBreakerManager, CircuitBreakerOpenError
from tests.bridge.agents import manners as m
from tests.bridge.agents.server import agent_at
from tests.integrations.clients import Aiohttp, Client, Httpx2
from tests.integrations.support import opening
from tests.waiting import eventually


@pytest.mark.parametrize("kind", [Httpx2, Aiohttp])
async def test_each_call_has_a_span_and_the_caller_keeps_its_own(
    spans: InMemorySpanExporter,
    provider: TracerProvider,
    manager: CircuitBreakerManager,
    kind: type[Client],
) -> None:
    def calls() -> list[ReadableSpan]:
        return [span for span in spans.get_finished_spans() if span.name == "fuseline.call"]

    turns = m.in_turn(m.streams([b"1\n", b"2\n"]), m.answers(1, 503))
    options = {"agent_of": lambda _: "a", "config": opening()}
    async with agent_at(turns) as agent, kind(manager, 30, options) as client:
        with provider.get_tracer("app").start_as_current_span("app") as parent:
            async with client.head(agent.url) as body:
                assert trace.get_current_span() is parent
                async for _ in body:
                    assert trace.get_current_span() is parent
            assert trace.get_current_span() is parent
            assert await client.status(agent.url) == 503
            with pytest.raises(CircuitBreakerOpenError):
                await client.status(agent.url)
            assert trace.get_current_span() is parent
    await eventually(lambda: len(calls()) >= 3, 60)
    ended = sorted(calls(), key=lambda span: span.start_time or 0)
    assert [(span.attributes or {}).get("fuseline.outcome", "") for span in ended] == [
        "success",
        "failure",
        "",
    ]
    assert {span.parent.span_id for span in ended if span.parent} == {
        parent.get_span_context().span_id
    }
