"""Figures by worker as the API shows them."""

from __future__ import annotations

from msgspec import Struct

from fuseline.schemas.circuits import Millis, Rate


class WorkerShare(Struct, frozen=True, kw_only=True):
    """The calls of one worker.

    Attributes:
        worker: the name it gave itself, else its number in the log; null if the calls carry none.
        calls: that succeeded or failed.
        failures: of the calls, timeouts included.
        failure_rate: failures / calls.
        timeouts: of the failures.
        last_ms: when its last call was logged.
        kinds: failures by kind.
    """

    worker: str | None
    calls: int
    failures: int
    failure_rate: Rate
    timeouts: int
    last_ms: Millis
    kinds: dict[str, int]


class CircuitWorkers(Struct, frozen=True, kw_only=True):
    """Who sees the trouble of an agent.

    Attributes:
        workers: the one with the most failures first.
        from_ms: calls from here on are counted; later than asked for if there were too many.
        to_ms: where the range ends.
        events: entries of the log that were read.
        in_trouble: workers with a failure or slow call in the window now.
        minimum_workers: as many must be in trouble before the circuit opens.
    """

    workers: list[WorkerShare]
    from_ms: Millis
    to_ms: Millis
    events: int
    in_trouble: int
    minimum_workers: int
