"""Figures by worker are those of the log, and an opening names its quorum."""

import random
from collections import Counter

from fuseline.core.circuit import Transition
from fuseline.core.events import Outcome, Result
from fuseline.events.backend import Backend
from fuseline.projections.by_worker import by_worker
from fuseline.projections.explain import explain
from fuseline.projections.timeline import Kind, query
from tests.logbook import failing
from tests.projections.support import Producer, projecting, registered, until_state
from tests.projections.tally_support import fill, lively_log


async def test_the_figures_are_those_of_the_log(backend: Backend) -> None:
    log = lively_log(random.Random(6), 1200)
    await fill(backend, "a", log)
    since_ms, until_ms = log[100][0], log[-100][0]
    calls: Counter[int] = Counter()
    failures: Counter[int] = Counter()
    for ms, _, event in log:
        if since_ms <= ms < until_ms and isinstance(event, Outcome):
            calls[event.worker] += event.result <= Result.TIMEOUT
            failures[event.worker] += event.result in (Result.FAILURE, Result.TIMEOUT)
    found = await by_worker(backend, "a", since_ms, until_ms)
    assert {one.worker: one.calls for one in found.workers} == calls
    assert {one.worker: one.failures for one in found.workers} == failures
    assert [one.failures for one in found.workers] == sorted(failures.values(), reverse=True)
    assert all(sum(one.kinds.values()) == one.failures for one in found.workers)
    assert found.from_ms == since_ms
    newest = await by_worker(backend, "a", since_ms, until_ms, most=50)
    assert newest.events == 50
    assert newest.from_ms > since_ms


async def test_an_opening_says_how_many_workers_saw_the_trouble(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    config = failing(3, minimum_workers=2)
    first = await registered(backend, "a", config, producer=11)
    async with projecting(redis_url, namespace):
        await first.fail(4)
        await Producer(backend, "a", 12).fail(1)
        await until_state(backend, "a", "open")
        (item,) = await query(backend, "a", kinds={Kind.TRANSITION})
    assert isinstance(item.content, Transition)
    assert "5 failures in a row (threshold 3); seen by 2 workers (at least 2)" in explain(
        item.content, config
    )
    found = await by_worker(backend, "a", 0, item.at_ms + 1)
    assert [(one.name, one.failures) for one in found.workers] == [("p11", 4), ("p12", 1)]
