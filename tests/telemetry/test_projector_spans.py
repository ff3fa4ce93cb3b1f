"""Each transition is told once, whoever commits it and however the commit's answer gets lost."""

import logging
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import BackendUnavailableError
from fuseline.core.events import Result
from fuseline.events.agents import register
from fuseline.events.backend import Backend
from tests.logbook import append, failing, failure, open_backend, outcome, transitions_of
from tests.projections.support import projecting, registered, until_folded, until_state
from tests.waiting import eventually


def trace_of(number: int) -> bytes:
    return number.to_bytes(16, "big") + number.to_bytes(8, "big")


def of_transitions(spans: InMemorySpanExporter) -> list[ReadableSpan]:
    return [span for span in spans.get_finished_spans() if span.name == "fuseline.transition"]


def linked(span: ReadableSpan) -> list[int]:
    """The calls a span is linked to, by the numbers of `trace_of`."""
    return [link.context.trace_id for link in span.links if not link.attributes]


async def test_of_two_projectors_one_tells(
    spans: InMemorySpanExporter,
    redis_url: str,
    namespace: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "fuseline.transitions")
    agents = [f"agent-{n}" for n in range(12)]
    async with (
        open_backend(redis_url, namespace) as backend,
        projecting(redis_url, namespace, "one"),
        projecting(redis_url, namespace, "two"),
    ):
        producers = [
            await registered(backend, agent, failing(2), n) for n, agent in enumerate(agents, 1)
        ]
        for producer in producers:
            await producer.fail(2)
        for agent in agents:
            await until_state(backend, agent, "open")
    told = [(span.attributes or {})["fuseline.agent"] for span in of_transitions(spans)]
    assert sorted(map(str, told)) == sorted(agents)
    lines = [record for record in caplog.records if record.message == "transition"]
    assert sorted(getattr(line, "agent", "") for line in lines) == sorted(agents)


@pytest.mark.parametrize("carried_out", [True, False])
async def test_an_answer_that_gets_lost_changes_nothing(
    spans: InMemorySpanExporter,
    monkeypatch: pytest.MonkeyPatch,
    redis_url: str,
    namespace: str,
    carried_out: bool,
) -> None:
    true_call = Backend.fcall_many
    cut: list[Any] = []

    async def call(self: Backend, calls: Sequence[Any], wire: Any = None) -> list[Any]:
        if calls[0][0] == "store" and any(b"transition" in str(a).encode() for a in calls[0][2]):
            cut.append(calls)
            if len(cut) == 1:
                if carried_out:
                    await true_call(self, calls, wire)
                raise BackendUnavailableError("the connection broke")
        return await true_call(self, calls, wire)

    async with open_backend(redis_url, namespace) as backend:
        producer = await registered(backend, "a", failing(2))
        async with projecting(redis_url, namespace):
            await until_folded(backend, "a")
            monkeypatch.setattr(Backend, "fcall_many", call)
            await producer.fail(2)
            await until_state(backend, "a", "open")
            await until_folded(backend, "a")
            await eventually(lambda: of_transitions(spans))
        assert cut
        assert len(await transitions_of(backend, "a")) == 1
    assert len(of_transitions(spans)) == 1


async def test_a_rate_is_linked_to_the_failures_of_its_window_also_after_a_takeover(
    spans: InMemorySpanExporter, redis_url: str, namespace: str
) -> None:
    config = CircuitBreakerConfig(
        failure_threshold=None, failure_rate_threshold=0.5, minimum_calls=6
    )
    async with open_backend(redis_url, namespace) as backend:
        await register(backend, "a", config, "tester")
        first = [failure(trace=trace_of(1), seq=1), outcome(seq=2), failure(seq=3)]
        async with projecting(redis_url, namespace, "one"):
            await append(backend, "a", first, first=1)
            await until_folded(backend, "a")
        later = [outcome(seq=4), outcome(seq=5), failure(trace=trace_of(2), seq=6)]
        async with projecting(redis_url, namespace, "two"):
            await append(backend, "a", later, first=4)
            await until_state(backend, "a", "open")
            await eventually(lambda: of_transitions(spans))
    (span,) = of_transitions(spans)
    assert linked(span) == [1, 2]
    attributes = span.attributes or {}
    assert attributes["fuseline.figures.failure_rate"] == 0.5
    assert attributes["fuseline.threshold.failure_rate"] == 0.5
    assert attributes["fuseline.threshold.minimum_calls"] == 6


async def test_slow_calls_are_linked_and_links_are_bounded(
    spans: InMemorySpanExporter, redis_url: str, namespace: str
) -> None:
    slow = CircuitBreakerConfig(
        failure_threshold=None, failure_rate_threshold=None,
        slow_call_seconds=1.0, slow_call_rate_threshold=0.5, minimum_calls=4,
    )  # fmt: skip
    events = [
        outcome(duration_ms=1500, trace=trace_of(1)),
        failure(duration_ms=3, trace=trace_of(2)),
        outcome(),
        outcome(duration_ms=1000, trace=trace_of(3)),
    ]
    many = [outcome(Result.FAILURE, trace=trace_of(n)) for n in range(1, 151)]
    for sent in (events, many):
        for place, event in enumerate(sent, 1):
            event.seq = place
    async with open_backend(redis_url, namespace) as backend, projecting(redis_url, namespace):
        await register(backend, "slow", slow, "tester")
        await register(backend, "many", failing(150), "tester")
        await append(backend, "slow", events, producer=1)
        await append(backend, "many", many, producer=2)
        await until_state(backend, "slow", "open")
        await until_state(backend, "many", "open")
        await eventually(lambda: len(of_transitions(spans)) == 2)
    found = {str((s.attributes or {})["fuseline.agent"]): linked(s) for s in of_transitions(spans)}
    assert found == {"slow": [1, 3], "many": list(range(51, 151))}


async def test_lag_grows_while_nothing_can_be_stored_and_ends_with_the_backlog(
    monkeypatch: pytest.MonkeyPatch, redis_url: str, namespace: str
) -> None:
    true_call = Backend.fcall_many
    is_stuck = True

    async def call(self: Backend, calls: Sequence[Any], wire: Any = None) -> list[Any]:
        if calls[0][0] == "store" and is_stuck:
            raise BackendUnavailableError("no answer")
        return await true_call(self, calls, wire)

    async with open_backend(redis_url, namespace) as backend:
        producer = await registered(backend, "a", failing(None))
        async with projecting(redis_url, namespace) as projector:
            await until_folded(backend, "a")
            lag = projector.lag
            await eventually(lambda: lag.seconds < 1 and not lag.is_behind)
            monkeypatch.setattr(Backend, "fcall_many", call)
            await producer.fail(3)
            await eventually(lambda: lag.is_behind and lag.seconds > 0.2)
            is_stuck = False
            await until_folded(backend, "a")
            await eventually(lambda: not lag.is_behind)
            before = lag.seconds
            for _ in range(5):  # each comes with its wake-up, and leaves nothing behind
                await producer.succeed(1)
                await until_folded(backend, "a")
            await eventually(lambda: not lag.is_behind)
            assert before < 60
            assert lag.events_folded >= 9
