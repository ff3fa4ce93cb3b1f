"""Tools of Pydantic AI behind breakers; the model is a function, all else is real."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic_ai import Agent, ModelRetry, ToolFailed
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
)
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.toolsets import FunctionToolset

from fuseline import CircuitBreakerManager
from fuseline.integrations.pydantic_ai import GuardedToolset
from tests.bridge.support import Boom
from tests.integrations.support import PATIENT, ends, opening


class Tools:
    """What the model may call; fails as told."""

    def __init__(self) -> None:
        self.calls = 0
        self.error: Exception | None = None

    async def search(self, text: str) -> str:
        """Searches."""
        self.calls += 1
        if self.error is not None:
            raise self.error
        return f"found {text}"


def once_then_answers(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Calls the tool, and then repeats what it has read."""
    last = messages[-1]
    assert isinstance(last, ModelRequest)
    read = [str(part.content) for part in last.parts if isinstance(part, ToolReturnPart)]
    if read:
        return ModelResponse(parts=[TextPart(f"I read: {read[0]}")])
    if len(messages) > 1:
        return ModelResponse(parts=[TextPart(f"I was told: {last.parts[0].content}")])
    return ModelResponse(parts=[ToolCallPart("search", {"text": "cats"})])


@pytest.fixture
def tools() -> Tools:
    return Tools()


Make = Callable[..., Agent[None, str]]


@pytest.fixture
def make(manager: CircuitBreakerManager, tools: Tools) -> Make:
    def made(**options: Any) -> Agent[None, str]:
        toolset = GuardedToolset(FunctionToolset([tools.search]), manager, **options)
        return Agent(FunctionModel(once_then_answers), toolsets=[toolset])

    return made


async def test_a_tool_works_and_counts(manager: CircuitBreakerManager, make: Make) -> None:
    agent = make(config=PATIENT)
    assert (await agent.run("look")).output == "I read: found cats"
    assert await ends(manager, "search") == [("SUCCESS", "")]


async def test_the_model_reads_that_the_circuit_is_open(
    manager: CircuitBreakerManager, make: Make, tools: Tools
) -> None:
    agent = make(config=opening(failures=1, seconds=40))
    tools.error = Boom()
    with pytest.raises(Boom):
        await agent.run("look")
    output = (await agent.run("look")).output
    assert tools.calls == 1
    assert output.startswith(
        "I read: The tool 'search' is not available at the moment and was not called: "
        "it has been failing. It may work again in "
    )
    assert output.endswith(" seconds. Go on without it; do not call it again right away.")
    assert await ends(manager, "search") == [("FAILURE", "Boom")]


@pytest.mark.parametrize("error", [ModelRetry("give a text"), ToolFailed("there is none")])
async def test_what_a_tool_tells_the_model_says_nothing_about_the_agent(
    manager: CircuitBreakerManager, make: Make, tools: Tools, error: Exception
) -> None:
    agent = make(config=PATIENT)
    tools.error = error
    assert str(error) in (await agent.run("look")).output
    assert await ends(manager, "search") == [("IGNORED", "")]


async def test_agents_may_be_named_for_tools(
    manager: CircuitBreakerManager, make: Make, tools: Tools
) -> None:
    agent = make(config=PATIENT, agent_of=lambda tool: f"{tool}-service")
    await agent.run("look")
    assert set(manager.breakers) == {"search-service"}
    unguarded = make(agent_of=lambda tool: None)
    await unguarded.run("look")
    assert set(manager.breakers) == {"search-service"}
    assert tools.calls == 2


async def test_a_full_bulkhead_is_told_too(manager: CircuitBreakerManager, make: Make) -> None:
    from fuseline import CircuitBreakerConfig

    breaker = manager.get("search", CircuitBreakerConfig(max_concurrent_calls=1))
    async with breaker:
        output = (await make().run("look")).output
    assert "too many calls of it are running" in output
