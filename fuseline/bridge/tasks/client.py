"""Submitting tasks, and waiting for their results."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Generator
from math import inf
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import anyio
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from fuseline.bridge.tasks.model import (
    MAX_PAYLOAD_BYTES,
    Priority,
    TaskBody,
    TaskResult,
    check_attempts,
    check_deadline,
    encode_body,
    encode_payload,
    parse_when_open,
)
from fuseline.bridge.tasks.results import Results
from fuseline.bridge.tasks.store import TaskStore
from fuseline.core.errors import AgentNotFoundError, BackendUnavailableError, ConfigError
from fuseline.events.agents import read_agent
from fuseline.events.backend import Backend

if TYPE_CHECKING:
    from fuseline.bridge.manager import CircuitBreakerManager

SUBMIT_SECONDS = 5.0
"""How long `submit` goes on while the server does not answer; submitting again is safe."""

_RETRY_SECONDS = 0.05
_REMEMBER_SECONDS = 5.0  # an agent may be removed meanwhile

_propagator = TraceContextTextMapPropagator()


class TaskHandle:
    """A submitted task; `await` it for its result.

    Attributes:
        id: of the task.
        agent: who is called.
        existed: a task of this id had been submitted before; this is that one.
    """

    def __init__(self, results: Results, task_id: str, agent: str, *, existed: bool) -> None:
        self._results = results
        self.id = task_id
        self.agent = agent
        self.existed = existed

    def __await__(self) -> Generator[Any, None, TaskResult]:
        return self.result().__await__()

    async def result(self, timeout_seconds: float | None = None) -> TaskResult:
        """Waits for the result, also while the server is away.

        Raises:
            TaskNotFoundError: the result is no longer kept.
            TimeoutError: not within `timeout_seconds`.
        """
        async with asyncio.timeout(timeout_seconds):
            return await self._results.wait(self.id)


class TaskClient:
    """Submits tasks; one reader of the results serves all who wait.

    async with TaskClient(manager) as client:
        handle = await client.submit("billing-agent", {"order": 7})
        result = await handle

    Args:
        source: a connected manager, or a backend.
        max_payload_bytes: largest payload, as JSON.
    """

    def __init__(
        self,
        source: CircuitBreakerManager | Backend,
        *,
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
    ) -> None:
        self._backend = source if isinstance(source, Backend) else source.backend
        self._store = TaskStore(self._backend)
        self._results = Results(self._store)
        self._max_payload_bytes = max_payload_bytes
        self._registered: dict[str, float] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the reader of results; who still waits is cancelled."""
        await self._results.close()

    async def submit(
        self,
        agent: str,
        payload: Any,
        *,
        priority: str = "normal",
        deadline_seconds: float | None = None,
        max_attempts: int | None = None,
        when_open: str | None = None,
        idempotent: bool | None = None,
        task_id: str | None = None,
    ) -> TaskHandle:
        """Puts a task into the queue.

        Args:
            agent: name of a registered agent.
            payload: any JSON value, as small as can be.
            priority: "high", "normal" or "low".
            deadline_seconds: from now; without a result by then it expires.
            max_attempts: failed calls and dead workers together; None: 3.
            when_open: "reject" or "defer" while the circuit is open; None: as the agent says.
            idempotent: whether calling twice is safe; None: as the agent says.
            task_id: submitting the same id again gives the task there is; None: a random one.

        Raises:
            AgentNotFoundError: the agent is not registered.
            ConfigError: an argument is not allowed.
            BackendUnavailableError: the server does not answer; the task may be in the queue.
        """
        body = TaskBody(
            encode_payload(payload, self._max_payload_bytes),
            check_attempts(max_attempts),
            None if when_open is None else parse_when_open(when_open),
            idempotent,
            _traceparent(),
        )
        level, deadline_ms = Priority.parse(priority), check_deadline(deadline_seconds)
        chosen = secrets.token_hex(12) if task_id is None else task_id
        self._store.keys.task(chosen)
        await self._check_agent(agent)
        reply = await self._submit(chosen, agent, level, deadline_ms, encode_body(body))
        if reply[0] == b"EXISTS" and reply[1].decode() != agent:
            raise ConfigError("task_id", chosen, f"an id that is not a task of {reply[1].decode()}")
        existed = reply[0] == b"EXISTS" and task_id is not None
        return TaskHandle(self._results, chosen, agent, existed=existed)

    def handle(self, task_id: str, agent: str = "") -> TaskHandle:
        """A handle for a task that was submitted before, here or elsewhere.

        Raises:
            ConfigError: no id of a task.
        """
        self._store.keys.task(task_id)
        return TaskHandle(self._results, task_id, agent, existed=True)

    async def _check_agent(self, agent: str) -> None:
        if monotonic() - self._registered.get(agent, -inf) > _REMEMBER_SECONDS:
            if await read_agent(self._backend, agent) is None:
                raise AgentNotFoundError(agent)
            self._registered[agent] = monotonic()

    async def _submit(
        self, task_id: str, agent: str, level: Priority, deadline_ms: int, body: bytes
    ) -> list[bytes]:
        """The id is chosen here, so a submission whose answer was lost may be repeated."""
        give_up_at = monotonic() + SUBMIT_SECONDS
        while True:
            try:
                return await self._store.submit(task_id, agent, level, deadline_ms, body)
            except BackendUnavailableError:
                if monotonic() >= give_up_at:
                    raise
                await anyio.sleep(_RETRY_SECONDS)


def _traceparent() -> str:
    """The W3C form of the caller's span; empty if it has none."""
    carrier: dict[str, str] = {}
    _propagator.inject(carrier)
    return carrier.get("traceparent", "")
