"""What a projector tells of the transitions it has committed: a line, a count, a span.

Called once for each commit that was carried out, and only one projector's is; so each transition
has one line and one span, unless the process is killed in between.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from time import monotonic, time_ns

import anyio
from msgspec import Struct
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, Tracer

from fuseline.core.circuit import Transition
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import BackendError
from fuseline.core.events import Outcome
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.log import Entry
from fuseline.events.wire import Wire
from fuseline.projections.explain import explain
from fuseline.projections.store import Commit
from fuseline.projections.trace_links import traces_behind
from fuseline.telemetry import instruments
from fuseline.telemetry.logs import get_logger
from fuseline.telemetry.observed import observed
from fuseline.telemetry.tracing import active_tracer, links_to

TRANSITION = "fuseline.transition"
"""Name of the span of a transition."""

BATCH = "fuseline.projector.fold"
"""Name of the span of a batch of events that a projector folds and stores."""

MAX_WAITING = 1000
"""Transitions whose spans wait to be made; those beyond get spans without links."""

_DRAIN_SECONDS = 1.0

_log = get_logger("transitions")


class _Waiting(Struct):
    """A transition whose span is to be made."""

    agent: AgentKeys
    change: Transition
    since_ms: int  # effective time of the transition before
    config: CircuitBreakerConfig  # in force
    stored_ms: int
    batch: SpanContext | None


class Announcer:
    """Announces the transitions of one projector.

    Args:
        backend: the namespace.
        wire: to read the causes on.
    """

    def __init__(self, backend: Backend, wire: Wire) -> None:
        self._backend = backend
        self._wire = wire
        self._waiting: deque[_Waiting] = deque()
        self._wanted = anyio.Event()

    def begin_batch(self, commits: Sequence[Commit], began: float) -> Span | None:
        """The span of a batch that has a transition, or holds calls that are traced.

        Args:
            commits: what is about to be stored.
            began: when folding it began, in seconds of `time.monotonic`.
        """
        tracer = active_tracer()
        if tracer is None:
            return None
        traces = [raw for commit in commits for raw in commit.traces]
        if not traces and not any(_transitions(commit) for commit in commits):
            return None
        return tracer.start_span(
            BATCH,
            kind=SpanKind.CONSUMER,
            links=links_to(traces),
            start_time=time_ns() - int((monotonic() - began) * 1e9),
            attributes={
                "fuseline.batch.agents": len(commits),
                "fuseline.batch.events": sum(commit.events for commit in commits),
            },
        )

    def committed(self, commit: Commit, batch: Span | None) -> None:
        """A commit stands in Redis."""
        since_ms = commit.since_ms
        tracer = None
        for change in _transitions(commit):
            name = commit.agent.name
            line = {
                "agent": name,
                "from": change.from_state.value,
                "to": change.to_state.value,
                "cause": change.cause.value,
                "epoch": change.epoch,
                "revision": change.revision,
                "why": explain(change, commit.circuit.config),
            }
            if change.trace:
                line["trace_id"] = change.trace[:16].hex()
                line["span_id"] = change.trace[16:24].hex()
            _log.info("transition", **line)
            instruments.transitions.add(
                1,
                {
                    "fuseline.agent": observed.names(name),
                    "fuseline.transition.to": change.to_state.value,
                    "fuseline.transition.cause": change.cause.value,
                },
            )
            tracer = tracer or active_tracer()
            if tracer is not None:
                waiting = _Waiting(
                    commit.agent,
                    change,
                    since_ms,
                    commit.circuit.config,
                    max(self._backend.clock.now_ms(), change.at_ms),
                    batch.get_span_context() if batch is not None else None,
                )
                if len(self._waiting) < MAX_WAITING:
                    self._waiting.append(waiting)
                    self._wanted.set()
                else:
                    _make(tracer, waiting, [waiting.change.trace])
            since_ms = change.at_ms

    async def run(self) -> None:
        """Makes the spans of transitions until cancelled."""
        while True:
            await self._wanted.wait()
            self._wanted = anyio.Event()
            await self._announce_waiting()

    async def drain(self) -> None:
        """Makes those that are left, within a bounded time."""
        with anyio.move_on_after(_DRAIN_SECONDS, shield=True):
            await self._announce_waiting()

    async def _announce_waiting(self) -> None:
        while self._waiting:
            await self._announce(self._waiting.popleft())

    async def _announce(self, waiting: _Waiting) -> None:
        tracer = active_tracer()
        if tracer is None:
            return
        change = waiting.change
        traces: list[bytes] = []
        try:
            # A cancellation must not take the span along.
            with anyio.CancelScope(shield=True):
                traces = await traces_behind(
                    waiting.agent, change, waiting.since_ms, waiting.config, self._wire
                )
        except BackendError as error:
            _log.warning("causes_unreadable", agent=waiting.agent.name, error=str(error))
        _make(tracer, waiting, [*traces, change.trace])


def traces_of(entries: Sequence[Entry]) -> list[bytes]:
    """The trace contexts of the calls among some events."""
    return [event.trace for _, _, event in entries if type(event) is Outcome and event.trace]


def _transitions(commit: Commit) -> list[Transition]:
    return [change for change in commit.changes if isinstance(change, Transition)]


def _thresholds(config: CircuitBreakerConfig) -> dict[str, float]:
    values: dict[str, float | None] = {
        "fuseline.threshold.consecutive_failures": config.failure_threshold,
        "fuseline.threshold.failure_rate": config.failure_rate_threshold,
        "fuseline.threshold.minimum_calls": config.minimum_calls,
        "fuseline.threshold.minimum_workers": config.minimum_workers,
        "fuseline.threshold.probes": config.half_open_max_calls,
    }
    if config.slow_call_seconds is not None:
        values["fuseline.threshold.slow_call_rate"] = config.slow_call_rate_threshold
    return {name: value for name, value in values.items() if value is not None}


def _make(tracer: Tracer, waiting: _Waiting, traces: Sequence[bytes]) -> None:
    """Makes the span: from the moment the transition took effect to when it was stored."""
    change, figures = waiting.change, waiting.change.figures
    links = links_to(traces)
    if waiting.batch is not None:
        links.append(Link(waiting.batch, {"fuseline.link": "batch"}))
    attributes: dict[str, str | int | float] = {
        "fuseline.agent": waiting.agent.name,
        "fuseline.transition.from": change.from_state.value,
        "fuseline.transition.to": change.to_state.value,
        "fuseline.transition.cause": change.cause.value,
        "fuseline.epoch": change.epoch,
        "fuseline.config.revision": change.revision,
        "fuseline.event.id": change.event_id,
        "fuseline.figures.calls": figures.calls,
        "fuseline.figures.failures": figures.failures,
        "fuseline.figures.slow": figures.slow,
        "fuseline.figures.consecutive_failures": figures.consecutive_failures,
        "fuseline.figures.troubled_workers": figures.troubled_workers,
        "fuseline.figures.probe_successes": figures.probe_successes,
        "fuseline.figures.probes_inconclusive": figures.probes_inconclusive,
        **_thresholds(waiting.config),
    }
    if figures.calls:
        attributes["fuseline.figures.failure_rate"] = figures.failures / figures.calls
    texts = {
        "fuseline.failure_kind": change.failure_kind,
        "fuseline.actor": change.actor,
        "fuseline.reason": change.reason,
    }
    attributes |= {name: text for name, text in texts.items() if text}
    span = tracer.start_span(
        TRANSITION, links=links, attributes=attributes, start_time=change.at_ms * 1_000_000
    )
    span.end(waiting.stored_ms * 1_000_000)
