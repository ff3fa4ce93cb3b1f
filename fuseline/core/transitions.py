"""The transitions themselves, each with its explanation."""

from __future__ import annotations

from fuseline.core.circuit import (
    Cause,
    Change,
    Circuit,
    CircuitState,
    Figures,
    Transition,
)
from fuseline.core.events import AgentRemoved, ConfigChanged, Outcome, OverrideSet

# A round whose probes say nothing (abandoned, ignored, vanished) must end too, or the circuit
# would stay half open for ever under callers that always cancel.
INCONCLUSIVE_ROUNDS = 3

Control = ConfigChanged | OverrideSet | AgentRemoved

_CLOSED, _OPEN = CircuitState.CLOSED, CircuitState.OPEN


def open_circuit(
    circuit: Circuit,
    cause: Cause,
    at_ms: int,
    changes: list[Change],
    outcome: Outcome | None,
    event_id: str = "",
) -> None:
    """-> OPEN, for as long as the settings and the agent say."""
    circuit.opens_in_a_row += 1
    asked_ms = max(0, circuit.retry_until_ms - at_ms)
    circuit.open_until_ms = at_ms + circuit.config.open_ms(circuit.opens_in_a_row, asked_ms)
    learns = circuit.config.adaptive and circuit.state is _CLOSED
    enter(circuit, _OPEN, cause, at_ms, changes, outcome, event_id)
    if learns:
        # Also what opened it: else an agent that is worse for good would never be known to be.
        for bucket in circuit.buckets:
            circuit.learn(bucket)
    circuit.probes = {}
    circuit.derive_deadline()


def close_circuit(
    circuit: Circuit,
    cause: Cause,
    at_ms: int,
    changes: list[Change],
    event: Outcome | Control,
) -> None:
    """-> CLOSED, with an empty window."""
    circuit.opens_in_a_row = 0
    circuit.open_until_ms = 0
    enter(circuit, _CLOSED, cause, at_ms, changes, event)
    circuit.clear_window()
    circuit.probes = {}
    circuit.probe_successes = circuit.probes_inconclusive = 0
    circuit.derive_deadline()


def note_inconclusive(
    circuit: Circuit,
    event_id: str,
    at_ms: int,
    changes: list[Change],
    outcome: Outcome | None = None,
) -> None:
    """A probe said nothing; too many of them in a round -> OPEN."""
    circuit.probes_inconclusive += 1
    limit = INCONCLUSIVE_ROUNDS * circuit.config.half_open_max_calls
    if circuit.probes_inconclusive >= limit:
        open_circuit(circuit, Cause.PROBES_INCONCLUSIVE, at_ms, changes, outcome, event_id)


def hear_retry_after(circuit: Circuit, outcome: Outcome, now_ms: int) -> None:
    """Keeps the latest moment the agent asked for; it counts from the answer, not from the log."""
    if outcome.retry_after_ms:
        asked_ms = now_ms - outcome.age_ms + outcome.retry_after_ms
        circuit.retry_until_ms = max(circuit.retry_until_ms, asked_ms)


def enter(
    circuit: Circuit,
    state: CircuitState,
    cause: Cause,
    at_ms: int,
    changes: list[Change],
    event: Outcome | Control | None = None,
    event_id: str = "",
) -> None:
    """Makes the transition and its explanation: the figures stand as they were."""
    outcome = event if isinstance(event, Outcome) else None
    control = event if isinstance(event, Control) else None
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
            figures=_figures(circuit, at_ms),
            failure_kind=outcome.failure_kind if outcome else "",
            worker=outcome.worker if outcome else 0,
            trace=outcome.trace if outcome else b"",
            open_until_ms=circuit.open_until_ms if state is _OPEN else 0,
            actor=control.actor if control else "",
            reason=control.reason if control else "",
        )
    )


def _figures(circuit: Circuit, at_ms: int) -> Figures:
    held = circuit.in_force(at_ms)
    adaptive = held.baseline is not None
    return Figures(
        circuit.calls,
        circuit.failures,
        circuit.slow,
        circuit.consecutive_failures,
        troubled_workers(circuit, at_ms // circuit.bucket_ms),
        circuit.probe_successes,
        circuit.probes_inconclusive,
        held.baseline,
        held.rate_threshold if adaptive else None,
        held.failure_threshold if adaptive else None,
    )


def troubled_workers(circuit: Circuit, now_index: int) -> int:
    """Number of workers with a failure or slow call in the window."""
    oldest = now_index - circuit.bucket_count
    return sum(index > oldest for index in circuit.troubled_workers.values())
