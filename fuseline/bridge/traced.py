"""The hot path of a breaker once more, for calls that have spans."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from time import monotonic
from types import AsyncGeneratorType, CoroutineType
from typing import Any, Protocol

from fuseline.bridge.batch import Success
from fuseline.bridge.classify import PLAIN_SUCCESS, classify
from fuseline.bridge.guard import Guard, Guarded, stream
from fuseline.bridge.local import Admission
from fuseline.telemetry.call_span import CallSpan
from fuseline.telemetry.calls import CallSpans

# A caller that never lets the event loop run would starve the recorder; so each time this many
# outcomes wait (a power of two, less one) it has to.
YIELD_MASK = 4095

_CLOSED = "closed"


class Traced(Guarded, Protocol):
    """What a traced call needs of its breaker."""

    @property
    def hot_spans(self) -> CallSpans | None:
        """The spans, where the hot path has them."""
        ...

    @property
    def successes(self) -> list[Success]:
        """Plain ones that the recorder has not taken."""
        ...

    async def call_else(
        self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        """`call` where there is no hot path with spans."""
        ...

    def enough(self, waiting: int) -> bool:
        """So many successes wait; returns whether the event loop has to have its turn."""
        ...


async def call_traced(  # noqa: C901 - as the hot path itself
    breaker: Traced, fn: Callable[..., Any], /, *args: Any, **kwargs: Any
) -> Any:
    """`CircuitBreaker.call`, with a span."""
    epoch = breaker.local.admit_epoch
    spans = breaker.hot_spans
    if epoch < 0 or spans is None:
        return await breaker.call_else(fn, args, kwargs)
    if kwargs:
        kwargs.pop("fallback", None)
    started = monotonic()
    current = spans.current
    parent = current.get()
    if parent is spans.unsampled or (
        parent and parent is not spans.sampled and spans.leaves_out(parent)
    ):
        span = None
    else:
        span = CallSpan()
        span.maker = spans
        span.parent = parent
        span.started = started
        span.real = None
        token = current.set(span)
    try:
        result = fn(*args, **kwargs) if kwargs else fn(*args)
        if type(result) is CoroutineType:
            result = await result
        elif type(result) is AsyncGeneratorType:
            if span is not None:
                span.token = token
                span.detach()
            return stream(result, Guard(breaker, Admission(epoch), started, span))
        elif inspect.isawaitable(result):
            result = await result
    except BaseException as error:
        ended = monotonic()
        verdict = classify(None, None, error)
        if span is not None:
            current.reset(token)
        breaker.record(Admission(epoch), started, ended, verdict, span)
        if span is not None:
            outcome = verdict.result.name.lower()
            spans.finish(span, ended, _CLOSED, epoch, "admitted", outcome, verdict.failure_kind)
        raise
    ended = monotonic()
    if span is not None:
        current.reset(token)
    if ended - started >= breaker.local.slow_seconds:
        breaker.record(Admission(epoch), started, ended, PLAIN_SUCCESS, span)
        if span is not None:
            spans.finish(span, ended, _CLOSED, epoch, "admitted", "success")
        return result
    success = epoch, started, ended
    if span is not None:
        if span.real is None:
            span.success = success
            spans.successes.append(span)
        else:
            spans.finish(span, ended, _CLOSED, epoch, "admitted", "success")
    successes = breaker.successes
    successes.append(success)
    waiting = len(successes)
    if waiting & YIELD_MASK == 1 and breaker.enough(waiting):
        await asyncio.sleep(0)
    return result
