"""Executors and agents of a test."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fuseline import CircuitBreakerConfig, CircuitBreakerManager
from fuseline.bridge.executor import ExternalAgentExecutor
from fuseline.bridge.outbound import OutboundPolicy
from fuseline.bridge.protocols.base import AgentCallError
from fuseline.core.endpoint import Endpoint
from fuseline.core.events import Outcome
from fuseline.events.agents import register
from tests.bridge.agents.server import Agent, Manners, agent_at
from tests.logbook import outcomes_of

LOOPBACK = OutboundPolicy(allow=["127.0.0.0/8", "::1"])
PATIENT = CircuitBreakerConfig(failure_threshold=None, failure_rate_threshold=None)


class Scene:
    """An agent that is registered as `a`, and an executor that calls it."""

    def __init__(
        self, manager: CircuitBreakerManager, executor: ExternalAgentExecutor, agent: Agent
    ) -> None:
        self.manager = manager
        self.executor = executor
        self.agent = agent

    async def call(self, payload: Any = None, **options: Any) -> Any:
        return (await self.executor.call("a", payload, **options)).result

    async def parts(self, payload: Any = None, **options: Any) -> list[Any]:
        return [part async for part in self.executor.stream("a", payload, **options)]

    async def error(self, payload: Any = None, **options: Any) -> AgentCallError:
        """How a call fails."""
        try:
            reply = await self.executor.call("a", payload, **options)
        except AgentCallError as error:
            return error
        raise AssertionError(f"the call succeeded: {reply}")

    async def stream_error(self, payload: Any = None, **options: Any) -> AgentCallError:
        try:
            parts = await self.parts(payload, **options)
        except AgentCallError as error:
            return error
        raise AssertionError(f"the stream succeeded: {parts}")

    async def outcomes(self) -> list[Outcome]:
        """What the log has."""
        await self.manager.flush()
        return await outcomes_of(self.manager.backend, "a")

    async def ends(self) -> list[tuple[str, str]]:
        """Result and kind of each attempt, as the log has them."""
        return [(o.result.name, o.failure_kind) for o in await self.outcomes()]


@contextlib.asynccontextmanager
async def scene(
    manager: CircuitBreakerManager,
    manners: Manners,
    *,
    config: CircuitBreakerConfig = PATIENT,
    host: str = "127.0.0.1",
    tls: Any = None,
    options: dict[str, Any] | None = None,
    **endpoint: Any,
) -> AsyncIterator[Scene]:
    """Runs an agent, registers it and opens an executor."""
    made = {"outbound": LOOPBACK, "environ": {}} | (options or {})
    async with agent_at(manners, host=host, tls=tls) as agent:
        values = {"url": agent.url, "retry": {"max_attempts": 1}} | endpoint
        await register(manager.backend, "a", config, "test", endpoint=Endpoint(**values))
        async with ExternalAgentExecutor(manager, **made) as executor:
            yield Scene(manager, executor, agent)
