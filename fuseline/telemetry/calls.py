"""The spans of the guarded calls to one agent.

Of a call that nobody asked about (see `call_span`) the times are kept, and its span is made a few
ms later, by the same public means and under the same sampler.
"""

from __future__ import annotations

import asyncio
import time
from time import monotonic

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, Tracer

from fuseline.telemetry.call_span import AGENT, FAILED, CallSpan, describe
from fuseline.telemetry.current import find_current

NAME = "fuseline.call"
"""Name of the span of a guarded call."""

_DRAIN_SECONDS = 0.02
_DRAIN_AT_ONCE = 500  # spans, some ms
_MOST_WAITING = 8192

# Parent, start, end, state, epoch, decision, outcome: of a call that went well or was refused.
_Ended = tuple[Context, float, float, str, int, str, str]


class CallSpans:
    """Makes the spans of one agent's calls.

    Args:
        tracer: see `tracing.active_tracer`.
        agent: name of the agent.

    Attributes:
        current: where the current context is kept.
        sampled: the last context that was found to belong to a trace that may be sampled.
        unsampled: the last one that was found to belong to one that is not.
        successes: of the hot path, to be made real soon; it sees to that by `make_soon`.
    """

    def __init__(self, tracer: Tracer, agent: str) -> None:
        self.tracer = tracer
        self.agent = agent
        self.current = find_current()
        self.sampled: Context | None = None
        self.unsampled: Context | None = None
        self.successes: list[CallSpan] = []
        self._attributes = {AGENT: agent, "peer.service": agent}
        self._ended: list[_Ended] = []

    def begin(self, started: float) -> CallSpan | None:
        """The span of a call that begins, in force as the current one.

        None in a trace that is not sampled: then the caller's context goes along as it is.
        """
        parent = self.current.get()
        if parent and self.leaves_out(parent):
            return None
        span = CallSpan()
        span.maker, span.parent, span.started, span.real = self, parent, started, None
        span.attach()
        return span

    def leaves_out(self, parent: Context) -> bool:
        """Whether calls under a context have no span: it belongs to a trace that is not sampled."""
        if parent is self.sampled:
            return False
        if parent is self.unsampled:
            return True
        if _may_be_sampled(parent):
            self.sampled = parent
            return False
        self.unsampled = parent
        return True

    def start(self, parent: Context, started: float) -> Span:
        """See `call_span.Maker`."""
        return self.tracer.start_span(
            NAME,
            context=parent,
            kind=SpanKind.CLIENT,
            attributes=self._attributes,
            start_time=_wall_ns(started),
        )

    def finish(
        self,
        span: CallSpan,
        ended: float,
        state: str,
        epoch: int,
        decision: str,
        outcome: str,
        kind: str = "",
    ) -> None:
        """A call is over.

        Args:
            span: of the call.
            ended: when, in seconds of `time.monotonic`.
            state: of the circuit, as it was seen when the call was decided about.
            epoch: under which the call was admitted.
            decision: admitted, probe, rejected or bulkhead_full.
            outcome: success, failure, timeout ...; "" if nothing was called.
            kind: of the failure.
        """
        if span.real is None and not kind and outcome not in FAILED:
            self._keep((span.parent, span.started, ended, state, epoch, decision, outcome))
            return
        real = span.make()
        if real.is_recording():
            describe(real, state, epoch, decision, outcome, kind)
        real.end(_wall_ns(ended))

    def refused(self, state: str, epoch: int) -> None:
        """A call was refused at once, because the circuit does not admit it."""
        parent = self.current.get()
        if not (parent and self.leaves_out(parent)):
            now = monotonic()
            self._keep((parent, now, now, state, epoch, "rejected", ""))

    def _keep(self, ended: _Ended) -> None:
        """Makes the span of a call that is over, soon."""
        waiting = self._ended
        waiting.append(ended)
        if len(waiting) == 1:
            asyncio.get_running_loop().call_later(_DRAIN_SECONDS, self._drain_some)
        elif len(waiting) >= _MOST_WAITING:
            self.drain()

    def make_soon(self) -> None:
        """Sees to it that the successes of the hot path get their spans."""
        spans, self.successes = self.successes, []
        for span in spans:
            epoch, started, ended = span.success
            self._keep((span.parent, started, ended, "closed", epoch, "admitted", "success"))

    def drain(self) -> None:
        """Makes all spans that wait to be made."""
        self.make_soon()
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


def _may_be_sampled(parent: Context) -> bool:
    """Whether a child of the current span can be: of a caller's elsewhere the sampler decides."""
    span = trace.get_current_span(parent)
    if span is trace.INVALID_SPAN or span.is_recording():
        return True
    context = span.get_span_context()
    # A span that has ended records no more, but a task it began may still make calls.
    return context.trace_flags.sampled or context.is_remote or not context.is_valid


def _wall_ns(moment: float) -> int:
    """A moment of `time.monotonic` as ns since the epoch."""
    return time.time_ns() - int((monotonic() - moment) * 1e9)
