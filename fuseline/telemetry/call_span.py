"""The span of a guarded call: a stand-in until somebody asks.

Making a span of the SDK costs ten times what a guarded call does. So a call makes a stand-in, which
is the trace context, too: whoever asks it (to send its context to the agent, to be its child, to
log its ids) gets a span that is real from then on.
"""

from __future__ import annotations

from collections.abc import ItemsView, Iterator, KeysView, Mapping, ValuesView
from contextvars import Token
from typing import Any, Protocol

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanContext, Status, StatusCode
from opentelemetry.util.types import Attributes, AttributeValue

from fuseline.telemetry.current import Current

AGENT = "fuseline.agent"
STATE = "fuseline.state"
EPOCH = "fuseline.epoch"
DECISION = "fuseline.decision"
OUTCOME = "fuseline.outcome"
FAILURE_KIND = "fuseline.failure_kind"

FAILED = frozenset({"failure", "timeout"})
"""Outcomes whose spans have the status ERROR."""


class Maker(Protocol):
    """What makes a stand-in real."""

    agent: str
    current: Current

    def start(self, parent: Context, started: float) -> Span:
        """A real span, of a call that began at a moment of `time.monotonic`."""
        ...

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
        """A call is over; see `calls.CallSpans`."""
        ...


class CallSpan(Context, Span):
    """Span of a guarded call and the context it is current in, in one object.

    It has no `__init__`, because that would cost as much as the rest: who makes one sets `maker`,
    `parent`, `started` and `real`.

    Attributes:
        maker: makes it real, and takes what came of the call.
        parent: the caller's context.
        started: when the call began, in seconds of `time.monotonic`.
        real: the span of the SDK, once there is one.
        token: takes it out of force; None while it is not.
        success: epoch, start and end of a call that went well and that nobody asked about.
    """

    __slots__ = ("maker", "parent", "real", "started", "success", "token")

    maker: Maker
    parent: Context
    started: float
    real: Span | None
    token: Token[Context] | None
    success: tuple[int, float, float]

    @property
    def agent(self) -> str:
        """Name of the agent that is called."""
        return self.maker.agent

    def attach(self) -> None:
        """Makes it the current span of this task, until `detach`."""
        self.token = self.maker.current.set(self)

    def detach(self) -> None:
        """Makes the caller's span the current one again."""
        token, self.token = self.token, None
        if token is not None:
            self.maker.current.reset(token)

    def make(self) -> Span:
        """The real span, made now if need be."""
        if self.real is None:
            self.real = self.maker.start(self.parent, self.started)
        return self.real

    # --- the context, for whoever reads it ---

    def __hash__(self) -> int:  # type: ignore[override]
        # A span may be kept in a set, which a dict may not.
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __bool__(self) -> bool:
        return True

    def get(self, key: str, default: Any = None, /) -> Any:
        """See `dict`."""
        return self if key == SPAN_KEY else self.parent.get(key, default)

    def copy(self) -> dict[str, Any]:
        """See `dict`."""
        return self.parent.copy() | {SPAN_KEY: self}

    def __getitem__(self, key: str) -> Any:
        return self if key == SPAN_KEY else self.parent[key]

    def __contains__(self, key: object) -> bool:
        return key == SPAN_KEY or key in self.parent

    def __iter__(self) -> Iterator[str]:
        return iter(self.copy())

    def __len__(self) -> int:
        return len(self.copy())

    def keys(self) -> KeysView[str]:  # type: ignore[override]
        """See `dict`."""
        return self.copy().keys()

    def values(self) -> ValuesView[Any]:  # type: ignore[override]
        """See `dict`."""
        return self.copy().values()

    def items(self) -> ItemsView[str, Any]:  # type: ignore[override]
        """See `dict`."""
        return self.copy().items()

    def __repr__(self) -> str:
        return f"CallSpan(agent={self.agent!r}, real={self.real!r})"

    # --- OpenTelemetry's interface, for whoever finds it in the context ---

    def get_span_context(self) -> SpanContext:
        """See `Span`."""
        return self.make().get_span_context()

    def is_recording(self) -> bool:
        """See `Span`."""
        return self.make().is_recording()

    def set_attributes(self, attributes: Mapping[str, AttributeValue]) -> None:
        """See `Span`."""
        self.make().set_attributes(attributes)

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        """See `Span`."""
        self.make().set_attribute(key, value)

    def add_event(
        self, name: str, attributes: Attributes = None, timestamp: int | None = None
    ) -> None:
        """See `Span`."""
        self.make().add_event(name, attributes, timestamp)

    def add_link(self, context: SpanContext, attributes: Attributes = None) -> None:
        """See `Span`."""
        self.make().add_link(context, attributes)

    def update_name(self, name: str) -> None:
        """See `Span`."""
        self.make().update_name(name)

    def set_status(self, status: Any, description: str | None = None) -> None:
        """See `Span`."""
        self.make().set_status(status, description)

    def record_exception(
        self,
        exception: BaseException,
        attributes: Attributes = None,
        timestamp: int | None = None,
        escaped: bool = False,
    ) -> None:
        """See `Span`."""
        self.make().record_exception(exception, attributes, timestamp, escaped)

    def end(self, end_time: int | None = None) -> None:
        """Nothing: the breaker ends it."""


# The key under which OpenTelemetry keeps the span in a context; its name is private.
(SPAN_KEY,) = trace.set_span_in_context(trace.INVALID_SPAN, Context())


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
    if outcome in FAILED:
        problem = kind or outcome
    elif decision in ("rejected", "bulkhead_full"):
        problem = decision
    if problem:
        attributes["error.type"] = problem
        span.set_status(Status(StatusCode.ERROR, problem))
    span.set_attributes(attributes)
