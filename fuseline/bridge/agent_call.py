"""One call of an agent, and how its deadlines end it."""

from __future__ import annotations

from time import monotonic
from typing import Any

from fuseline.bridge.classify import Verdict
from fuseline.bridge.lines import Line
from fuseline.bridge.protocols.base import AgentCallError
from fuseline.core.events import Result


class AgentCall:
    """What all attempts of a call share."""

    __slots__ = ("deadline", "key", "line", "payload")

    def __init__(self, line: Line, payload: Any, key: str, deadline: float) -> None:
        self.line = line
        self.payload = payload
        self.key = key
        self.deadline = deadline

    def left_seconds(self) -> float:
        """Time that is left.

        Raises:
            AgentCallError: none, so that nothing is sent any more.
        """
        left = self.deadline - monotonic()
        if left > 0:
            return left
        raise AgentCallError(
            self.line.breaker.name,
            "no time was left for an attempt",
            Verdict(Result.NOT_SENT, "timeout_total"),
            sent=False,
        )


def cut_off(call: AgentCall, which: str, seconds: float) -> AgentCallError:
    """The error for an attempt that the executor has cut off at a deadline."""
    verdict = Verdict(Result.TIMEOUT, f"timeout_{which}")
    words = f"no answer within {seconds:.3g} s, the deadline of the {which}"
    return AgentCallError(call.line.breaker.name, words, verdict)


def probe_cut_off(agent: str) -> AgentCallError:
    """The error for a probe that the breaker has cut off at the end of its lease."""
    verdict = Verdict(Result.TIMEOUT, "timeout_probe")
    return AgentCallError(agent, "no answer within the lease of the probe", verdict)
