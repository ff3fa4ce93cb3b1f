"""The circuit breaker of one agent, as callers use it."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from time import monotonic
from types import AsyncGeneratorType, CoroutineType, MethodType, TracebackType
from typing import Any, ParamSpec, Protocol, Self, TypeVar, overload

from fuseline.bridge import admission
from fuseline.bridge.batch import Recorded, Success
from fuseline.bridge.blocks import Blocks
from fuseline.bridge.classify import PLAIN_SUCCESS, Classifier, Verdict, classify
from fuseline.bridge.decorating import decorate
from fuseline.bridge.guard import Fallback, Guard, call_guarded, stream
from fuseline.bridge.local import UNKNOWN_EPOCH, Admission, LocalCircuit
from fuseline.bridge.outcomes import Outcomes
from fuseline.bridge.ramp import RECOVERING
from fuseline.bridge.refusals import as_said
from fuseline.bridge.traced import YIELD_MASK, call_traced
from fuseline.core.circuit import Circuit, CircuitState
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import CircuitBreakerOpenError
from fuseline.core.events import Mode, Result
from fuseline.events.keys import AgentKeys
from fuseline.telemetry.call_span import CallSpan
from fuseline.telemetry.calls import CallSpans
from fuseline.telemetry.tracing import active_tracer

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

_SUCCESS = Result.SUCCESS


class Host(admission.Host, Protocol):
    """What a breaker needs of its manager."""

    def own_fold_opened(self, breaker: CircuitBreaker) -> None:
        """The breaker's own outcomes opened it; the log must confirm that."""
        ...

    async def read_circuit(self, name: str) -> Circuit:
        """The projection now, from the server."""
        ...


class CircuitBreaker:
    """Guards the calls to one agent; get it from `CircuitBreakerManager.get`.

    Use it by `call`, as an async context manager, or as a decorator. While the circuit is CLOSED
    or OPEN no call waits for Redis.
    """

    def __init__(
        self,
        host: Host,
        keys: AgentKeys,
        circuit: LocalCircuit,
        config: CircuitBreakerConfig,
        classifier: Classifier | None,
    ) -> None:
        self.name = keys.name
        self.keys = keys
        self.initial_config = config  # what the agent is registered with if it is not there yet
        self.endpoint: Endpoint | None = None  # the same, once the executor has called it
        self.local = circuit
        self.last_event_id = (0, 0)  # id of the last acknowledged outcome
        self.unacknowledged = 0  # outcomes handed to the recorder that the log does not have yet
        self._rejected = 0.0  # whole; adding to a float takes half the time
        self.overflowed = 0  # calls refused because `max_concurrent_calls` were in flight
        self._host = host
        self._classifier = classifier
        self._spans: CallSpans | None = None
        self.hot_spans: CallSpans | None = None  # the same, where the hot path has them
        self._guarded = True  # calls need more than the hot path: a classifier, or spans
        self.look_for_tracer()
        self.successes: list[Success] = []  # quick ones, not yet folded
        self.outcomes = Outcomes(circuit)
        self.in_flight = 0
        self._blocks = Blocks()

    # --- what it knows ---

    @property
    def state(self) -> CircuitState:
        """The state, from memory."""
        return self.local.state()

    @property
    def mode(self) -> Mode:
        """Who decides admission, from memory."""
        return self.local.mode()

    @property
    def config(self) -> CircuitBreakerConfig:
        """The settings in force, from memory."""
        return self.local.config or self.initial_config

    @property
    def rejected(self) -> int:
        """Calls that were refused because the circuit did not admit them."""
        return int(self._rejected)

    async def snapshot(self) -> Circuit:
        """The projection now, from Redis, with the figures of the window.

        Raises:
            BackendUnavailableError: the server does not answer.
        """
        return await self._host.read_circuit(self.name)

    @property
    def classifier(self) -> Classifier | None:
        """What says how results and exceptions count; None: the default."""
        return self._classifier

    @property
    def spans(self) -> CallSpans | None:
        """Makes the spans of calls; None while nothing is traced."""
        return self._spans

    def look_for_tracer(self) -> None:
        """Begins to trace calls once there is a tracer, and ends it with that.

        Asked now and then and not by each call, so that tracing costs nothing where there is none.
        """
        tracer = active_tracer()
        spans = self._spans
        if tracer is None:
            self._spans = None
        elif spans is None or spans.tracer is not tracer:
            self._spans = CallSpans(tracer, self.name)
        self._guarded = self._classifier is not None or self._spans is not None
        before, self.hot_spans = self.hot_spans, None if self._classifier else self._spans
        if self.hot_spans is not None and before is None:
            # Going there by the method below would be another coroutine, a seventh of a call.
            self.call = MethodType(call_traced, self)  # type: ignore[method-assign]
        elif self.hot_spans is None and before is not None:
            del self.call

    # --- guarding calls ---

    @overload
    async def call(
        self, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...
    @overload
    async def call(
        self, fn: Callable[..., Any], /, *args: Any, fallback: Fallback | None = None, **kwargs: Any
    ) -> Any: ...
    async def call(  # noqa: C901 - a branch is cheaper than a call
        self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        """Calls `fn(*args, **kwargs)` if the circuit admits it, and records how it ended.

        `fn` may be a coroutine function, return an awaitable, or be an async generator function;
        then an async iterator is returned and the call counts when that ends.

        Args:
            fn: what to call.
            args: its positional arguments.
            kwargs: its keyword arguments; one named `fallback` is not passed on.
            fallback: called with the refusal instead of raising it; its result, awaited if need
                be, is returned.

        Raises:
            CircuitBreakerOpenError: the circuit does not admit the call.
            BulkheadFullError: `max_concurrent_calls` calls are in flight.
            Exception: whatever `fn` raises.
        """
        local = self.local
        epoch = local.admit_epoch
        if epoch < 0:
            # The other hot path: refusing. A fresh exception each time, because one that is
            # raised again and again keeps every traceback it ever had.
            if monotonic() < local.refuse_until and not kwargs:
                self._rejected += 1.0
                if self._spans is not None:
                    self._spans.refused(*self._seen())
                raise CircuitBreakerOpenError(*local.refusing)
            return await call_guarded(self, fn, args, kwargs, kwargs.pop("fallback", None))
        if self._guarded:
            if self.hot_spans is not None:
                return await call_traced(self, fn, *args, **kwargs)
            return await call_guarded(self, fn, args, kwargs, kwargs.pop("fallback", None))
        if kwargs:
            kwargs.pop("fallback", None)
        started = monotonic()
        try:
            result = fn(*args, **kwargs) if kwargs else fn(*args)
            if type(result) is CoroutineType:
                result = await result
            elif type(result) is AsyncGeneratorType:
                return stream(result, Guard(self, Admission(epoch), started))
            elif inspect.isawaitable(result):
                result = await result
        except BaseException as error:
            self.record(Admission(epoch), started, monotonic(), classify(None, None, error))
            raise
        ended = monotonic()
        if ended - started >= local.slow_seconds:
            self.record(Admission(epoch), started, ended, PLAIN_SUCCESS)
            return result
        successes = self.successes
        successes.append((epoch, started, ended))
        waiting = len(successes)
        if waiting & YIELD_MASK == 1 and self.enough(waiting):
            await asyncio.sleep(0)
        return result

    async def __aenter__(self) -> Self:
        await self._blocks.enter(Guard(self))
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._blocks.leave(kind, error, traceback)

    @overload
    def __call__(self, fn: F, /) -> F: ...
    @overload
    def __call__(self, /, *, fallback: Fallback) -> Callable[[F], F]: ...
    def __call__(self, fn: Any = None, /, *, fallback: Fallback | None = None) -> Any:
        """Decorates a coroutine function or an async generator function."""
        if fn is None:
            return functools.partial(decorate, self, fallback=fallback)
        return decorate(self, fn, fallback)

    # --- for the guard and the recorder ---

    async def admit(self) -> Admission | None:
        """See `guard.Guarded`."""
        return await admission.admit(self._host, self.keys, self.local)

    def refusal(self) -> CircuitBreakerOpenError:
        """See `guard.Guarded`."""
        self._rejected += 1.0
        local = self.local
        state = local.state()
        cause = local.cause()
        if state is CircuitState.CLOSED and cause != RECOVERING:
            state = CircuitState.OPEN  # forced open, or nobody can say
        seconds = as_said(local.retry_after_seconds())
        return CircuitBreakerOpenError(self.name, state, seconds, cause)

    def record(
        self,
        admission: Admission,
        started: float,
        ended: float,
        verdict: Verdict,
        span: CallSpan | None = None,
    ) -> None:
        """Records an outcome; all but plain successes are folded and sent at once."""
        plain = (
            verdict.result is _SUCCESS
            and admission.permit is None
            and not admission.local
            and ended - started < self.local.slow_seconds
        )
        if plain:
            self.successes.append((admission.epoch, started, ended))
            self._host.recorder.want(self, urgent=False)
            return
        self._fold_successes()
        self.outcomes.add(admission, started, ended, verdict, span)
        self._host.recorder.want(self, urgent=True)
        if self.local.suspect:
            self._host.own_fold_opened(self)

    async def call_else(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """See `traced.Traced`."""
        return await CircuitBreaker.call(self, fn, *args, **kwargs)

    def enough(self, waiting: int) -> bool:
        """See `traced.Traced`."""
        self._host.recorder.want(self, urgent=waiting > 1)
        return waiting > 1

    def _fold_successes(self) -> None:
        """Folds the successes since the last time and puts them in order with the others."""
        if self.successes:
            successes, self.successes = self.successes, []
            self.outcomes.add_successes(successes)

    def take_outcomes(self) -> list[Recorded]:
        """See `recorder.Source`."""
        self._fold_successes()
        if self._spans is not None:
            self._spans.make_soon()
        self.look_for_tracer()
        outcomes = self.outcomes.take()
        self.unacknowledged += len(outcomes)
        return outcomes

    @property
    def has_outcomes(self) -> bool:
        """Whether anything is recorded that the recorder has not taken."""
        return bool(self.successes or self.outcomes.waiting)

    def acknowledged(self, event_id: tuple[int, int], count: int) -> None:
        """See `recorder.Source`."""
        self.unacknowledged -= count
        self.last_event_id = max(self.last_event_id, event_id)

    def _seen(self) -> tuple[str, int]:
        """State and epoch of the view, for a span."""
        view = self.local.view
        return self.local.state().value, view.epoch if view is not None else UNKNOWN_EPOCH

    def abandon_permit(self, epoch: int, permit: str) -> None:
        """Gives back the place of a probe whose caller left before it began."""
        now = monotonic()
        self.record(Admission(epoch, permit), now, now, Verdict(Result.ABANDONED))
