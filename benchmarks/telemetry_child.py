"""One process that measures guarded calls under one kind of telemetry; see `telemetry.py`."""

from __future__ import annotations

import asyncio
import gc
import inspect
import textwrap
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, nullcontext
from time import perf_counter_ns
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON

from benchmarks.children import Answer, serve
from benchmarks.report import middle, percentile
from benchmarks.subjects import noop
from fuseline import CircuitBreakerManager
from fuseline.bridge import breaker as breaker_module
from fuseline.bridge.breaker import CircuitBreaker
from fuseline.bridge.executor import ExternalAgentExecutor
from fuseline.bridge.outbound import OutboundPolicy
from fuseline.core.endpoint import Endpoint
from fuseline.events.agents import register

BATCH = 100
PAUSE = 0.0005  # seconds in which what was left for later is done, untimed, as in `hot_path.py`

# What makes of `CircuitBreaker.call` what it would be if nothing in it knew of telemetry.
_WITHOUT = (
    ("if self._guarded:", "if self._classifier is not None:"),
    (
        """\
        if self.hot_spans is not None:
            return await call_traced(self, fn, *args, **kwargs)
""",
        "",
    ),
    (
        """\
            if self._spans is not None:
                self._spans.refused(*self._seen())
""",
        "",
    ),
)


class Discarding(SpanExporter):
    """Takes spans and keeps none: the network is not what is measured."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def rewrite(changes: Sequence[tuple[str, str]]) -> None:
    """Makes `CircuitBreaker.call` anew in this process, with some lines changed."""
    source = textwrap.dedent(inspect.getsource(CircuitBreaker.call))
    for before, after in changes:
        if before not in source:
            raise RuntimeError(f"CircuitBreaker.call has changed: no {before!r}")
        source = source.replace(before, after)
    names = dict(vars(breaker_module))
    exec("from __future__ import annotations\n" + source, names)
    setattr(CircuitBreaker, "call", names["call"])  # noqa: B010 - a type checker forbids it


class Measuring:
    """Answers commands."""

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._call: Callable[[], Awaitable[Any]]
        self._parent: trace.Span | None = None
        self._batch = BATCH

    async def begin(self, url: str, kind: str, agent: str = "") -> Answer:
        """Connects; `kind` is without, off, on, or unsampled; with an agent calls go there."""
        if kind in ("on", "unsampled"):
            metrics.set_meter_provider(MeterProvider([InMemoryMetricReader()]))
            provider = TracerProvider(ALWAYS_ON if kind == "on" else ALWAYS_OFF)
            provider.add_span_processor(BatchSpanProcessor(Discarding()))
            trace.set_tracer_provider(provider)
            if kind == "unsampled":
                self._parent = provider.get_tracer("benchmark").start_span("request")
        manager = await self._stack.enter_async_context(
            CircuitBreakerManager.connect(url, namespace=f"bench-{kind}-{len(agent)}", environ={})
        )
        if agent:
            await register(manager.backend, "a", manager.default_config, "benchmark",
                           endpoint=Endpoint(url=agent))  # fmt: skip
            executor = await self._stack.enter_async_context(
                ExternalAgentExecutor(manager, outbound=OutboundPolicy(allow=["127.0.0.0/8"]))
            )
            self._call = lambda: executor.call("a", {"order": 17})
            self._batch = 10
        else:
            # Made anew in all processes, so that they differ in those lines alone.
            rewrite(_WITHOUT if kind == "without" else ())
            breaker = manager.get("a")
            self._call = lambda: breaker.call(noop)
        await self.measure(500)
        return {}

    async def measure(self, calls: int) -> Answer:
        """Microseconds a call, the median and the 99th percentile of batches."""
        call, size = self._call, self._batch
        gc.collect()
        spent: list[float] = []
        with nullcontext() if self._parent is None else trace.use_span(self._parent):
            for _ in range(max(1, calls // size)):
                begin = perf_counter_ns()
                for _ in range(size):
                    await call()
                spent.append((perf_counter_ns() - begin) / size / 1000)
                await asyncio.sleep(PAUSE)
        return {"p50": middle(spent), "p99": percentile(spent, 0.99)}

    async def end(self) -> Answer:
        await self._stack.aclose()
        return {}


if __name__ == "__main__":
    measuring = Measuring()
    asyncio.run(
        serve({"begin": measuring.begin, "measure": measuring.measure, "end": measuring.end})
    )
