"""Circuits as lists and the stream show them."""

from __future__ import annotations

from fuseline.core.states import CircuitState
from fuseline.projections.documents import mode_name
from fuseline.projections.overview import AgentStatus
from fuseline.schemas.circuits import CircuitSummary, ModeName, Thresholds

_SPARKS = 20


def summary_of(status: AgentStatus, now_ms: int) -> CircuitSummary:
    """A circuit of an overview; `status.circuit` shows the figures of `now_ms`."""
    circuit = status.circuit
    if circuit is None:
        return CircuitSummary(agent=status.agent, problem=status.problem, projected=False)
    return CircuitSummary(
        agent=status.agent,
        trouble=status.trouble,
        projected=status.projected,
        state=circuit.state,
        mode=ModeName(mode_name(circuit.mode)),
        mode_until_ms=circuit.mode_until_ms or None,
        cause=circuit.cause or None,
        epoch=circuit.epoch,
        since_ms=circuit.since_ms,
        open_until_ms=circuit.open_until_ms if circuit.state is CircuitState.OPEN else None,
        recovering_until_ms=(
            circuit.recovering_until_ms if circuit.recovering_until_ms > now_ms else None
        ),
        calls=circuit.calls,
        failures=circuit.failures,
        failure_rate=round(circuit.failure_rate, 6),
        slow_calls=circuit.slow,
        slow_call_rate=round(circuit.slow_call_rate, 6),
        consecutive_failures=circuit.consecutive_failures,
        probes_out=len(circuit.probes),
        probe_successes=circuit.probe_successes,
        thresholds=Thresholds.of(circuit.config, circuit.in_force(now_ms)),
        revision=circuit.revision,
        spark=_spark(circuit.buckets, circuit.bucket_ms, circuit.bucket_count, now_ms),
    )


def _spark(
    buckets: list[list[int]], bucket_ms: int, count: int, now_ms: int
) -> list[tuple[int, int]]:
    if not buckets:
        return []
    width = -(-count // _SPARKS)
    parts = [[0, 0] for _ in range(-(-count // width))]
    oldest = now_ms // bucket_ms - count + 1
    for index, calls, failures, _ in buckets:
        part = parts[min(max(0, index - oldest) // width, len(parts) - 1)]
        part[0] += calls
        part[1] += failures
    return [(calls, failures) for calls, failures in parts]
