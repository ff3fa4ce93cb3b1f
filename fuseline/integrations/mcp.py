"""Calls of MCP tools behind a breaker.

tools = GuardedTools(session, manager, "github-mcp")
result = await tools.call_tool("create_issue", {"title": "..."})
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from fuseline.bridge.classify import PLAIN_SUCCESS, Verdict
from fuseline.bridge.manager import CircuitBreakerManager
from fuseline.bridge.protocols.transport_errors import Fault, fault_of
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Result
from fuseline.integrations.calls import AgentOf, Breakers
from fuseline.integrations.extras import missing

try:
    from mcp import Client, ClientSession, MCPError
    from mcp_types import (
        INVALID_PARAMS,
        INVALID_REQUEST,
        METHOD_NOT_FOUND,
        REQUEST_TIMEOUT,
        CallToolResult,
    )
except ImportError as error:
    raise missing("mcp", error, "mcp", "mcp_types") from error

_CALLERS_FAULT = frozenset({INVALID_PARAMS, INVALID_REQUEST, METHOD_NOT_FOUND})

ERROR_RESULT = "mcp_tool_error"
"""Kind of the failure that a result with `is_error` is."""


class GuardedTools:
    """Connects to a server and calls its tools through a breaker.

    Broken connections, timeouts and errors of the server count as failures; a request that the
    server says is wrong counts as a success, because it is alive.

    The SDK cancels whoever holds a connection that breaks. To the breaker that is a caller who
    left, so it is the next attempt to connect that counts.

    Args:
        session: a `Client` of the SDK to be connected here, with `async with`; or a `Client` or
            `ClientSession` that is connected already.
        manager: connected before the first call.
        agent: name of the agent that the server is.
        agent_of: names the agent of a tool by the tool's name, None for one that nothing guards; by
            default all of them are the server's.
        config: registers agents that are not there yet.
        error_results: how a result with `is_error` counts. Servers make one of every exception of a
            tool, so it is a failure by default; where a model's bad arguments are a usual cause,
            give `Result.SUCCESS` or `Result.IGNORED`.
    """

    def __init__(
        self,
        session: Client | ClientSession,
        manager: CircuitBreakerManager,
        agent: str,
        *,
        agent_of: AgentOf[str] | None = None,
        config: CircuitBreakerConfig | None = None,
        error_results: Result = Result.FAILURE,
    ) -> None:
        self._session = session
        self._error_results = Result(error_results)
        self._server: Breakers[None] = Breakers(manager, lambda _: agent, config, self._classify)
        self._tools: Breakers[str] = Breakers(
            manager, agent_of or (lambda _: agent), config, self._classify
        )

    async def __aenter__(self) -> Self:
        """Connects.

        Raises:
            CircuitBreakerOpenError, BulkheadFullError: the breaker does not admit it.
            Exception: whatever the client raises.
        """
        await self._server.call(None, self._session.__aenter__)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._session.__aexit__(kind, error, traceback)

    async def call_tool(
        self, name: str, arguments: dict[str, Any] | None = None, **options: Any
    ) -> CallToolResult:
        """Calls a tool.

        Args:
            name: of the tool.
            arguments: for it.
            options: what the session's `call_tool` takes besides.

        Raises:
            CircuitBreakerOpenError, BulkheadFullError: the breaker does not admit the call.
            MCPError: whatever the session raises.
        """
        call: Any = self._session.call_tool
        result: CallToolResult = await self._tools.call(name, call, name, arguments, **options)
        return result

    def _classify(self, result: Any, error: BaseException | None) -> Verdict | None:
        if isinstance(error, MCPError):
            if error.code in _CALLERS_FAULT:
                return PLAIN_SUCCESS
            timed_out = error.code == REQUEST_TIMEOUT
            kind = Result.TIMEOUT if timed_out else Result.FAILURE
            return Verdict(kind, f"mcp_{error.code}")
        if error is not None:
            fault = _fault_in(error)
            return None if fault is None else fault.verdict
        if isinstance(result, CallToolResult) and result.is_error:
            failed = self._error_results in (Result.FAILURE, Result.TIMEOUT)
            return Verdict(self._error_results, ERROR_RESULT if failed else "")
        return None


def _fault_in(error: BaseException) -> Fault | None:
    """What an error of the HTTP client means, wherever the SDK's task groups have put it."""
    if isinstance(error, BaseExceptionGroup):
        return next((fault for one in error.exceptions if (fault := _fault_in(one))), None)
    return fault_of(error)
