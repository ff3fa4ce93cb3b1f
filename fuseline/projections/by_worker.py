"""Which worker sees the trouble: figures of an agent's calls, split by who made them."""

from __future__ import annotations

from msgspec import Struct, field

from fuseline.core.events import Outcome, Result
from fuseline.events.backend import Backend
from fuseline.projections.buckets import check_range
from fuseline.projections.spans import read_back
from fuseline.projections.workers import WorkerNames

MAX_READ = 20_000
"""Entries read for one answer, the newest of the range."""


class WorkerFigures(Struct, kw_only=True):
    """The calls of one worker.

    Attributes:
        worker: its producer id; 0 for outcomes that carry none.
        name: the name it gave itself; None if the log does not know it.
        calls: that succeeded or failed.
        failures: of the calls, timeouts included.
        timeouts: of the failures.
        last_ms: when its last call was logged.
        kinds: failures by kind.
    """

    worker: int
    name: str | None = None
    calls: int = 0
    failures: int = 0
    timeouts: int = 0
    last_ms: int = 0
    kinds: dict[str, int] = field(default_factory=dict)


class ByWorker(Struct, frozen=True):
    """The calls of a range by worker.

    Attributes:
        workers: the one with the most failures first.
        from_ms: the calls from here on are counted; later than asked for if there were too many.
        events: entries that were read.
    """

    workers: list[WorkerFigures]
    from_ms: int
    events: int


async def by_worker(
    backend: Backend, name: str, since_ms: int, until_ms: int, most: int = MAX_READ
) -> ByWorker:
    """Splits the calls of a range by worker, the newest `most` entries of it.

    Args:
        backend: the namespace.
        name: of the agent.
        since_ms: where the range begins.
        until_ms: where it ends.
        most: entries that are read at most.

    Raises:
        ConfigError: a range that is none.
        WrongKeyTypeError: a key is not what it should be.
        BackendUnavailableError: the server does not answer.
    """
    check_range(since_ms, until_ms)
    agent = backend.keys.agent(name)
    span = (str(since_ms), str(until_ms - 1))
    entries, whole = await read_back(backend, agent, span, most)
    found: dict[int, WorkerFigures] = {}
    for ms, _, event in entries:
        if not isinstance(event, Outcome) or event.result > Result.TIMEOUT:
            continue
        figures = found.get(event.worker)
        if figures is None:
            figures = found[event.worker] = WorkerFigures(worker=event.worker)
        figures.calls += 1
        figures.last_ms = ms
        if event.result is not Result.SUCCESS:
            figures.failures += 1
            figures.timeouts += event.result is Result.TIMEOUT
            kind = event.failure_kind or event.result.name.lower()
            figures.kinds[kind] = figures.kinds.get(kind, 0) + 1
    names = WorkerNames(backend, name)
    for figures in found.values():
        figures.name = await names.get(figures.worker)
    workers = sorted(found.values(), key=lambda one: (-one.failures, -one.calls, one.worker))
    return ByWorker(workers, since_ms if whole else entries[0][0], len(entries))
