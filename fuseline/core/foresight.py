"""How few outcomes more may change a circuit's state."""

from __future__ import annotations

from math import ceil

from fuseline.core.circuit import Circuit, CircuitState


def decisive_outcomes(circuit: Circuit) -> int:
    """How few failures, or results of probes, may change the state next; 0: none can.

    By the figures as they stand: what leaves the window meanwhile is not foreseen, nor are slow
    calls or a quorum of workers. So it is a hint which circuits are worth a closer look; the fold
    alone decides.
    """
    config = circuit.config
    if circuit.state is CircuitState.HALF_OPEN:
        return 1
    if circuit.state is CircuitState.OPEN or not config.enabled:
        return 0
    streak, rate = config.failure_threshold, config.failure_rate_threshold
    minimum_calls = config.minimum_calls
    if circuit.baseline is not None:
        held = circuit.in_force(circuit.last_ms)
        streak, rate = held.failure_threshold, held.rate_threshold
        if held.baseline is not None:
            minimum_calls = 1
    fewest = 0
    if streak is not None:
        fewest = max(1, streak - circuit.consecutive_failures)
    if rate is not None and fewest != 1:
        needed = _failures_to_rate(rate, circuit.calls, circuit.failures)
        if needed:
            needed = max(needed, minimum_calls - circuit.calls)
            fewest = min(fewest, needed) if fewest else needed
    return fewest


def _failures_to_rate(rate: float, calls: int, failures: int) -> int:
    """How many failures more bring failures / calls to a rate, at least 1; 0: none do."""
    if rate >= 1:
        return 0 if failures < calls else 1
    needed = max(1, ceil((rate * calls - failures) / (1 - rate)))
    # The fold divides; near a whole number that rounds another way.
    if needed > 1 and (failures + needed - 1) / (calls + needed - 1) >= rate:
        return needed - 1
    return needed if (failures + needed) / (calls + needed) >= rate else needed + 1
