# ruff: noqa: INP001 - a script, no package
"""A LangGraph agent whose tool is down: the model reads that its circuit is open, and goes on.

    pip install "fuseline[langgraph]"
    python examples/langgraph_agent.py

`model` stands for a language model, so that the example needs no key.
"""

import asyncio

import httpx2
from langchain_core.messages import AIMessage, ToolCall, ToolMessage
from langchain_core.tools import tool
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition

from fuseline import CircuitBreakerConfig, CircuitBreakerManager, Result
from fuseline.integrations.langgraph import guard_tools

CONFIG = CircuitBreakerConfig(failure_threshold=2, timeout_seconds=30)


@tool
async def search(text: str) -> str:
    """Searches the web."""
    async with httpx2.AsyncClient(timeout=5, trust_env=False) as client:
        return (await client.post("http://127.0.0.1:9/search", json=text)).text


async def model(state: MessagesState) -> dict[str, list[AIMessage]]:
    """Searches, until it reads that there is no use in it."""
    last = state["messages"][-1]
    if isinstance(last, ToolMessage) and "not available" in str(last.content):
        return {"messages": [AIMessage("I cannot search now, so I answer from memory.")]}
    call = ToolCall(
        name="search", args={"text": "circuit breakers"}, id=str(len(state["messages"]))
    )
    return {"messages": [AIMessage("", tool_calls=[call])]}


async def main() -> None:
    """Asks one question."""
    async with CircuitBreakerManager.connect() as manager:
        # The node turns exceptions into messages for the model; those are the failures.
        guard = guard_tools(manager, config=CONFIG, error_messages=Result.FAILURE)
        graph = StateGraph(MessagesState)
        graph.add_node("model", model)
        graph.add_node("tools", ToolNode([search], handle_tool_errors=True, awrap_tool_call=guard))
        graph.add_edge(START, "model")
        graph.add_conditional_edges("model", tools_condition, {"tools": "tools", END: END})
        graph.add_edge("tools", "model")
        state = await graph.compile().ainvoke(
            {"messages": [("user", "What are circuit breakers?")]}, {"recursion_limit": 20}
        )
    for message in state["messages"]:
        if message.content:
            print(f"{message.type}: {str(message.content).splitlines()[0]}")


if __name__ == "__main__":
    asyncio.run(main())
