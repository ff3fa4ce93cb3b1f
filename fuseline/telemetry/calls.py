"""A span for each guarded call, made only when somebody asks for it.

Making a span of the SDK costs ten times what a guarded call does. So the hot path makes a stand-in
and puts that into the context: whoever asks it (to send its context to the agent, to be its child,
to log its ids) gets a span that is real from then on. Of a call that nobody asked about the times
are kept, and the span is made a few ms later, by the same public means and under the same sampler.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from time import monotonic
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import Attributes, AttributeValue

if TYPE_CHECKING:
    from contextvars import Token

NAME = "fuseline.call"
"""Name of the span of a guarded call."""

AGENT = "fuseline.agent"
STATE = "fuseline.state"
EPOCH = "fuseline.epoch"
DECISION = "fuseline.decision"
OUTCOME = "fuseline.outcome"
FAILURE_KIND = "fuseline.failure_kind"

_DRAIN_SECONDS = 0.02
_DRAIN_AT_ONCE = 500  # spans, some ms
_MOST_WAITING = 8192

_FAILED = frozenset({"failure", "timeout"})

# Parent, start, end, state, epoch, decision, outcome: of a call that went well or was refused.
_Ended = tuple[Context, float, float, str, int, str, str]


class CallSpans:
    """Makes the spans of one agent's calls.

    Args:
        tracer: see `tracing.active_tracer`.
        agent: name of the agent.
    """

    def __init__(self, tracer: Tracer, agent: str) -> None:
        self.tracer = tracer
        self.agent = agent
        self._attributes = {AGENT: agent, "peer.service": agent}
        self._ended: list[_Ended] = []
        self._unsampled: Context | None = None  # the last one that was found to be that

    def begin(self, started: float) -> CallSpan | None:
        """The span of a call that begins, in force as the current one.

        None in a trace that is not sampled: then the caller's context goes along as it is.
        """
        parent = otel_context.get_current()
        if parent is self._unsampled:
            return None
        if parent and not _may_be_sampled(parent):
            self._unsampled = parent
            return None
        return CallSpan(self, parent, started)

    def start(self, parent: Context, started: float) -> Span:
        """A real span, of a call that began at a moment of `time.monotonic`."""
        return self.tracer.start_span(
            NAME,
            context=parent,
            kind=SpanKind.CLIENT,
            attributes=self._attributes,
            start_time=_wall_ns(started),
        )

    def refused(self, state: str, epoch: int) -> None:
        """A call was refused at once, because the circuit does not admit it."""
        parent = otel_context.get_current()
        if not parent or _may_be_sampled(parent):
            now = monotonic()
            self.keep((parent, now, now, state, epoch, "rejected", ""))

    def keep(self, ended: _Ended) -> None:
        """Makes the span of a call that is over, soon."""
        waiting = self._ended
        waiting.append(ended)
        if len(waiting) == 1:
            asyncio.get_running_loop().call_later(_DRAIN_SECONDS, self._drain_some)
        elif len(waiting) >= _MOST_WAITING:
            self.drain()

    def drain(self) -> None:
        """Makes all spans that wait to be made."""
        waiting, self._ended = self._ended, []
        self._make(waiting)

    def _drain_some(self) -> None:
        waiting = self._ended
        if not waiting:
            return
        self._make(waiting[:_DRAIN_AT_ONCE])
        del waiting[:_DRAIN_AT_ONCE]
        if waiting:
            asyncio.get_running_loop().call_soon(self._drain_some)

    def _make(self, ended: list[_Ended]) -> None:
        ahead_ns = time.time_ns() - time.monotonic_ns()
        for parent, started, over, state, epoch, decision, outcome in ended:
            span = self.tracer.start_span(
                NAME,
                context=parent,
                kind=SpanKind.CLIENT,
                attributes=self._attributes,
                start_time=int(started * 1e9) + ahead_ns,
            )
            if span.is_recording():
                describe(span, state, epoch, decision, outcome)
            span.end(int(over * 1e9) + ahead_ns)


class CallSpan(Span):
    """The span of a guarded call: a stand-in until somebody asks.

    Attributes:
        real: the span of the SDK, once there is one.
    """

    __slots__ = ("_calls", "_parent", "_started", "_token", "real")

    def __init__(self, calls: CallSpans, parent: Context, started: float) -> None:
        self._calls = calls
        self._parent = parent
        self._started = started
        self.real: Span | None = None
        self._token: Token[Context] | None = otel_context.attach(
            trace.set_span_in_context(self, parent)
        )

    @property
    def agent(self) -> str:
        """Name of the agent that is called."""
        return self._calls.agent

    def attach(self) -> None:
        """Makes it the current span of this task, until `detach`."""
        self._token = otel_context.attach(trace.set_span_in_context(self, self._parent))

    def detach(self) -> None:
        """Makes the caller's span the current one again."""
        token, self._token = self._token, None
        if token is not None:
            otel_context.detach(token)

    def finish(
        self, ended: float, state: str, epoch: int, decision: str, outcome: str, kind: str = ""
    ) -> None:
        """The call is over.

        Args:
            ended: when, in seconds of `time.monotonic`.
            state: of the circuit, as it was seen when the call was decided about.
            epoch: under which the call was admitted.
            decision: admitted, probe, rejected or bulkhead_full.
            outcome: success, failure, timeout ...; "" if nothing was called.
            kind: of the failure.
        """
        span = self.real
        if span is None:
            if not kind and outcome not in _FAILED:
                self._calls.keep(
                    (self._parent, self._started, ended, state, epoch, decision, outcome)
                )
                return
            span = self._make()
        if span.is_recording():
            describe(span, state, epoch, decision, outcome, kind)
        span.end(_wall_ns(ended))

    def _make(self) -> Span:
        if self.real is None:
            self.real = self._calls.start(self._parent, self._started)
        return self.real

    # --- OpenTelemetry's interface, for whoever finds it in the context ---

    def get_span_context(self) -> SpanContext:
        """See `Span`."""
        return self._make().get_span_context()

    def is_recording(self) -> bool:
        """See `Span`."""
        return self._make().is_recording()

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        """See `Span`."""
        self._make().set_attributes(attributes)

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """See `Span`."""
        self._make().set_attribute(key, value)

    def add_event(
        self, name: str, attributes: Attributes = None, timestamp: int | None = None
    ) -> None:
        """See `Span`."""
        self._make().add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """See `Span`."""
        self._make().add_link(context, attributes)

    def update_name(self, name: str) -> None:
        """See `Span`."""
        self._make().update_name(name)

    def set_status(self, status: Any, description: str | None = None) -> None:
        """See `Span`."""
        self._make().set_status(status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """See `Span`."""
        self._make().record_exception(exception, attributes, timestamp, escaped)

    def end(self, end_time: int | None = None) -> None:
        """Nothing: the breaker ends it."""


def describe(
    span: Span, state: str, epoch: int, decision: str, outcome: str, kind: str = ""
) -> None:
    """Sets the attributes and the status of a guarded call's span."""
    attributes: dict[str, AttributeValue] = {STATE: state, EPOCH: epoch, DECISION: decision}
    if outcome:
        attributes[OUTCOME] = outcome
    if kind:
        attributes[FAILURE_KIND] = kind
    problem = ""
    if outcome in _FAILED:
        problem = kind or outcome
    elif decision in ("rejected", "bulkhead_full"):
        problem = decision
    if problem:
        attributes["error.type"] = problem
        span.set_status(Status(StatusCode.ERROR, problem))
    span.set_attributes(attributes)


def _may_be_sampled(parent: Context) -> bool:
    """Whether a child of the current span can be: of a caller's elsewhere the sampler decides."""
    span = trace.get_current_span(parent)
    if span is trace.INVALID_SPAN or span.is_recording():
        return True
    context = span.get_span_context()
    return context.is_remote or not context.is_valid


def _wall_ns(moment: float) -> int:
    """A moment of `time.monotonic` as ns since the epoch."""
    return time.time_ns() - int((monotonic() - moment) * 1e9)
