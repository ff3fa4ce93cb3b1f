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
    ModeChanged,
)
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.control import apply_control
from fuseline.core.counting import count_outcome, count_run
from fuseline.core.events import AnyEvent, Entry, Mode, Outcome, Result
from fuseline.core.transitions import (
    close_circuit,
    enter,
    hear_retry_after,
    note_inconclusive,
    open_circuit,
)

_CLOSED, _OPEN, _HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN
_SUCCESS, _TIMEOUT = Result.SUCCESS, Result.TIMEOUT
_DEFAULTS = CircuitBreakerConfig()


def initial(config: CircuitBreakerConfig | None = None, revision: int = 0) -> Circuit:
    """The circuit before its first event."""
    return Circuit(config=config or _DEFAULTS, revision=revision)


def advance(circuit: Circuit, now_ms: int) -> tuple[Circuit, list[Change]]:
    """Applies what time alone decides up to and including `now_ms`."""
    twin, changes = circuit.copy(), list[Change]()
    advance_in_place(twin, now_ms, changes)
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
    rest = iter(entries)
    entry = next(rest, None)
    while entry is not None:
        ms, seq, event = entry
        if ms < circuit.last_ms or (ms == circuit.last_ms and seq <= circuit.last_seq):
            entry = next(rest, None)
            continue
        if ms >= circuit.next_deadline_ms:
            advance_in_place(circuit, ms, changes)
        circuit.last_ms = ms
        circuit.last_seq = seq
        if type(event) is Outcome:
            if event.epoch == circuit.epoch:
                if circuit.state is _CLOSED:
                    count_outcome(circuit, event, ms, changes)
                    if event.result is _SUCCESS and circuit.state is _CLOSED:
                        entry = count_run(circuit, rest)
                        continue
                elif circuit.state is _HALF_OPEN:
                    _probe_ended(circuit, event, ms, changes)
        else:
            apply_control(circuit, event, ms, changes)
            if ms >= circuit.next_deadline_ms:  # e.g. a shorter open time that is over already
                advance_in_place(circuit, ms, changes)
        entry = next(rest, None)
    return changes


def advance_in_place(circuit: Circuit, now_ms: int, changes: list[Change]) -> None:
    """`advance` for the sole owner of a circuit: the changes are added to a list."""
    while circuit.next_deadline_ms <= now_ms:
        at_ms = circuit.next_deadline_ms
        if circuit.mode_until_ms == at_ms:
            circuit.mode, circuit.mode_until_ms = Mode.AUTO, 0
            changes.append(ModeChanged(at_ms, Mode.AUTO, ""))
        elif circuit.state is _OPEN:
            circuit.probe_successes = circuit.probes_inconclusive = 0
            circuit.probes = {}
            enter(circuit, _HALF_OPEN, Cause.OPEN_TIME_OVER, at_ms, changes)
        else:
            permit = min(circuit.probes, key=lambda p: (circuit.probes[p], p))
            del circuit.probes[permit]
            note_inconclusive(circuit, permit, at_ms, changes)
        circuit.derive_deadline()


def _probe_ended(circuit: Circuit, outcome: Outcome, now_ms: int, changes: list[Change]) -> None:
    """An outcome of this epoch in HALF_OPEN; only a permit that is out makes it count."""
    if outcome.permit is not None and circuit.probes.pop(outcome.permit, None) is not None:
        end_probe(circuit, outcome, now_ms, changes)


def end_probe(circuit: Circuit, outcome: Outcome, now_ms: int, changes: list[Change]) -> None:
    """What the result of a probe of this round decides; its place is taken back already."""
    if outcome.result is _SUCCESS:
        circuit.probe_successes += 1
        if circuit.probe_successes >= circuit.config.half_open_max_calls:
            close_circuit(circuit, Cause.PROBES_SUCCEEDED, now_ms, changes, outcome)
    elif outcome.result <= _TIMEOUT:
        hear_retry_after(circuit, outcome, now_ms)
        open_circuit(circuit, Cause.PROBE_FAILED, now_ms, changes, outcome)
    else:
        note_inconclusive(circuit, circuit.checkpoint, now_ms, changes, outcome)
    circuit.derive_deadline()
