"""Calls of MCP tools behind a breaker.

tools = GuardedTools(session, manager, "github-mcp")
result = await tools.call_tool("create_issue", {"title": "..."})
"""

from __future__ import annotations

from typing import Any, Protocol, cast

from fuseline.bridge.classify import PLAIN_SUCCESS, Verdict
from fuseline.bridge.manager import CircuitBreakerManager
from fuseline.bridge.protocols.transport_errors import fault_of
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Result
from fuseline.integrations.calls import AgentOf, Breakers
from fuseline.integrations.extras import missing

try:
    from mcp import MCPError
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


class CallsTools(Protocol):
    """A `ClientSession` or a `Client` of the SDK."""

    async def call_tool(
        self, name: str, arguments: dict[str, Any] | None = None, /, **options: Any
    ) -> Any:
        """Calls a tool."""
        ...


class GuardedTools:
    """Calls the tools of a server through breakers.

    Broken connections, timeouts and errors of the server count as failures; a request that the
    server says is wrong counts as a success, because it is alive.

    Args:
        session: an initialized `ClientSession`, or a connected `Client`.
        manager: connected before the first call.
        agent: name of the agent that the server is, for all its tools; or what names one for each
            tool, None for a tool that nothing guards.
        config: registers agents that are not there yet.
        error_results: how a result with `is_error` counts. SDKs make one of every exception of a
            tool, so it is a failure by default; where a model's bad arguments are a usual cause,
            give `Result.SUCCESS` or `Result.IGNORED`.
    """

    def __init__(
        self,
        session: CallsTools,
        manager: CircuitBreakerManager,
        agent: str | AgentOf[str],
        *,
        config: CircuitBreakerConfig | None = None,
        error_results: Result = Result.FAILURE,
    ) -> None:
        self._session = session
        self._error_results = Result(error_results)
        agent_of = (lambda _: agent) if isinstance(agent, str) else agent
        self._breakers: Breakers[str] = Breakers(manager, agent_of, config, self._classify)

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
        call = self._session.call_tool
        return cast(
            "CallToolResult", await self._breakers.call(name, call, name, arguments, **options)
        )

    def _classify(self, result: Any, error: BaseException | None) -> Verdict | None:
        if isinstance(error, MCPError):
            if error.code in _CALLERS_FAULT:
                return PLAIN_SUCCESS
            timed_out = error.code == REQUEST_TIMEOUT
            kind = Result.TIMEOUT if timed_out else Result.FAILURE
            return Verdict(kind, f"mcp_{error.code}")
        if error is not None:
            fault = fault_of(error)
            return None if fault is None else fault.verdict
        if isinstance(result, CallToolResult) and result.is_error:
            failed = self._error_results in (Result.FAILURE, Result.TIMEOUT)
            return Verdict(self._error_results, ERROR_RESULT if failed else "")
        return None
