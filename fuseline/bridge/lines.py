"""What the executor keeps for each agent: its endpoint as of now, protocol, client and breaker."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable

import anyio
import httpx2

from fuseline.bridge.breaker import CircuitBreaker
from fuseline.bridge.manager import CircuitBreakerManager
from fuseline.bridge.outbound.backend import GuardedBackend, Resolver
from fuseline.bridge.outbound.client import make_client
from fuseline.bridge.outbound.policy import OutboundPolicy
from fuseline.bridge.protocols.base import AgentProtocol
from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import AgentNotFoundError, BackendError, NoEndpointError
from fuseline.events.agents import AgentRecord, read_agent
from fuseline.telemetry.logs import get_logger

_log = get_logger("executor")


class Line:
    """One agent under one endpoint; a changed endpoint gets a new line.

    Attributes:
        in_use: calls under way on it.
        revision: of the record it was made from.
        seen_revision: of the breaker's view then; another one means that the record has changed.
    """

    def __init__(
        self,
        breaker: CircuitBreaker,
        endpoint: Endpoint,
        protocol: AgentProtocol,
        client: httpx2.AsyncClient,
    ) -> None:
        self.breaker = breaker
        self.endpoint = endpoint
        self.protocol = protocol
        self.client = client
        self.in_use = 0
        self.revision = 0
        self.seen_revision = 0
        self._retired = False

    def is_current(self) -> bool:
        """Whether the endpoint is the one in force, as far as the breaker's view tells."""
        view = self.breaker.local.view
        # Revision 0 is a circuit that nothing is known of, because the log is away.
        if view is None or view.revision in (self.seen_revision, 0):
            return True
        if view.revision == self.revision:
            self.seen_revision = self.revision  # the view has caught up with the record
            return True
        return False

    async def leave(self) -> None:
        """Ends a call; the last one on a line that was given up closes it."""
        self.in_use -= 1
        if self._retired and not self.in_use:
            await self.close()

    async def retire(self) -> None:
        """Gives the line up: closed now, or when its calls have ended."""
        self._retired = True
        if not self.in_use:
            await self.close()

    async def close(self) -> None:
        """Closes the connections, in use or not."""
        with anyio.CancelScope(shield=True):
            await self.client.aclose()


class Lines:
    """The lines of one executor.

    Args:
        manager: knows the registry and the breakers.
        policy: where connections may lead.
        protocol: gives a protocol by its name.
        ssl_context: for all connections.
        max_connections: of one agent.
        resolver: looks host names up.
    """

    def __init__(
        self,
        manager: CircuitBreakerManager,
        policy: OutboundPolicy,
        protocol: Callable[[str], AgentProtocol],
        ssl_context: ssl.SSLContext,
        max_connections: int,
        resolver: Resolver,
    ) -> None:
        self._manager = manager
        self._policy = policy
        self._protocol = protocol
        self._ssl_context = ssl_context
        self._max_connections = max_connections
        self._resolver = resolver
        self._lines: dict[str, Line] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def find(self, agent: str) -> Line | None:
        """The agent's line, if it is known and as the registry has it."""
        line = self._lines.get(agent)
        return line if line is not None and line.is_current() else None

    async def open(self, agent: str) -> Line:
        """Reads the agent's record and makes its line, or keeps the one that fits.

        When the server cannot say in time, a line that there is stays in use.

        Raises:
            AgentNotFoundError: no such agent, or (NoEndpointError) it has no endpoint.
            BackendUnavailableError: the server cannot say, and this process has never seen it.
            ConfigError: its protocol is not there.
        """
        async with self._locks.setdefault(agent, asyncio.Lock()):
            line = self.find(agent)
            if line is not None:
                return line
            line = self._lines.get(agent)
            view = self._manager.get(agent).local.view
            seen = view.revision if view else 0
            try:
                if line is None:
                    record = await read_agent(self._manager.backend, agent)
                else:
                    async with asyncio.timeout(self._manager.budget_seconds):
                        record = await read_agent(self._manager.backend, agent)
            except (BackendError, TimeoutError) as error:
                if line is None:
                    raise
                reason = str(error) or "no answer within the budget"
                _log.warning("endpoint_not_read", agent=agent, error=reason)
                return line
            return await self._take(agent, line, record, seen)

    async def _take(
        self, agent: str, line: Line | None, record: AgentRecord | None, seen: int
    ) -> Line:
        if record is None:
            view = self._manager.get(agent).local.view
            if line is None or (view is not None and view.removed):
                raise AgentNotFoundError(agent)
            return line  # the server has lost its data; the manager registers the agent again
        endpoint = record.endpoint
        if endpoint is None:
            raise NoEndpointError(agent)
        breaker = self._manager.get(agent)
        if line is None or line.endpoint != endpoint:
            protocol = self._protocol(endpoint.protocol)
            backend = GuardedBackend(agent, self._policy, self._resolver)
            client = make_client(endpoint, self._ssl_context, backend, self._max_connections)
            before, line = line, Line(breaker, endpoint, protocol, client)
            self._lines[agent] = line
            if before is not None:
                _log.info("endpoint_changed", agent=agent, revision=record.revision)
                await before.retire()
        breaker.endpoint = endpoint
        line.revision, line.seen_revision = record.revision, seen or record.revision
        return line

    async def close(self) -> None:
        """Closes all connections, in use or not."""
        lines, self._lines = self._lines, {}
        for line in lines.values():
            await line.close()
