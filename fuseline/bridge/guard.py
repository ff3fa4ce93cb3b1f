"""One call on its way through a breaker, where the fast path does not do."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncGenerator, Callable
from math import inf
from time import monotonic
from types import AsyncGeneratorType, TracebackType
from typing import Any, Protocol, TypeVar

from fuseline.bridge.classify import Classifier, Verdict, classify
from fuseline.bridge.local import UNKNOWN_EPOCH, Admission, LocalCircuit
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import BulkheadFullError, CallRefusedError, CircuitBreakerOpenError
from fuseline.core.events import Result
from fuseline.telemetry.call_span import CallSpan
from fuseline.telemetry.calls import CallSpans

T = TypeVar("T")
Fallback = Callable[[CallRefusedError], Any]


class Guarded(Protocol):
    """What a guard needs of its breaker."""

    name: str
    local: LocalCircuit
    in_flight: int
    overflowed: int

    @property
    def classifier(self) -> Classifier | None:
        """What says how results and exceptions count."""
        ...

    @property
    def spans(self) -> CallSpans | None:
        """Makes the spans of calls; None while nothing is traced."""
        ...

    @property
    def config(self) -> CircuitBreakerConfig:
        """The settings in force."""
        ...

    async def admit(self) -> Admission | None:
        """Decides about one call, asking the server if need be; None means refused."""
        ...

    def refusal(self) -> CircuitBreakerOpenError:
        """A fresh exception that says why calls are refused now."""
        ...

    def record(
        self,
        admission: Admission,
        started: float,
        ended: float,
        verdict: Verdict,
        span: CallSpan | None = None,
    ) -> None:
        """Records an outcome; `span` is that of the call."""
        ...


class Guard:
    """Admission, bulkhead, lease and outcome of one call."""

    def __init__(
        self,
        breaker: Guarded,
        admitted: Admission | None = None,
        started: float = 0.0,
        span: CallSpan | None = None,
        *,
        classifier: Classifier | None = None,
    ) -> None:
        self._breaker = breaker
        self._classifier = classifier  # before that of the breaker
        self._timeout: asyncio.Timeout | None = None
        self._counted = False
        self._ended = False
        self.admission = admitted or Admission(UNKNOWN_EPOCH)
        self.started = started
        self._span = span
        self._state = "closed"  # as it was seen when the call was decided about

    async def begin(self) -> None:
        """Takes a place; from here on the span of the call is the current one.

        Raises:
            CircuitBreakerOpenError, BulkheadFullError: refused.
        """
        spans = self._breaker.spans
        if spans is None:
            await self._begin()
            return
        span = self._span = spans.begin(monotonic())
        self._state = self._breaker.local.state().value
        try:
            await self._begin()
        except BaseException as error:
            self.leave_span()
            if span is not None:
                full = isinstance(error, BulkheadFullError)
                refused = full or isinstance(error, CallRefusedError)
                decision = "bulkhead_full" if full else "rejected" if refused else "abandoned"
                view = self._breaker.local.view
                epoch = view.epoch if view is not None else UNKNOWN_EPOCH
                span.maker.finish(span, monotonic(), self._state, epoch, decision, "")
            raise

    async def _begin(self) -> None:
        breaker = self._breaker
        local = breaker.local
        if local.admit_epoch >= 0:
            self.admission = Admission(local.admit_epoch)
        elif monotonic() < local.refuse_until:
            raise breaker.refusal()
        else:
            # The bulkhead comes first, so that a probe's place is not taken in vain; and again
            # after waiting, together with the count.
            self._check_bulkhead()
            admitted = await breaker.admit()
            if admitted is None:
                raise breaker.refusal()
            self.admission = admitted
            try:
                self._check_bulkhead()
            except BulkheadFullError:
                if admitted.permit is not None:
                    now = monotonic()
                    breaker.record(admitted, now, now, Verdict(Result.NOT_SENT))
                raise
        self.count(1)
        self.started = monotonic()

    def count(self, change: int) -> None:
        """Enters (1) or leaves (-1) the calls in flight."""
        self._counted = change > 0
        self._breaker.in_flight += change

    def _check_bulkhead(self) -> None:
        limit = self._breaker.config.max_concurrent_calls
        if limit is not None and self._breaker.in_flight >= limit:
            self._breaker.overflowed += 1
            raise BulkheadFullError(self._breaker.name, limit)

    def loop_deadline(self) -> float | None:
        """When the loop must cut the call off, for a probe."""
        ends_at = self.admission.ends_at
        if ends_at == inf:
            return None
        return asyncio.get_running_loop().time() + ends_at - monotonic()

    async def start_timeout(self) -> None:
        """Begins to watch the lease of a probe that runs in a `with` block."""
        deadline = self.loop_deadline()
        if deadline is not None:
            self._timeout = asyncio.timeout_at(deadline)
            await self._timeout.__aenter__()

    async def stop_timeout(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Raises TimeoutError if the lease ended first."""
        if self._timeout is not None:
            await self._timeout.__aexit__(kind, error, traceback)

    async def run(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """Makes the call that `begin` has admitted, as `CircuitBreaker.call` does.

        Raises:
            Exception: whatever `fn` raises.
        """
        try:
            async with asyncio.timeout_at(self.loop_deadline()):
                result = fn(*args, **kwargs)
                if inspect.isawaitable(result):
                    result = await result
        except BaseException as error:
            self.end(None, error)
            raise
        if isinstance(result, AsyncGeneratorType):
            return self.stream(result)
        self.end(result, None)
        return result

    def stream(self, items: AsyncGenerator[T, Any], result: Any = None) -> AsyncGenerator[T, None]:
        """What `begin` has admitted goes on as a stream, and counts when that ends.

        Args:
            items: the stream.
            result: what the classifier gets at its end.
        """
        self.count(-1)  # it may never be iterated
        self.leave_span()
        return stream(items, self, result)

    def end(self, result: Any, error: BaseException | None) -> None:
        """Records how the call ended, once."""
        if self._ended:
            return
        self._ended = True
        breaker = self._breaker
        if self._counted:
            self.count(-1)
        verdict = classify(self._classifier or breaker.classifier, result, error)
        ended = monotonic()
        span = self._span
        self.leave_span()
        breaker.record(self.admission, self.started, ended, verdict, span)
        if span is not None:
            decision = "admitted" if self.admission.permit is None else "probe"
            outcome = verdict.result.name.lower()
            epoch, kind = self.admission.epoch, verdict.failure_kind
            span.maker.finish(span, ended, self._state, epoch, decision, outcome, kind)

    def enter_span(self) -> None:
        """Makes the span of the call the current one."""
        if self._span is not None:
            self._span.attach()

    def leave_span(self) -> None:
        """Makes the caller's span the current one again."""
        if self._span is not None:
            self._span.detach()


async def stream(
    items: AsyncGenerator[T, Any], guard: Guard, result: Any = None
) -> AsyncGenerator[T, None]:
    """Passes items on; the call counts when they end, fail, or nobody wants more."""
    guard.count(1)
    try:
        while True:
            # Between two items the consumer runs, under a span of its own.
            guard.enter_span()
            try:
                async with asyncio.timeout_at(guard.loop_deadline()):
                    item = await anext(items)
            finally:
                guard.leave_span()
            yield item
    except StopAsyncIteration:
        guard.end(result, None)
    except BaseException as error:
        guard.end(None, error)
        raise
    finally:
        await items.aclose()


async def call_guarded(
    breaker: Guarded,
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    fallback: Fallback | None,
) -> Any:
    """`CircuitBreaker.call`, where no hot path does."""
    guard = Guard(breaker)
    try:
        await guard.begin()
    except CallRefusedError as refusal:
        if fallback is None:
            raise
        result = fallback(refusal)
        return await result if inspect.isawaitable(result) else result
    return await guard.run(fn, args, kwargs)
