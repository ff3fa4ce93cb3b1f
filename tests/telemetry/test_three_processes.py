"""One story over three processes, told by an OTLP receiver: caller, agent and projector."""

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.cli.support import discard, environment, finish, start, until
from tests.logbook import open_backend, outcomes_of, transitions_of
from tests.telemetry.collector import Collector, ReceivedSpan, collecting

SERVER, CLIENT = 2, 3
ERROR = 2


@pytest.fixture(params=["grpc", "http/protobuf"])
def received(request: pytest.FixtureRequest) -> Iterator[tuple[Collector, dict[str, str]]]:
    """A collector, and what a process needs to find it."""
    with collecting() as collector:
        is_grpc = request.param == "grpc"
        yield (
            collector,
            {
                "OTEL_EXPORTER_OTLP_PROTOCOL": request.param,
                "OTEL_EXPORTER_OTLP_ENDPOINT": (
                    collector.grpc_endpoint if is_grpc else collector.http_endpoint
                ),
                "OTEL_BSP_SCHEDULE_DELAY": "50",
                "OTEL_METRIC_EXPORT_INTERVAL": "200",
                "FUSELINE_LOG_FORMAT": "json",
            },
        )


def spawn(module: str, *arguments: str, env: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
    )


async def test_a_transition_leads_to_the_calls_that_caused_it(
    received: tuple[Collector, dict[str, str]], redis_url: str, namespace: str
) -> None:
    collector, found_by = received
    env = environment(
        REDIS_URL=redis_url, FUSELINE_NAMESPACE=namespace, FUSELINE_SHARDS="4", **found_by
    )
    agent = spawn("tests.telemetry.agent", env=env)
    projector = start(["projector"], env | {"OTEL_SERVICE_NAME": "projector"})
    try:
        assert agent.stdout is not None
        port = agent.stdout.readline().strip()
        caller = finish(spawn("tests.telemetry.caller", redis_url, namespace, port, env=env))
        assert caller.code == 0, caller.err
        ends = [line.split()[0] for line in caller.out.splitlines()]
        assert ends == ["success"] * 2 + ["http_503"] * 3 + ["rejected"] + ["success"] * 2
        until(lambda: len(collector.named("fuseline.transition")) >= 3)
        until(lambda: {"fuseline.projector.lag", "fuseline.transitions"} <= set(collector.metrics))
        projector.terminate()
        ended = finish(projector)
        assert ended.code == 0, ended.err
        assert agent.stdin is not None
        agent.stdin.close()
        assert agent.wait(10) == 0
    finally:
        discard(projector)
        discard(agent)

    calls = collector.named("fuseline.call", "caller")
    asks = collector.named("ask", "caller")
    answers = collector.named("answer", "agent")
    the_calls(calls, asks, answers)
    async with open_backend(redis_url, namespace) as backend:
        transitions = await transitions_of(backend, "billing")
        logged = [o.trace.hex() for o in await outcomes_of(backend, "billing") if o.trace]
    failures, probe = calls[2:5], calls[6]
    assert logged == [span.trace_id + span.span_id for span in (*failures, probe)]

    spans = collector.named("fuseline.transition")
    batches = collector.named("fuseline.projector.fold", "projector")
    assert {span.service for span in spans} == {"projector"}
    assert [span.start_ns for span in spans] == [t.at_ms * 1_000_000 for t in transitions]
    told = [(s.attributes["fuseline.transition.from"], s.attributes["fuseline.transition.to"],
             s.attributes["fuseline.transition.cause"]) for s in spans]  # fmt: skip
    assert told == [(t.from_state.value, t.to_state.value, t.cause.value) for t in transitions]
    assert [state for _, state, _ in told] == ["open", "half_open", "closed"]
    causes = [failures, [], [probe]]
    of_batches = {batch.ids for batch in batches}
    for span, behind in zip(spans, causes, strict=True):
        assert span.parent_id == ""
        assert span.links[:-1] == [call.ids for call in behind]
        assert span.links[-1] in of_batches
    opened = spans[0].attributes
    assert opened["fuseline.figures.consecutive_failures"] == 3
    assert opened["fuseline.threshold.consecutive_failures"] == 3
    assert opened["fuseline.config.revision"] == transitions[0].revision
    assert opened["fuseline.epoch"] == 1
    assert opened["fuseline.failure_kind"] == "http_503"
    linked = {link for batch in batches for link in batch.links}
    assert {call.ids for call in failures} <= linked

    lines = [json.loads(line) for line in ended.err.splitlines()]
    said = [line for line in lines if line["message"] == "transition"]
    assert [(line["from"], line["to"], line["cause"]) for line in said] == told
    assert said[0]["trace_id"] == failures[-1].trace_id
    assert said[0]["agent"] == "billing"
    assert {"fuseline.calls", "fuseline.append.size"} <= set(collector.metrics)


def the_calls(
    calls: list[ReceivedSpan], asks: list[ReceivedSpan], answers: list[ReceivedSpan]
) -> None:
    """Each call is a child of what asked for it, and has what the agent did as a child."""
    assert len(calls) == len(asks) == 8
    assert [c.attributes["fuseline.decision"] for c in calls] == (
        ["admitted"] * 5 + ["rejected", "probe", "admitted"]
    )
    assert {c.kind for c in calls} == {CLIENT}
    for call, ask in zip(calls, asks, strict=True):
        assert (call.trace_id, call.parent_id) == ask.ids
        assert call.attributes["fuseline.agent"] == "billing"
        assert ask.start_ns <= call.start_ns <= call.end_ns <= ask.end_ns + 2_000_000
    admitted = [call for call in calls if call.attributes["fuseline.decision"] != "rejected"]
    assert {a.kind for a in answers} == {SERVER}
    assert [(a.trace_id, a.parent_id) for a in answers] == [call.ids for call in admitted]
    failed = calls[2].attributes
    assert failed["fuseline.outcome"] == "failure"
    assert failed["fuseline.failure_kind"] == failed["error.type"] == "http_503"
    assert [c.status == ERROR for c in calls] == [False] * 2 + [True] * 4 + [False] * 2
    assert [c.attributes["fuseline.epoch"] for c in calls] == [0] * 6 + [2, 3]
    assert calls[6].attributes["fuseline.state"] == "half_open"
