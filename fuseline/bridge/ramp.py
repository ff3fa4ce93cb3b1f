"""Gradual recovery: after successful probes a growing share of the calls is let through.

An agent that has just come back is often slow still: caches are cold, others come back too. The
share grows in a straight line, and the calls that pass are spread evenly: no luck is involved, so a
process that calls rarely is not held back for long.
"""

from __future__ import annotations

from fuseline.core.circuit import Circuit

RECOVERING = "recovering"
"""The cause that a refused caller is told."""

FIRST_SHARE = 0.1
"""Let through at once when the circuit closes."""


class Ramp:
    """Who passes; one for each circuit and process. Does no I/O."""

    def __init__(self) -> None:
        self._epoch = -1
        self._credit = 0.0

    def lets_through(self, circuit: Circuit, now_ms: int) -> bool:
        """Decides about one call while the circuit is recovering."""
        share = share_at(circuit, now_ms)
        if circuit.epoch != self._epoch:
            self._epoch, self._credit = circuit.epoch, 1.0 - share  # the first call passes
        self._credit += share
        if self._credit < 1.0:
            return False
        self._credit -= 1.0
        return True


def share_at(circuit: Circuit, now_ms: int) -> float:
    """The share of calls that is let through at a moment, from `FIRST_SHARE` to 1."""
    length_ms = circuit.recovering_until_ms - circuit.since_ms
    if length_ms <= 0:
        return 1.0
    grown = min(1.0, max(0.0, (now_ms - circuit.since_ms) / length_ms))
    return FIRST_SHARE + (1.0 - FIRST_SHARE) * grown
