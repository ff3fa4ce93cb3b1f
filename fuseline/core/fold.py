"""The fold: a circuit, an event and its time in; the new circuit and its changes out.

`advance` applies what time alone decides, `apply` is advance and then the event. Deadlines are part
of the circuit and take effect at their own time, so when anybody ticks changes nothing.

=================  ==============================  ====  ==========================================
event              CLOSED                          OPEN  HALF_OPEN
=================  ==============================  ====  ==========================================
success            window; streak = 0              -     probe: at the limit -> CLOSED
failure, timeout   window; streak + 1; thresholds  -     probe: -> OPEN
abandoned, ...     -                               -     place given back; 3 x limit of them -> OPEN
of another epoch   -                               -     -
older than window  -                               -     (a probe is never that old: its lease)
ProbeStarted       -                               -     a place taken until its lease deadline
deadline           -                               ->HO  place given back
=================  ==============================  ====  ==========================================
"""

from __future__ import annotations

from collections.abc import Iterable

from fuseline.core.circuit import (
    Cause,
    Change,
    Circuit,
    CircuitState,
    ConfigApplied,
    EventSetAside,
    Figures,
    ModeChanged,
    Transition,
)
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import ConfigError
from fuseline.core.events import (
    AnyEvent,
    ConfigChanged,
    Mode,
    Outcome,
    OverrideSet,
    ProbeStarted,
    Result,
    UnreadableEvent,
)
from fuseline.core.window import rescale

# A round whose probes say nothing (abandoned, ignored, vanished) must end too, or the circuit
# would stay half open for ever under callers that always cancel.
INCONCLUSIVE_ROUNDS = 3

# The quorum needs at most `minimum_workers` (<= 16) names; more would only grow the projection.
MAX_TROUBLED_WORKERS = 16

_CLOSED, _OPEN, _HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN
_SUCCESS, _TIMEOUT = Result.SUCCESS, Result.TIMEOUT

Entry = tuple[int, int, AnyEvent]
"""An event with the two numbers of its stream id: ms, seq."""


def initial(config: CircuitBreakerConfig | None = None, revision: int = 0) -> Circuit:
    """The circuit before its first event."""
    return Circuit(config=config or CircuitBreakerConfig(), revision=revision)


def advance(circuit: Circuit, now_ms: int) -> tuple[Circuit, list[Change]]:
    """Applies what time alone decides up to and including `now_ms`."""
    twin, changes = circuit.copy(), list[Change]()
    _advance(twin, now_ms, changes)
    return twin, changes


def apply(
    circuit: Circuit, event: AnyEvent, now_ms: int, seq: int = 0
) -> tuple[Circuit, list[Change]]:
    """Applies one event with the stream id `now_ms`-`seq`; an id already folded changes nothing."""
    return fold(circuit, ((now_ms, seq, event),))


def fold(circuit: Circuit, entries: Iterable[Entry]) -> tuple[Circuit, list[Change]]:
    """Applies the entries of a log in order."""
    twin = circuit.copy()
    return twin, fold_in_place(twin, entries)


def fold_in_place(circuit: Circuit, entries: Iterable[Entry]) -> list[Change]:
    """`fold` for the sole owner of a circuit: no copy is made, and the argument is changed."""
    changes: list[Change] = []
    for ms, seq, event in entries:
        if ms < circuit.last_ms or (ms == circuit.last_ms and seq <= circuit.last_seq):
            continue
        if ms >= circuit.next_deadline_ms:
            _advance(circuit, ms, changes)
        circuit.last_ms = ms
        circuit.last_seq = seq
        if type(event) is Outcome:
            if event.epoch == circuit.epoch:
                if circuit.state is _CLOSED:
                    _count(circuit, event, ms, changes)
                elif circuit.state is _HALF_OPEN:
                    _probe_ended(circuit, event, ms, changes)
        else:
            _control(circuit, event, ms, changes)
            if ms >= circuit.next_deadline_ms:  # e.g. a shorter open time that is over already
                _advance(circuit, ms, changes)
    return changes


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
    bucket = _bucket(circuit.buckets, index)
    bucket[1] += count
    circuit.calls += count
    circuit.consecutive_failures = 0


def _advance(circuit: Circuit, now_ms: int, changes: list[Change]) -> None:
    while circuit.next_deadline_ms <= now_ms:
        at_ms = circuit.next_deadline_ms
        if circuit.mode_until_ms == at_ms:
            circuit.mode, circuit.mode_until_ms = Mode.AUTO, 0
            changes.append(ModeChanged(at_ms, Mode.AUTO, ""))
        elif circuit.state is _OPEN:
            circuit.probe_successes = circuit.probes_inconclusive = 0
            circuit.probes = {}
            _enter(circuit, _HALF_OPEN, Cause.OPEN_TIME_OVER, at_ms, changes)
        else:
            permit = min(circuit.probes, key=lambda p: (circuit.probes[p], p))
            del circuit.probes[permit]
            _inconclusive(circuit, permit, at_ms, changes)
        circuit.derive_deadline()


def _count(circuit: Circuit, outcome: Outcome, now_ms: int, changes: list[Change]) -> None:
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
        _hear_retry_after(circuit, outcome, now_ms)
    _remember_worker(circuit, outcome.worker, index)
    cause = _tripped(circuit, now_index)
    if cause is not None:
        _open(circuit, cause, now_ms, changes, outcome)


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


def _hear_retry_after(circuit: Circuit, outcome: Outcome, now_ms: int) -> None:
    """Keeps the latest moment the agent asked for; it counts from the answer, not from the log."""
    if outcome.retry_after_ms:
        asked_ms = now_ms - outcome.age_ms + outcome.retry_after_ms
        circuit.retry_until_ms = max(circuit.retry_until_ms, asked_ms)


def _remember_worker(circuit: Circuit, worker: int, index: int) -> None:
    workers = circuit.troubled_workers
    workers[worker] = max(index, workers.get(worker, index))
    if len(workers) > MAX_TROUBLED_WORKERS:
        del workers[min(workers, key=lambda w: (workers[w], w))]


def troubled_workers(circuit: Circuit, now_index: int) -> int:
    """Number of workers with a failure or slow call in the window."""
    oldest = now_index - circuit.bucket_count
    return sum(index > oldest for index in circuit.troubled_workers.values())


def _tripped(circuit: Circuit, now_index: int) -> Cause | None:
    config = circuit.config
    if not config.enabled:
        return None
    cause = None
    if (
        config.failure_threshold is not None
        and circuit.consecutive_failures >= config.failure_threshold
    ):
        cause = Cause.CONSECUTIVE_FAILURES
    elif circuit.calls >= config.minimum_calls:
        rate = config.failure_rate_threshold
        if rate is not None and circuit.failures / circuit.calls >= rate:
            cause = Cause.FAILURE_RATE
        elif (
            config.slow_call_seconds is not None
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


def _probe_ended(circuit: Circuit, outcome: Outcome, now_ms: int, changes: list[Change]) -> None:
    """An outcome of this epoch in HALF_OPEN; only a permit that is out makes it count."""
    if outcome.permit is None or circuit.probes.pop(outcome.permit, None) is None:
        return
    if outcome.result is _SUCCESS:
        circuit.probe_successes += 1
        if circuit.probe_successes >= circuit.config.half_open_max_calls:
            _close(circuit, Cause.PROBES_SUCCEEDED, now_ms, changes, outcome)
    elif outcome.result <= _TIMEOUT:
        _hear_retry_after(circuit, outcome, now_ms)
        _open(circuit, Cause.PROBE_FAILED, now_ms, changes, outcome)
    else:
        _inconclusive(circuit, circuit.checkpoint, now_ms, changes, outcome)
    circuit.derive_deadline()


def _inconclusive(
    circuit: Circuit,
    event_id: str,
    at_ms: int,
    changes: list[Change],
    outcome: Outcome | None = None,
) -> None:
    circuit.probes_inconclusive += 1
    limit = INCONCLUSIVE_ROUNDS * circuit.config.half_open_max_calls
    if circuit.probes_inconclusive >= limit:
        _open(circuit, Cause.PROBES_INCONCLUSIVE, at_ms, changes, outcome, event_id)


def _control(circuit: Circuit, event: AnyEvent, now_ms: int, changes: list[Change]) -> None:
    kind = type(event)
    if kind is ProbeStarted:
        assert isinstance(event, ProbeStarted)
        if (
            circuit.state is _HALF_OPEN
            and event.epoch == circuit.epoch
            and circuit.probe_places > 0
        ):
            circuit.probes[circuit.checkpoint] = now_ms + event.lease_ms
            circuit.derive_deadline()
    elif kind is ConfigChanged:
        assert isinstance(event, ConfigChanged)
        _configure(circuit, event, now_ms, changes)
    elif kind is OverrideSet:
        assert isinstance(event, OverrideSet)
        _override(circuit, event, now_ms, changes)
    elif kind is UnreadableEvent:
        assert isinstance(event, UnreadableEvent)
        _set_aside(circuit, event.error, now_ms, changes)


def _set_aside(circuit: Circuit, error: str, now_ms: int, changes: list[Change]) -> None:
    circuit.set_aside += 1
    changes.append(EventSetAside(now_ms, circuit.checkpoint, error))


def _configure(circuit: Circuit, event: ConfigChanged, now_ms: int, changes: list[Change]) -> None:
    try:
        config = CircuitBreakerConfig.from_wire(event.config)
    except (ConfigError, TypeError) as error:
        _set_aside(circuit, str(error), now_ms, changes)
        return
    old_width = circuit.bucket_ms
    circuit.config, circuit.revision = config, event.revision
    circuit.derive()
    if circuit.bucket_ms != old_width:
        circuit.buckets = rescale(circuit.buckets, old_width, circuit.bucket_ms)
        for worker, index in circuit.troubled_workers.items():
            circuit.troubled_workers[worker] = index * old_width // circuit.bucket_ms
    changes.append(
        ConfigApplied(
            now_ms, event.revision, event.config, circuit.checkpoint, event.actor, event.reason
        )
    )
    if circuit.state is not _CLOSED and not config.enabled:
        _close(circuit, Cause.DISABLED, now_ms, changes, event)
    elif circuit.state is _OPEN:
        open_ms = config.open_ms(
            circuit.opens_in_a_row, max(0, circuit.retry_until_ms - circuit.since_ms)
        )
        circuit.open_until_ms = max(now_ms, circuit.since_ms + open_ms)
    elif circuit.state is _HALF_OPEN and circuit.probe_successes >= config.half_open_max_calls:
        _close(circuit, Cause.PROBES_SUCCEEDED, now_ms, changes, event)
    circuit.derive_deadline()


def _override(circuit: Circuit, event: OverrideSet, now_ms: int, changes: list[Change]) -> None:
    expires = event.expires_in_ms if event.mode is not Mode.AUTO else 0
    circuit.mode = event.mode
    circuit.mode_until_ms = now_ms + expires if expires else 0
    changes.append(
        ModeChanged(
            now_ms, event.mode, circuit.checkpoint, event.actor, event.reason, circuit.mode_until_ms
        )
    )
    if event.reset and event.mode is Mode.AUTO:
        if circuit.state is _CLOSED:
            circuit.clear_window()
        else:
            _close(circuit, Cause.RESET, now_ms, changes, event)
    circuit.derive_deadline()


def _open(
    circuit: Circuit,
    cause: Cause,
    at_ms: int,
    changes: list[Change],
    outcome: Outcome | None,
    event_id: str = "",
) -> None:
    circuit.opens_in_a_row += 1
    asked_ms = max(0, circuit.retry_until_ms - at_ms)
    circuit.open_until_ms = at_ms + circuit.config.open_ms(circuit.opens_in_a_row, asked_ms)
    _enter(circuit, _OPEN, cause, at_ms, changes, outcome, event_id)
    circuit.probes = {}
    circuit.derive_deadline()


def _close(
    circuit: Circuit,
    cause: Cause,
    at_ms: int,
    changes: list[Change],
    event: Outcome | ConfigChanged | OverrideSet,
) -> None:
    circuit.opens_in_a_row = 0
    circuit.open_until_ms = 0
    _enter(circuit, _CLOSED, cause, at_ms, changes, event)
    circuit.clear_window()
    circuit.probes = {}
    circuit.probe_successes = circuit.probes_inconclusive = 0
    circuit.derive_deadline()


def _enter(
    circuit: Circuit,
    state: CircuitState,
    cause: Cause,
    at_ms: int,
    changes: list[Change],
    event: Outcome | ConfigChanged | OverrideSet | None = None,
    event_id: str = "",
) -> None:
    """Makes the transition and its explanation: the figures stand as they were."""
    outcome = event if isinstance(event, Outcome) else None
    control = event if isinstance(event, ConfigChanged | OverrideSet) else None
    before = circuit.state
    circuit.state = state
    circuit.epoch += 1
    circuit.since_ms = at_ms
    circuit.cause = cause.value
    changes.append(
        Transition(
            at_ms=at_ms,
            from_state=before,
            to_state=state,
            cause=cause,
            epoch=circuit.epoch,
            revision=circuit.revision,
            event_id=circuit.checkpoint if event is not None else event_id,
            figures=Figures(
                circuit.calls,
                circuit.failures,
                circuit.slow,
                circuit.consecutive_failures,
                troubled_workers(circuit, at_ms // circuit.bucket_ms),
                circuit.probe_successes,
                circuit.probes_inconclusive,
            ),
            failure_kind=outcome.failure_kind if outcome else "",
            worker=outcome.worker if outcome else 0,
            trace=outcome.trace if outcome else b"",
            open_until_ms=circuit.open_until_ms if state is _OPEN else 0,
            actor=control.actor if control else "",
            reason=control.reason if control else "",
        )
    )
