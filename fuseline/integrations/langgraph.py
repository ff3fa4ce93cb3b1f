"""Tools of LangGraph behind breakers: an open circuit is a tool error that the model reads.

    tools = ToolNode([search, book], awrap_tool_call=guard_tools(manager))

For graphs that run asynchronously (`ainvoke`, `astream`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from fuseline.bridge.classify import Verdict
from fuseline.bridge.manager import CircuitBreakerManager
from fuseline.bridge.protocols.transport_errors import fault_of
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import CallRefusedError
from fuseline.core.events import Result
from fuseline.integrations.calls import AgentOf, Breakers
from fuseline.integrations.extras import missing
from fuseline.integrations.tools import words_for_model

try:
    from langchain_core.messages import ToolMessage
    from langgraph.errors import GraphBubbleUp
    from langgraph.prebuilt.tool_node import ToolCallRequest
    from langgraph.types import Command
except ImportError as error:
    raise missing("langgraph", error, "langgraph", "langchain_core") from error

ToolAnswer = ToolMessage | Command[Any]
Execute = Callable[[ToolCallRequest], Awaitable[ToolAnswer]]

ERROR_MESSAGE = "tool_error"
"""Kind of the failure that a message with the status `error` is."""


def guard_tools(
    manager: CircuitBreakerManager,
    *,
    agent_of: AgentOf[str] = str,
    config: CircuitBreakerConfig | None = None,
    error_messages: Result = Result.IGNORED,
) -> Callable[[ToolCallRequest, Execute], Awaitable[ToolAnswer]]:
    """What to give a `ToolNode` as `awrap_tool_call`.

    Exceptions that leave a tool count as failures. A refused call becomes a `ToolMessage` with the
    status `error`.

    Args:
        manager: connected before the first call.
        agent_of: names the agent of a tool by the tool's name, None for one that nothing guards;
            by default the name itself.
        config: registers agents that are not there yet.
        error_messages: how a `ToolMessage` with the status `error` counts. By default a node makes
            these of a model's bad arguments only; with `handle_tool_errors=True` of every
            exception, and then give `Result.FAILURE`.
    """
    on_error = Result(error_messages)

    def classify(answer: Any, error: BaseException | None) -> Verdict | Result | None:
        if isinstance(error, GraphBubbleUp):
            return Result.IGNORED  # the graph pauses for a person
        if error is not None:
            fault = fault_of(error)
            return None if fault is None else fault.verdict
        if isinstance(answer, ToolMessage) and answer.status == "error":
            failed = on_error in (Result.FAILURE, Result.TIMEOUT)
            return Verdict(on_error, ERROR_MESSAGE if failed else "")
        return None

    breakers: Breakers[str] = Breakers(manager, agent_of, config, classify)

    async def guarded(request: ToolCallRequest, execute: Execute) -> ToolAnswer:
        name = request.tool_call["name"]
        try:
            return await breakers.call(name, execute, request)
        except CallRefusedError as refused:
            return ToolMessage(
                words_for_model(name, refused),
                name=name,
                tool_call_id=request.tool_call["id"] or "",
                status="error",
            )

    return guarded
