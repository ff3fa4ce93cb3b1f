"""What is usual for an agent: its failure rate, learned from calls that have left the window.

Counts fade, so that what is usual may change. They are kept by hour of the day (UTC), because
agents that are slow to answer at noon need not be so at night. Only calls made while CLOSED are
learned. Nothing here depends on when anybody looks: a bucket is learned under its own time, and
fading goes by whole steps, multiplied out, so that every machine comes to the same bits.
"""

from __future__ import annotations

from msgspec import Struct, field

SLOTS = 24
ENOUGH_CALLS = 100
"""Faded calls before the whole baseline counts; until then the fixed threshold decides."""

ENOUGH_IN_SLOT = 400
"""Faded calls before an hour of the day counts by itself."""

_HOUR_MS = 3_600_000
_STEPS = 64
"""Fading steps in one half life."""

_FADE = 0.98922801319397546
"""2 ** (-1 / _STEPS), written out: `pow` may differ in the last bit from machine to machine."""

_FORGOTTEN = 50 * _STEPS
"""Steps after which nothing is left to speak of."""


class Baseline(Struct, array_like=True):
    """Faded counts of calls and failures by hour of the day.

    Attributes:
        step: the fading step up to which everything has faded.
        calls, failures: by hour of the day, UTC.
    """

    step: int = 0
    calls: list[float] = field(default_factory=lambda: [0.0] * SLOTS)
    failures: list[float] = field(default_factory=lambda: [0.0] * SLOTS)

    def copy(self) -> Baseline:
        """An independent copy."""
        return Baseline(self.step, self.calls.copy(), self.failures.copy())

    def learn(self, at_ms: int, calls: int, failures: int, half_life_seconds: float) -> None:
        """Adds the calls of a moment."""
        step = at_ms // step_ms(half_life_seconds)
        weight = 1.0
        if step > self.step:
            faded = _faded(step - self.step)
            self.calls = [count * faded for count in self.calls]
            self.failures = [count * faded for count in self.failures]
            self.step = step
        elif step < self.step:
            weight = _faded(self.step - step)
        slot = at_ms // _HOUR_MS % SLOTS
        self.calls[slot] += calls * weight
        self.failures[slot] += failures * weight

    def rescale(self, old_seconds: float, new_seconds: float) -> None:
        """Goes on with another half life; what has faded so far stays as it is."""
        self.step = self.step * step_ms(old_seconds) // step_ms(new_seconds)

    def rate(self, now_ms: int) -> float | None:
        """The usual failure rate at this hour of the day, or of all hours; None: unknown yet.

        One failure and two calls are added (Laplace's rule of succession), so that an agent that
        was never seen to fail is not expected never to.
        """
        slot = now_ms // _HOUR_MS % SLOTS
        calls, failures = self.calls[slot], self.failures[slot]
        if calls < ENOUGH_IN_SLOT:
            calls, failures = sum(self.calls), sum(self.failures)
            if calls < ENOUGH_CALLS:
                return None
        return (failures + 1.0) / (calls + 2.0)


def step_ms(half_life_seconds: float) -> int:
    """Length of a fading step."""
    return max(1, round(half_life_seconds * 1000 / _STEPS))


def _faded(steps: int) -> float:
    if steps >= _FORGOTTEN:
        return 0.0
    result, factor = 1.0, _FADE
    while steps:
        if steps & 1:
            result *= factor
        factor *= factor
        steps >>= 1
    return result
