"""What the errors of refused calls have in common."""

from __future__ import annotations

from math import inf
from time import monotonic

from msgspec import Struct

from fuseline.core.states import CircuitState

SOON_SECONDS = 0.001
"""What a refusal says that is read when its end has come: 0.0 would mean that nobody knows it."""


def as_said(seconds: float | None) -> float:
    """What a refusal says of the time until its end; None: nobody knows it."""
    return 0.0 if seconds is None else max(SOON_SECONDS, seconds)


class OpenUntil(Struct, frozen=True):
    """What is said of all calls that are refused at once; see `errors.Refusal`.

    Attributes:
        agent: name of the agent.
        moment: until when, in monotonic seconds; infinite: nobody knows.
        cause: why.
    """

    agent: str
    moment: float
    cause: str

    @property
    def state(self) -> CircuitState:
        """Also of a circuit that is forced open."""
        return CircuitState.OPEN

    def retry_after_seconds(self) -> float:
        """From now."""
        return as_said(None if self.moment == inf else self.moment - monotonic())
