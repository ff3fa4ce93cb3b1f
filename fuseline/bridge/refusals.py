"""What the errors of calls that are refused at once have in common."""

from __future__ import annotations

from math import inf
from time import monotonic

from msgspec import Struct

from fuseline.core.states import CircuitState


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
        return 0.0 if self.moment == inf else max(0.0, self.moment - monotonic())
