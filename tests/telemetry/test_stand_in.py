"""What stands in for a span is the trace context, too, and has all that such a one has."""

import asyncio
from typing import Any

import pytest
from opentelemetry import baggage, context, trace
from opentelemetry.context import Context
from opentelemetry.propagate import inject
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fuseline import CircuitBreaker, CircuitBreakerManager
from fuseline.telemetry import current as current_module
from fuseline.telemetry.call_span import CallSpan
from fuseline.telemetry.calls import CallSpans
from fuseline.telemetry.current import find_current
from tests.bridge.support import Callee
from tests.telemetry.test_call_spans import calls


async def loaded(manager: CircuitBreakerManager) -> CircuitBreaker:
    breaker = manager.get("a")
    await breaker.call(Callee().ok)  # the first one loads the circuit
    return breaker


async def test_a_context_made_from_it_has_the_span_and_what_was_there(
    spans: InMemorySpanExporter, manager: CircuitBreakerManager
) -> None:
    breaker = await loaded(manager)
    seen: list[Context] = []

    async def callee() -> dict[str, str]:
        here = context.get_current()
        assert isinstance(here, CallSpan)
        assert trace.get_current_span(here) is here
        assert len({here, here}) == 1
        assert baggage.get_all(here) == {"order": "17"}
        further = context.set_value("key", "value", here)
        for made in (further, Context(here), Context(**here)):
            assert trace.get_current_span(made) is here
            assert baggage.get_baggage("order", made) == "17"
            assert set(here) <= set(made)
        assert dict(here) == here.copy() == dict(here.items())
        assert list(here.values()) == [here[key] for key in here]
        assert len(here) == len(here.keys()) == 2
        assert "nothing" not in here
        with pytest.raises(KeyError):
            here["nothing"]
        with pytest.raises(ValueError, match=r"^$"):
            here["key"] = "value"
        seen.append(here)
        headers: dict[str, str] = {}
        inject(headers)
        return headers

    token = context.attach(baggage.set_baggage("order", "17"))
    headers = await breaker.call(callee)
    assert context.get_current() not in seen
    context.detach(token)
    _, span = await calls(spans, 2)
    assert span.context is not None
    assert headers["baggage"] == "order=17"
    assert headers["traceparent"].split("-")[2] == trace.format_span_id(span.context.span_id)


async def test_calls_in_calls_and_tasks_are_below_the_one_they_began_in(
    spans: InMemorySpanExporter, manager: CircuitBreakerManager
) -> None:
    breaker = await loaded(manager)
    callee = Callee()

    async def outer() -> None:
        await breaker.call(callee.ok)
        await asyncio.gather(*(asyncio.create_task(breaker.call(callee.ok)) for _ in range(2)))

    await breaker.call(outer)
    assert trace.get_current_span() is trace.INVALID_SPAN
    _, whole, *inner = await calls(spans, 5)
    assert whole.context is not None
    assert [span.parent.span_id for span in inner if span.parent] == [whole.context.span_id] * 3


async def test_a_task_that_outlives_its_request_has_spans(
    spans: InMemorySpanExporter, provider: TracerProvider, manager: CircuitBreakerManager
) -> None:
    breaker = await loaded(manager)
    go_on = asyncio.Event()

    async def later() -> None:
        await go_on.wait()
        await breaker.call(Callee().ok)

    with provider.get_tracer("app").start_as_current_span("request") as request:
        task = asyncio.create_task(later())
    assert not request.is_recording()
    go_on.set()
    await task
    _, span = await calls(spans, 2)
    assert span.parent is not None
    assert span.parent.span_id == request.get_span_context().span_id


async def test_a_method_held_from_before_there_was_a_tracer_has_spans(
    monkeypatch: pytest.MonkeyPatch,
    spans: InMemorySpanExporter,
    provider: TracerProvider,
    manager: CircuitBreakerManager,
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(trace, "get_tracer_provider", trace.NoOpTracerProvider)
        breaker = await loaded(manager)
        held = breaker.call
        assert breaker.spans is None
    breaker.look_for_tracer()
    assert breaker.call != held
    await held(Callee().ok)
    await breaker.call(Callee().ok)
    await calls(spans, 2)
    with monkeypatch.context() as patched:
        patched.setattr(trace, "get_tracer_provider", trace.NoOpTracerProvider)
        breaker.look_for_tracer()
        assert breaker.call == held
        await breaker.call(Callee().ok)
    await calls(spans, 2)


def test_where_the_context_is_kept() -> None:
    found = find_current()
    assert found.get() == context.get_current()
    here = Context({"key": "value"})
    token = found.set(here)
    assert context.get_current() is here
    found.reset(token)
    assert context.get_current() is not here


async def test_a_runtime_that_keeps_the_context_elsewhere_is_asked(
    monkeypatch: pytest.MonkeyPatch,
    spans: InMemorySpanExporter,
    provider: TracerProvider,
    manager: CircuitBreakerManager,
) -> None:
    nothing: Any = dict
    monkeypatch.setattr(current_module, "copy_context", nothing)
    assert type(CallSpans(provider.get_tracer("x"), "a").current).__name__ == "_Asking"
    breaker = await loaded(manager)

    async def callee() -> None:
        assert isinstance(trace.get_current_span(), CallSpan)

    await breaker.call(callee)
    assert trace.get_current_span() is trace.INVALID_SPAN
    await calls(spans, 2)
