"""Calls that programs without this library make: they ask by HTTP, and report by HTTP.

A report is numbered by whoever sends it, and the log itself takes each number once; so a report
whose answer got lost is sent again as it is, to any process of the API.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from hashlib import blake2b
from math import inf
from time import monotonic

import anyio

from fuseline.bridge.admission import FIRST_SECONDS
from fuseline.bridge.batch import Batch, append_call, tell_calls
from fuseline.bridge.breaker import CircuitBreaker
from fuseline.bridge.local import UNKNOWN_EPOCH, Admission
from fuseline.bridge.manager import CircuitBreakerManager
from fuseline.bridge.worker_name import default_worker_name
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import AgentNotFoundError, BackendError, FuselineError, WrongKeyTypeError
from fuseline.core.events import Outcome, Result
from fuseline.events.agents import read_agent
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.wire import translate
from fuseline.schemas.calls import CallAdmission, OutcomeReport, OutcomesRecord, OutcomesRecorded

# Who asks over HTTP waits anyway; a place among the probes should not be lost to a busy moment.
_BUDGET_SECONDS = 1.0

_LOOKS = 3  # at the log, until it shows what has just been written
_PRODUCER_BYTES = 4


class ReportConflictError(FuselineError):
    """The numbers of a report do not follow what the log has of its worker."""


class RemoteCalls:
    """Admits and records for other programs; what it needs for that is begun at the first call.

    Args:
        backend: the namespace.
        defaults: settings of a breaker where an agent names none.
    """

    def __init__(self, backend: Backend, defaults: CircuitBreakerConfig) -> None:
        self._backend = backend
        self._defaults = defaults
        self._stack = AsyncExitStack()
        self._manager: CircuitBreakerManager | None = None
        self._opening = anyio.Lock()

    async def close(self) -> None:
        """Ends what was begun."""
        await self._stack.aclose()

    async def admit(self, agent: str) -> CallAdmission:
        """Whether a call may be made now.

        Raises:
            AgentNotFoundError: nobody has registered the agent.
            BackendError: the server cannot say whether it is registered.
        """
        breaker = await self._breaker(agent)
        local = breaker.local
        admitted = None if monotonic() < local.refuse_until else await breaker.admit()
        if admitted is None:
            refusal = breaker.refusal()
            return CallAdmission(
                agent=agent,
                admitted=False,
                ticket=None,
                state=refusal.state,
                cause=refusal.cause,
                retry_after_seconds=refusal.retry_after_seconds,
            )
        return CallAdmission(
            agent=agent,
            admitted=True,
            ticket=_ticket(admitted),
            state=local.state(),
            probe=admitted.permit is not None,
            ends_in_seconds=(
                None if admitted.ends_at == inf else max(0.0, admitted.ends_at - monotonic())
            ),
        )

    async def record(self, agent: str, report: OutcomesRecord) -> OutcomesRecorded:
        """Appends outcomes to the log, each once; answers when they are there.

        Raises:
            AgentNotFoundError: nobody has registered the agent.
            ReportConflictError: numbers are missing, or a later run of the worker has begun.
            BackendError: they may not be in the log; sending them again is safe.
        """
        breaker = await self._breaker(agent)
        producer = _producer(report.worker, agent)
        now = monotonic()
        batch = Batch(report.sequence, 0, now, [], [])
        outcomes = [(now - one.ago_ms / 1000, _outcome(one)) for one in report.outcomes]
        batch.add(breaker.keys, outcomes, now, producer)
        shard = self._backend.keys.shards[breaker.keys.shard]
        call = append_call(shard, (producer, report.worker, report.run), batch)
        reply, *_ = await self._backend.fcall_many([call, *tell_calls(shard, batch)])
        if isinstance(reply, Exception):
            raise translate(reply) from reply
        _check(reply, report)
        telling = any(one.result is not Result.SUCCESS or one.permit for _, one in outcomes)
        if telling or breaker.local.view is None:
            await self._hear(breaker, parse_id(reply[3]))
        refused = monotonic() < breaker.local.refuse_until
        seconds = breaker.local.retry_after_seconds() if refused else None
        return OutcomesRecorded(
            sequence=int(reply[1]),
            state=breaker.local.state(),
            retry_after_seconds=seconds or 0.0,
        )

    async def _breaker(self, agent: str) -> CircuitBreaker:
        manager = await self._open()
        breaker = manager.breakers.get(agent)
        view = breaker.local.view if breaker is not None else None
        if breaker is not None and view is not None and not view.removed:
            return breaker
        # The library registers what it is asked for; here a name may come from anywhere.
        if await read_agent(self._backend, agent) is None:
            raise AgentNotFoundError(agent)
        return manager.get(agent)

    async def _open(self) -> CircuitBreakerManager:
        if self._manager is None:
            async with self._opening:
                if self._manager is None:
                    settings = self._backend.settings
                    manager = CircuitBreakerManager.connect(
                        self._backend.url,
                        namespace=settings.namespace,
                        shards=settings.shards,
                        config=self._defaults,
                        worker=f"api-{default_worker_name()}"[:100],
                        projector=False,
                        budget_seconds=_BUDGET_SECONDS,
                    )
                    self._manager = await self._stack.enter_async_context(manager)
        return self._manager

    async def _hear(self, breaker: CircuitBreaker, event_id: tuple[int, int]) -> None:
        """Takes the log's word on what was just written, so that the next admission heeds it."""
        assert self._manager is not None
        try:
            for _ in range(_LOOKS):
                if breaker.local.position >= event_id:
                    return
                await self._manager.refresh(breaker.name, FIRST_SECONDS)
        except (BackendError, TimeoutError):
            return  # it is in the log; the feed brings the word later


def _ticket(admission: Admission) -> str:
    if admission.local:
        return str(UNKNOWN_EPOCH)  # the log knows nothing of this round
    if admission.permit is None:
        return str(admission.epoch)
    return f"{admission.epoch}:{admission.permit}"


def _outcome(report: OutcomeReport) -> Outcome:
    epoch, _, permit = report.ticket.partition(":")
    return Outcome(
        int(epoch),
        Result[report.result.name],
        report.duration_ms,
        failure_kind=report.failure_kind,
        permit=permit or None,
        retry_after_ms=round(report.retry_after_seconds * 1000),
        trace=bytes.fromhex(report.traceparent[3:52].replace("-", ""))
        if report.traceparent
        else b"",
    )


def _producer(worker: str, agent: str) -> int:
    """Each agent has numbers of its own, so that a worker need not know which share a stream."""
    digest = blake2b(f"{worker}\n{agent}".encode(), digest_size=_PRODUCER_BYTES).digest()
    return int.from_bytes(digest, "big")


def _check(reply: list[bytes], report: OutcomesRecord) -> None:
    match reply[0]:
        case b"GAP":
            known = int(reply[1])
            raise ReportConflictError(
                f"sequence: {report.sequence} is not allowed; the log knows {known} of run "
                f"{report.run} of worker {report.worker!r}, so send from {known + 1} on, or begin "
                "a new run with 1"
            )
        case b"STALE":
            raise ReportConflictError(
                f"run: {report.run} is not allowed; worker {report.worker!r} has begun a later "
                "one, and a name is for one process at a time"
            )
        case b"TAKEN":
            raise ReportConflictError(
                f"worker: {report.worker!r} is not allowed; give the process another name"
            )
    if len(reply) > 4:  # the index of the agent, and why it was refused
        raise WrongKeyTypeError(f"the log did not take the outcomes: {reply[5].decode()}")
