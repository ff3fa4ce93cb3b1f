"""The outcomes of one agent's calls between the breaker and the recorder."""

from __future__ import annotations

from fuseline.bridge.batch import Recorded, Success
from fuseline.bridge.classify import Verdict
from fuseline.bridge.local import UNKNOWN_EPOCH, Admission, LocalCircuit
from fuseline.core.events import Outcome, Result
from fuseline.telemetry.call_span import CallSpan
from fuseline.telemetry.tracing import trace_bytes

_SUCCESS = Result.SUCCESS


class Outcomes:
    """Counts outcomes, folds them into the local circuit and keeps them for the recorder.

    Args:
        circuit: of the agent.

    Attributes:
        ended: calls by result.
        probes_ended: those of them that were probes.
        waiting: what the recorder has not taken, in order.
    """

    def __init__(self, circuit: LocalCircuit) -> None:
        self._circuit = circuit
        self.ended = [0] * len(Result)
        self.probes_ended = [0] * len(Result)
        self.waiting: list[Recorded] = []

    def add_successes(self, successes: list[Success]) -> None:
        """Takes plain ones, in order."""
        self.ended[_SUCCESS] += len(successes)
        self._circuit.record_successes(successes)
        self.waiting += successes

    def add(
        self,
        admission: Admission,
        started: float,
        ended: float,
        verdict: Verdict,
        span: CallSpan | None,
    ) -> None:
        """Takes any other; `started` and `ended` in seconds of `time.monotonic`."""
        self.ended[verdict.result] += 1
        if admission.permit is not None:
            self.probes_ended[verdict.result] += 1
        outcome = Outcome(
            admission.epoch,
            verdict.result,
            int((ended - started) * 1000),
            failure_kind=verdict.failure_kind,
            permit=admission.permit,
            retry_after_ms=round(verdict.retry_after_seconds * 1000),
            trace=trace_bytes(span),
        )
        self._circuit.record(outcome, ended)
        if admission.local:
            # The log knows nothing of this round; for it the outcome is history.
            outcome.epoch, outcome.permit = UNKNOWN_EPOCH, None
        elif outcome.permit is not None and outcome.result is _SUCCESS:
            self._circuit.probe_won(outcome.epoch)
        self.waiting.append((ended, outcome))

    def take(self) -> list[Recorded]:
        """Hands over what waits."""
        taken, self.waiting = self.waiting, []
        return taken
