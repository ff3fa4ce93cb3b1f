"""The hot path of a breaker once more, for calls that have spans."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from time import monotonic
from types import AsyncGeneratorType, CoroutineType
from typing import Any, Protocol

from fuseline.bridge.classify import PLAIN_SUCCESS, classify
from fuseline.bridge.guard import Guard, Guarded, stream
from fuseline.bridge.local import Admission
from fuseline.telemetry.calls import CallSpans

_CLOSED = "closed"


class Traced(Guarded, Protocol):
    """What a traced call needs of its breaker."""

    def note_success(self, epoch: int, started: float, ended: float) -> bool:
        """Keeps a plain success; returns whether the event loop has to have its turn."""
        ...


async def call_traced(  # noqa: C901 - as the hot path itself
    breaker: Traced,
    spans: CallSpans,
    epoch: int,
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Any:
    """`CircuitBreaker.call` of a circuit that admits calls under `epoch`, with a span."""
    if kwargs:
        kwargs.pop("fallback", None)
    started = monotonic()
    span = spans.begin(started)
    try:
        result = fn(*args, **kwargs) if kwargs else fn(*args)
        if type(result) is CoroutineType:
            result = await result
        elif type(result) is AsyncGeneratorType:
            if span is not None:
                span.detach()
            return stream(result, Guard(breaker, Admission(epoch), started, span))
        elif inspect.isawaitable(result):
            result = await result
    except BaseException as error:
        ended = monotonic()
        verdict = classify(None, None, error)
        if span is not None:
            span.detach()
        breaker.record(Admission(epoch), started, ended, verdict, span)
        if span is not None:
            outcome = verdict.result.name.lower()
            span.finish(ended, _CLOSED, epoch, "admitted", outcome, verdict.failure_kind)
        raise
    ended = monotonic()
    if span is not None:
        span.detach()
    is_slow = ended - started >= breaker.local.slow_seconds
    if is_slow:
        breaker.record(Admission(epoch), started, ended, PLAIN_SUCCESS, span)
    if span is not None:
        span.finish(ended, _CLOSED, epoch, "admitted", "success")
    if not is_slow and breaker.note_success(epoch, started, ended):
        await asyncio.sleep(0)
    return result
