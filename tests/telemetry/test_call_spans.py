"""The spans of guarded calls, in an application that has a provider of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from fuseline import (
    BulkheadFullError,
    CircuitBreaker,
    CircuitBreakerConfig,
    CircuitBreakerManager,
    CircuitBreakerOpenError,
)
from fuseline.telemetry.call_span import CallSpan
from tests.bridge.support import Boom, Callee, fail_times
from tests.logbook import failing, outcomes_of
from tests.waiting import eventually


async def calls(spans: InMemorySpanExporter, count: int) -> list[ReadableSpan]:
    """The spans of guarded calls by their start, once there are so many."""

    def found() -> list[ReadableSpan]:
        return [span for span in spans.get_finished_spans() if span.name == "fuseline.call"]

    await eventually(lambda: len(found()) >= count)
    assert len(found()) == count
    return sorted(found(), key=lambda span: span.start_time or 0)


def about(span: ReadableSpan) -> dict[str, Any]:
    return {
        name.removeprefix("fuseline."): value for name, value in (span.attributes or {}).items()
    }


async def test_a_quick_success_is_a_child_of_the_callers_span(
    spans: InMemorySpanExporter, provider: TracerProvider, manager: CircuitBreakerManager
) -> None:
    breaker, callee = manager.get("a"), Callee()
    with provider.get_tracer("app").start_as_current_span("app") as parent:
        await breaker.call(callee.ok)  # the first one loads the circuit
        await breaker.call(callee.ok)
        await breaker.call(callee.ok)
        assert trace.get_current_span() is parent
    for span in await calls(spans, 3):
        assert span.parent is not None
        assert span.parent.span_id == parent.get_span_context().span_id
        assert span.kind is SpanKind.CLIENT
        assert span.status.status_code is StatusCode.UNSET
        assert span.start_time is not None
        assert span.end_time is not None
        assert 0 <= span.end_time - span.start_time < 5e9
        assert about(span) == {
            "agent": "a", "peer.service": "a", "state": "closed", "epoch": 0,
            "decision": "admitted", "outcome": "success",
        }  # fmt: skip


async def test_what_the_callee_does_is_below_the_call(
    spans: InMemorySpanExporter, provider: TracerProvider, manager: CircuitBreakerManager
) -> None:
    tracer = provider.get_tracer("app")

    async def callee() -> str:
        assert isinstance(trace.get_current_span(), CallSpan)
        await asyncio.sleep(0)
        with tracer.start_as_current_span("inner"):
            return "done"

    breaker = manager.get("a")
    for _ in range(3):
        assert await breaker.call(callee) == "done"
    inner = [span for span in spans.get_finished_spans() if span.name == "inner"]
    parents = {span.parent.span_id for span in inner if span.parent}
    assert parents == {span.context.span_id for span in await calls(spans, 3) if span.context}


async def test_a_failure_has_the_span_in_its_event(
    spans: InMemorySpanExporter, manager: CircuitBreakerManager
) -> None:
    breaker, callee = manager.get("a", failing(None)), Callee()
    await fail_times(breaker, callee, 2)
    first, second = await calls(spans, 2)
    assert about(second)["failure_kind"] == about(second)["error.type"] == "Boom"
    assert second.status.status_code is StatusCode.ERROR
    await manager.flush()
    traces = [outcome.trace for outcome in await outcomes_of(manager.backend, "a")]
    assert traces == [
        span.context.trace_id.to_bytes(16, "big") + span.context.span_id.to_bytes(8, "big")
        for span in (first, second)
        if span.context
    ]


async def test_refusals_say_why(
    spans: InMemorySpanExporter, manager: CircuitBreakerManager
) -> None:
    breaker, callee = manager.get("a", failing(1)), Callee()
    await fail_times(breaker, callee, 1)
    for _ in range(2):
        with pytest.raises(CircuitBreakerOpenError):
            await breaker.call(callee.ok)
    with pytest.raises(CircuitBreakerOpenError):
        async with breaker:
            pass
    narrow = manager.get("b", CircuitBreakerConfig(max_concurrent_calls=1))
    async with narrow:
        with pytest.raises(BulkheadFullError):
            await narrow.call(callee.ok)
    found = [about(span) for span in await calls(spans, 6)]
    assert [one["decision"] for one in found] == (
        ["admitted", "rejected", "rejected", "rejected", "admitted", "bulkhead_full"]
    )
    assert [one["state"] for one in found[1:4]] == ["open"] * 3
    assert narrow.overflowed == 1


async def test_a_stream_is_one_call_and_its_consumer_is_not_below_it(
    spans: InMemorySpanExporter, provider: TracerProvider, manager: CircuitBreakerManager
) -> None:
    tracer = provider.get_tracer("app")

    async def items() -> AsyncIterator[int]:
        for number in range(3):
            with tracer.start_as_current_span("item"):
                pass
            yield number

    breaker = manager.get("a")
    await breaker.call(Callee().ok)
    async for _ in await breaker.call(items):
        assert not isinstance(trace.get_current_span(), CallSpan)
    _, whole = await calls(spans, 2)
    made = [span for span in spans.get_finished_spans() if span.name == "item"]
    assert whole.context is not None
    assert [span.parent.span_id for span in made if span.parent] == [whole.context.span_id] * 3
    assert about(whole)["outcome"] == "success"


async def test_each_way_to_guard_makes_one_span(
    spans: InMemorySpanExporter, manager: CircuitBreakerManager
) -> None:
    judged = manager.get("judged", classifier=lambda result, error: None)
    await judged.call(Callee().ok)
    breaker = manager.get("a", failing(None))

    @breaker
    async def decorated() -> None:
        raise Boom

    with suppress(Boom):
        await decorated()
    async with breaker:
        assert isinstance(trace.get_current_span(), CallSpan)
    with suppress(Boom):
        async with breaker:
            raise Boom
    await cancelled_call(breaker)
    outcomes = [about(span)["outcome"] for span in await calls(spans, 5)]
    assert outcomes == ["success", "failure", "success", "failure", "abandoned"]
    assert trace.get_current_span() is trace.INVALID_SPAN


async def cancelled_call(breaker: CircuitBreaker) -> None:
    entered = asyncio.Event()

    async def wait() -> None:
        entered.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(breaker.call(wait))
    await entered.wait()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_in_a_trace_that_is_not_sampled_there_are_neither_spans_nor_links(
    spans: InMemorySpanExporter, manager: CircuitBreakerManager
) -> None:
    breaker = manager.get("a", failing(None))
    unsampled = TracerProvider(ALWAYS_OFF, shutdown_on_exit=False).get_tracer("app")
    with unsampled.start_as_current_span("app") as parent:

        async def callee() -> None:
            assert trace.get_current_span() is parent
            raise Boom

        for _ in range(2):
            with suppress(Boom):
                await breaker.call(callee)
    await manager.flush()
    assert [o.trace for o in await outcomes_of(manager.backend, "a")] == [b"", b""]
    assert spans.get_finished_spans() == ()


async def test_without_a_provider_nothing_is_made(manager: CircuitBreakerManager) -> None:
    breaker = manager.get("a")
    seen = []

    async def callee() -> None:
        seen.append(trace.get_current_span())

    await breaker.call(callee)
    await breaker.call(callee)
    assert breaker.spans is None
    assert seen == [trace.INVALID_SPAN] * 2


async def test_a_provider_that_comes_later_is_found(
    monkeypatch: pytest.MonkeyPatch, manager: CircuitBreakerManager
) -> None:
    breaker, callee = manager.get("a"), Callee()
    await breaker.call(callee.ok)
    exporter = InMemorySpanExporter()
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)

    async def called() -> bool:
        await breaker.call(callee.ok)
        return breaker.spans is not None

    await eventually(called)
    await breaker.call(callee.ok)
    await eventually(exporter.get_finished_spans)
