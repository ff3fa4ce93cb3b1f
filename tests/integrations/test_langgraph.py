"""Tools of LangGraph behind breakers: a real graph; the model is a function."""

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import AIMessage, ToolMessage
from langchain_core.tools import tool
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import interrupt

from fuseline import CircuitBreakerConfig, CircuitBreakerManager, Result
from fuseline.integrations.langgraph import guard_tools
from tests.bridge.support import Boom
from tests.integrations.support import PATIENT, ends, opening


class Tools:
    """What the model may call; fails as told."""

    def __init__(self) -> None:
        self.calls = 0
        self.failing: Callable[[], Any] | None = None

    async def search(self, text: str) -> str:
        self.calls += 1
        if self.failing is not None:
            self.failing()
        return f"found {text}"


def boom() -> None:
    raise Boom


@pytest.fixture
def tools() -> Tools:
    return Tools()


def graph_of(tools: Tools, wrapper: Any, **node: Any) -> Any:
    @tool
    async def search(text: str) -> str:
        """Searches."""
        return await tools.search(text)

    graph = StateGraph(MessagesState)
    graph.add_node("tools", ToolNode([search], awrap_tool_call=wrapper, **node))
    graph.add_edge(START, "tools")
    return graph.compile()


async def ask(graph: Any, arguments: dict[str, Any] | None = None) -> ToolMessage:
    """One call by the model; what it would read."""
    call = {"name": "search", "args": arguments or {"text": "cats"}, "id": "1", "type": "tool_call"}
    state = await graph.ainvoke({"messages": [AIMessage("", tool_calls=[call])]})
    message = state["messages"][-1]
    assert isinstance(message, ToolMessage)
    assert (message.name, message.tool_call_id) == ("search", "1")
    return message


async def test_a_tool_works_and_counts(manager: CircuitBreakerManager, tools: Tools) -> None:
    graph = graph_of(tools, guard_tools(manager, config=PATIENT))
    message = await ask(graph)
    assert (message.content, message.status) == ("found cats", "success")
    assert await ends(manager, "search") == [("SUCCESS", "")]


async def test_the_model_reads_that_the_circuit_is_open(
    manager: CircuitBreakerManager, tools: Tools
) -> None:
    graph = graph_of(tools, guard_tools(manager, config=opening()))
    tools.failing = boom
    with pytest.raises(Boom):
        await ask(graph)
    message = await ask(graph)
    assert message.status == "error"
    assert str(message.content).startswith("The tool 'search' is not available at the moment")
    assert tools.calls == 1
    assert await ends(manager, "search") == [("FAILURE", "Boom")]


async def test_bad_arguments_of_a_model_say_nothing(
    manager: CircuitBreakerManager, tools: Tools
) -> None:
    graph = graph_of(tools, guard_tools(manager, config=opening()))
    assert (await ask(graph, {"wrong": 1})).status == "error"
    assert await ends(manager, "search") == [("IGNORED", "")]


async def test_error_messages_may_be_failures(manager: CircuitBreakerManager, tools: Tools) -> None:
    wrapper = guard_tools(manager, config=PATIENT, error_messages=Result.FAILURE)
    graph = graph_of(tools, wrapper, handle_tool_errors=True)
    tools.failing = boom
    assert (await ask(graph)).status == "error"
    assert await ends(manager, "search") == [("FAILURE", "tool_error")]


async def test_a_graph_that_waits_for_a_person_says_nothing(
    manager: CircuitBreakerManager, tools: Tools
) -> None:
    graph = graph_of(tools, guard_tools(manager, config=PATIENT))
    tools.failing = lambda: interrupt("may I?")
    call = {"name": "search", "args": {"text": "cats"}, "id": "1", "type": "tool_call"}
    await graph.ainvoke({"messages": [AIMessage("", tool_calls=[call])]})
    assert await ends(manager, "search") == [("IGNORED", "")]


async def test_agents_may_be_named_for_tools(manager: CircuitBreakerManager, tools: Tools) -> None:
    named = guard_tools(manager, config=PATIENT, agent_of=lambda tool: f"{tool}-service")
    await ask(graph_of(tools, named))
    await ask(graph_of(tools, guard_tools(manager, agent_of=lambda tool: None)))
    assert set(manager.breakers) == {"search-service"}
    assert tools.calls == 2


async def test_a_full_bulkhead_is_told_too(manager: CircuitBreakerManager, tools: Tools) -> None:
    breaker = manager.get("search", CircuitBreakerConfig(max_concurrent_calls=1))
    async with breaker:
        message = await ask(graph_of(tools, guard_tools(manager)))
    assert "too many calls of it are running" in str(message.content)
