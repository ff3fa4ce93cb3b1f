"""Outcomes in CLOSED: the window, the streak, and the thresholds they are held against."""

from __future__ import annotations

from collections.abc import Iterator

from fuseline.core.adaptive import rate_is_unusual
from fuseline.core.circuit import Cause, Change, Circuit, CircuitState
from fuseline.core.events import Entry, Outcome, Result
from fuseline.core.transitions import hear_retry_after, open_circuit, troubled_workers

# The quorum needs at most `minimum_workers` (<= 16) names; more would only grow the projection.
MAX_TROUBLED_WORKERS = 16

_CLOSED = CircuitState.CLOSED
_SUCCESS, _TIMEOUT = Result.SUCCESS, Result.TIMEOUT


def count_outcome(circuit: Circuit, outcome: Outcome, now_ms: int, changes: list[Change]) -> None:
    """An outcome of this epoch in CLOSED: window, streak, thresholds."""
    result = outcome.result
    success = result is _SUCCESS
    if not success and result > _TIMEOUT:
        return
    width = circuit.bucket_ms
    now_index = now_ms // width
    ended_ms = now_ms - outcome.age_ms
    # An outcome of this epoch began after the transition, so rounding alone can put it before.
    if ended_ms < circuit.since_ms:
        ended_ms = circuit.since_ms
    index = ended_ms // width
    oldest = now_index - circuit.bucket_count
    if index <= oldest:
        return
    buckets = circuit.buckets
    if buckets and buckets[0][0] <= oldest:
        circuit.expire_buckets(now_index)
    bucket = buckets[-1] if buckets and buckets[-1][0] == index else _bucket(buckets, index)
    bucket[1] += 1
    circuit.calls += 1
    slow = outcome.duration_ms >= circuit.slow_ms
    if slow:
        bucket[3] += 1
        circuit.slow += 1
    if success:
        circuit.consecutive_failures = 0
        if not slow:
            return
    else:
        bucket[2] += 1
        circuit.failures += 1
        circuit.consecutive_failures += 1
        hear_retry_after(circuit, outcome, now_ms)
    _remember_worker(circuit, outcome.worker, index)
    cause = _tripped(circuit, now_index, now_ms)
    if cause is not None:
        open_circuit(circuit, cause, now_ms, changes, outcome)


def count_run(circuit: Circuit, rest: Iterator[Entry]) -> Entry | None:
    """Counts what follows a success for as long as it is quick successes of the newest bucket.

    The same as `count_outcome` with each of them, at a third of the price: in most logs they are
    almost all there is.

    Returns:
        The entry that is none, taken from `rest`; None if there are no more.
    """
    width, last_ms, last_seq = circuit.bucket_ms, circuit.last_ms, circuit.last_seq
    index = last_ms // width
    if not circuit.buckets or circuit.buckets[-1][0] != index:
        return next(rest, None)
    begin_ms = max(index * width, circuit.since_ms)
    end_ms = min((index + 1) * width, circuit.next_deadline_ms)
    epoch, slow_ms, count = circuit.epoch, circuit.slow_ms, 0
    for entry in rest:
        ms, seq, event = entry
        if (
            type(event) is not Outcome
            or event.result is not _SUCCESS
            or event.epoch != epoch
            or event.duration_ms >= slow_ms
            or ms >= end_ms
            or ms - event.age_ms < begin_ms
            or (seq <= last_seq if ms == last_ms else ms < last_ms)
        ):
            break
        count += 1
        last_ms, last_seq = ms, seq
    else:
        entry = None
    if count:
        count_success(circuit, index, count)
        circuit.last_ms, circuit.last_seq = last_ms, last_seq
    return entry


def count_successes(circuit: Circuit, count: int, epoch: int, at_ms: int, seq: int) -> None:
    """Folds `count` quick successes of one moment in place, the last with the id `at_ms`-`seq`.

    The same as `fold_in_place` with that many outcomes, at the price of one; for a process that
    folds what it has seen itself.
    """
    assert at_ms < circuit.next_deadline_ms
    circuit.last_ms, circuit.last_seq = at_ms, seq
    if epoch != circuit.epoch or circuit.state is not _CLOSED:
        return
    index = max(at_ms, circuit.since_ms) // circuit.bucket_ms
    circuit.expire_buckets(index)
    count_success(circuit, index, count)


def count_success(circuit: Circuit, index: int, count: int = 1) -> None:
    """Counts quick successes in a bucket of the window, which has been moved on already."""
    bucket = _bucket(circuit.buckets, index)
    bucket[1] += count
    circuit.calls += count
    circuit.consecutive_failures = 0


def _bucket(buckets: list[list[int]], index: int) -> list[int]:
    """Finds or makes the bucket; late outcomes make it anywhere, almost all at the end."""
    place = len(buckets)
    while place and buckets[place - 1][0] >= index:
        place -= 1
    if place < len(buckets) and buckets[place][0] == index:
        return buckets[place]
    bucket = [index, 0, 0, 0]
    buckets.insert(place, bucket)
    return bucket


def _remember_worker(circuit: Circuit, worker: int, index: int) -> None:
    workers = circuit.troubled_workers
    workers[worker] = max(index, workers.get(worker, index))
    if len(workers) > MAX_TROUBLED_WORKERS:
        del workers[min(workers, key=lambda w: (workers[w], w))]


def _tripped(circuit: Circuit, now_index: int, now_ms: int) -> Cause | None:
    config = circuit.config
    if not config.enabled:
        return None
    cause = None
    streak, rate, adaptive = config.failure_threshold, config.failure_rate_threshold, False
    if circuit.baseline is not None:
        held = circuit.in_force(now_ms)
        streak, rate = held.failure_threshold, held.rate_threshold
        adaptive = held.baseline is not None
    if streak is not None and circuit.consecutive_failures >= streak:
        cause = Cause.CONSECUTIVE_FAILURES
    elif rate is not None and _rate_trips(circuit, rate, adaptive=adaptive):
        cause = Cause.FAILURE_RATE
    elif (
        config.slow_call_seconds is not None
        and circuit.calls >= config.minimum_calls
        and circuit.slow / circuit.calls >= config.slow_call_rate_threshold
    ):
        cause = Cause.SLOW_CALL_RATE
    if (
        cause is not None
        and config.minimum_workers > 1
        and troubled_workers(circuit, now_index) < config.minimum_workers
    ):
        return None
    return cause


def _rate_trips(circuit: Circuit, threshold: float, *, adaptive: bool) -> bool:
    if adaptive:
        return rate_is_unusual(circuit.config, threshold, circuit.calls, circuit.failures)
    calls = circuit.calls
    return calls >= circuit.config.minimum_calls and circuit.failures / calls >= threshold
