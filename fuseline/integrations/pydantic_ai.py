"""Tools of Pydantic AI behind breakers: an open circuit is a tool failure that the model reads.

toolset = GuardedToolset(FunctionToolset([search, book]), manager)
agent = Agent(model, toolsets=[toolset])
"""

from __future__ import annotations

from dataclasses import dataclass, field
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
    from pydantic_ai import ModelRetry, RunContext, ToolFailed
    from pydantic_ai.exceptions import ApprovalRequired, CallDeferred
    from pydantic_ai.tools import AgentDepsT
    from pydantic_ai.toolsets import ToolsetTool, WrapperToolset
except ImportError as error:
    raise missing("pydantic-ai", error, "pydantic_ai") from error

_SAYS_NOTHING = (ModelRetry, ToolFailed, ApprovalRequired, CallDeferred)


@dataclass
class GuardedToolset(WrapperToolset[AgentDepsT]):
    """Calls the tools of another toolset through breakers.

    A refused call raises `ToolFailed`, which the model reads and which costs none of the tool's
    retries. Exceptions of a tool count as failures; `ModelRetry`, `ToolFailed`, deferred calls and
    those that need approval say nothing about what the tool calls, unless the classifier of the
    breaker says otherwise.

    Args:
        wrapped: the other toolset.
        manager: connected before the first call.
        agent_of: names the agent of a tool by the tool's name, None for one that nothing guards;
            by default the name itself.
        config: registers agents that are not there yet.
    """

    manager: CircuitBreakerManager = field(kw_only=False)
    agent_of: AgentOf[str] = field(default=str, kw_only=True)
    config: CircuitBreakerConfig | None = field(default=None, kw_only=True)

    async def call_tool(
        self,
        name: str,
        tool_args: dict[str, Any],
        ctx: RunContext[AgentDepsT],
        tool: ToolsetTool[AgentDepsT],
    ) -> Any:
        """Calls a tool.

        Raises:
            ToolFailed: the breaker does not admit the call.
            Exception: whatever the tool raises.
        """
        breakers = Breakers(self.manager, self.agent_of, self.config, _classify)
        try:
            return await breakers.call(name, self.wrapped.call_tool, name, tool_args, ctx, tool)
        except CallRefusedError as refused:
            raise ToolFailed(words_for_model(name, refused)) from refused


def _classify(_: Any, error: BaseException | None) -> Verdict | Result | None:
    if isinstance(error, _SAYS_NOTHING):
        return Result.IGNORED
    fault = None if error is None else fault_of(error)
    return None if fault is None else fault.verdict
