"""Calling the agents of the registry: by the executor, at their endpoints."""

from __future__ import annotations

from math import inf
from time import monotonic
from typing import Any, Protocol

from fuseline.bridge.tasks.endings import AgentPolicy
from fuseline.bridge.tasks.model import Task
from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import BackendError
from fuseline.events.agents import read_agent
from fuseline.events.backend import Backend
from fuseline.telemetry.logs import get_logger

_REMEMBER_SECONDS = 5.0  # asked for failures and deadlines only; the executor has its own way

_log = get_logger("tasks")


class Executor(Protocol):
    """What this needs of the executor."""

    async def call(
        self,
        agent: str,
        payload: Any,
        *,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Any:
        """Calls an agent through its breaker; the reply has a `result`."""
        ...


class RegistryCalls:
    """See `calls.Calls`; the task's id is the idempotency key of all its attempts."""

    def __init__(self, backend: Backend, executor: Executor) -> None:
        self._backend = backend
        self._executor = executor
        self._endpoints: dict[str, tuple[float, Endpoint | None]] = {}

    async def start(self) -> None:
        """See `calls.Calls`; there is nothing to do."""

    async def policy(self, agent: str) -> AgentPolicy:
        """See `calls.Calls`; while the server is away the last one known counts."""
        endpoint = await self._endpoint(agent)
        if endpoint is None:
            return AgentPolicy()
        return AgentPolicy(endpoint.when_open, endpoint.idempotent)

    async def _endpoint(self, agent: str) -> Endpoint | None:
        asked_at, endpoint = self._endpoints.get(agent, (-inf, None))
        if monotonic() - asked_at > _REMEMBER_SECONDS:
            try:
                record = await read_agent(self._backend, agent)
            except BackendError as error:
                _log.info("endpoint_not_read", agent=agent, error=str(error))
                return endpoint
            endpoint = None if record is None else record.endpoint
            self._endpoints[agent] = monotonic(), endpoint
        return endpoint

    async def call(self, task: Task, timeout_seconds: float | None) -> Any:
        """See `calls.Calls`; a deadline of the task never lengthens the call."""
        if timeout_seconds is not None and (endpoint := await self._endpoint(task.agent)):
            timeout_seconds = min(timeout_seconds, endpoint.timeout_seconds)
        reply = await self._executor.call(
            task.agent, task.payload, idempotency_key=task.id, timeout_seconds=timeout_seconds
        )
        return reply.result
