"""docs/integrations.md: its code is run, against real servers."""

import inspect
import re
from pathlib import Path
from typing import Any

import pytest

from fuseline import CircuitBreakerManager
from tests.bridge.agents.manners import answers
from tests.bridge.agents.server import agent_at
from tests.integrations.mcp_server import mcp_server

GUIDE = Path(__file__).parents[2] / "docs" / "integrations.md"
BLOCKS = re.findall(r"```python\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)

# What each function of the guide returns.
EXPECTED: dict[str, Any] = {
    "with_httpx2": {"paid": True},
    "with_aiohttp": {"paid": True},
    "with_tenacity": "fetched order 17",
    "with_stamina": "fetched order 17",
    "with_purgatory": "fetched order 17",
    "with_circuitbreaker": "fetched order 17",
    "with_pydantic_ai": '{"search":"found a"}',
}


async def fetch(order: str) -> str:
    """The call that the guide guards."""
    return f"fetched {order}"


def name_of(block: str) -> str:
    found = re.search(r"^async def (with_\w+)", block, re.MULTILINE)
    return found[1] if found else "app"


@pytest.mark.parametrize("block", BLOCKS, ids=name_of)
async def test_the_code_runs(manager: CircuitBreakerManager, block: str) -> None:
    async with agent_at(answers({"paid": True})) as agent:
        code = block.replace("https://billing.example", agent.url.removesuffix("/agent"))
        if "tools.example" in code:
            with mcp_server() as server:
                result = await run(manager, code.replace("https://tools.example/mcp", server.url))
            assert result.is_error  # that server has no such tool, and said so
            return
        result = await run(manager, code)
    name = name_of(block)
    if name in EXPECTED:
        assert result == EXPECTED[name]
    else:
        assert type(result).__name__ in {"ToolNode", "FastAPI", "Litestar"}


async def run(manager: CircuitBreakerManager, code: str) -> Any:
    """Executes a block and the function that it is about."""
    names: dict[str, Any] = {"fetch": fetch, "__name__": "guide"}
    exec(compile(code, str(GUIDE), "exec"), names)
    try:
        function = names.get(name_of(code))
        return await function(manager) if inspect.iscoroutinefunction(function) else names["app"]
    finally:
        from fuseline.integrations.compat.circuitbreaker import use

        use(None)


def test_every_integration_is_in_the_guide() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    covered = {name_of(block) for block in BLOCKS}
    assert set(EXPECTED) | {"app", "with_langgraph", "with_mcp"} == covered
    for library in ("httpx", "aiohttp", "mcp", "pydantic-ai", "langgraph"):
        assert f"fuseline[{library}]" in text
