"""Calls made elsewhere: whether they may be made, and how they ended."""

from __future__ import annotations

import time
from collections.abc import Sequence

from fuseline.client.operation import Operation
from fuseline.client.transport import Transport
from fuseline.schemas.calls import CallAdmission, OutcomeReport, OutcomesRecord, OutcomesRecorded

ADMIT = Operation("admitCall", "POST", "/circuits/{name}/admissions", CallAdmission)
RECORD = Operation("recordOutcomes", "POST", "/circuits/{name}/outcomes", OutcomesRecorded)


class Calls:
    """`client.calls`. Each method raises `ClientError`; see `fuseline.client.errors`.

    For programs that cannot reach Redis. Where it can be reached, `CircuitBreakerManager` decides
    in memory, and records while the server is away.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._run = time.time_ns() // 1_000_000
        self._next: dict[tuple[str, str], int] = {}

    async def admit(self, agent: str) -> CallAdmission:
        """Whether to call an agent now.

        Args:
            agent: name of a registered agent.
        """
        return await self._transport.call(ADMIT, path={"name": agent})

    async def record(
        self, agent: str, worker: str, outcomes: Sequence[OutcomeReport]
    ) -> OutcomesRecorded:
        """Reports how calls ended; when it fails, report the same again, before any others.

        Args:
            agent: name of a registered agent.
            worker: name of this process; no other process may use it.
            outcomes: in the order in which they ended.
        """
        first = self._next.get((agent, worker), 1)
        report = OutcomesRecord(
            worker=worker, run=self._run, sequence=first, outcomes=list(outcomes)
        )
        answer = await self._transport.call(RECORD, path={"name": agent}, body=report)
        self._next[agent, worker] = answer.sequence + 1
        return answer
