"""A real MCP server over HTTP, in a process of its own, behind a breaker."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from mcp import Client, MCPError

from fuseline import CircuitBreakerManager, CircuitBreakerOpenError, Result
from fuseline.integrations.mcp import GuardedTools
from tests.integrations.mcp_server import Running, mcp_server
from tests.integrations.support import PATIENT, ends, once_admitted, opening

OK = ("SUCCESS", "")
HALF = {"dividend": 1, "divisor": 2}


@pytest.fixture(scope="module")
def remote() -> Iterator[Running]:
    with mcp_server() as running:
        yield running


async def test_connecting_and_calls_count(manager: CircuitBreakerManager, remote: Running) -> None:
    async with GuardedTools(Client(remote.url), manager, "calculator", config=PATIENT) as tools:
        result = await tools.call_tool("divide", HALF)
        assert not result.is_error
        assert result.structured_content == {"result": 0.5}
    assert await ends(manager, "calculator") == [OK, OK]


async def test_a_session_that_is_there_already_is_used(
    manager: CircuitBreakerManager, remote: Running
) -> None:
    async with Client(remote.url) as client:
        for session in (client, client.session):
            tools = GuardedTools(session, manager, "calculator", config=PATIENT)
            assert not (await tools.call_tool("divide", HALF)).is_error
    assert await ends(manager, "calculator") == [OK, OK]


async def test_an_open_circuit_asks_no_server(
    manager: CircuitBreakerManager, remote: Running
) -> None:
    config = opening(failures=2)
    async with GuardedTools(Client(remote.url), manager, "calculator", config=config) as tools:
        for _ in range(2):
            assert (await tools.call_tool("refuse")).is_error
        with pytest.raises(CircuitBreakerOpenError) as refused:
            await tools.call_tool("divide", HALF)
        assert refused.value.agent == "calculator"
    assert await ends(manager, "calculator") == [OK] + [("FAILURE", "mcp_tool_error")] * 2


@pytest.mark.parametrize(
    ("counts", "expected"),
    [(Result.SUCCESS, OK), (Result.IGNORED, ("IGNORED", ""))],
)
async def test_error_results_count_as_told(
    manager: CircuitBreakerManager, remote: Running, counts: Result, expected: tuple[str, str]
) -> None:
    async with Client(remote.url) as client:
        tools = GuardedTools(client, manager, "c", config=PATIENT, error_results=counts)
        assert (await tools.call_tool("refuse")).is_error
    assert await ends(manager, "c") == [expected]


async def test_a_classifier_may_look_at_the_result(
    manager: CircuitBreakerManager, remote: Running
) -> None:
    def classifier(result: Any, error: BaseException | None) -> Result | None:
        found = getattr(result, "structured_content", None)
        return Result.IGNORED if found == {"result": 0.5} else None

    manager.get("c", PATIENT, classifier=classifier)
    async with Client(remote.url) as client:
        tools = GuardedTools(client, manager, "c")
        await tools.call_tool("divide", HALF)
        await tools.call_tool("refuse")
    assert await ends(manager, "c") == [("IGNORED", ""), ("FAILURE", "mcp_tool_error")]


async def test_each_tool_may_have_its_breaker(
    manager: CircuitBreakerManager, remote: Running
) -> None:
    names = {"divide": "division"}
    tools_of = GuardedTools(
        Client(remote.url), manager, "server", agent_of=names.get, config=PATIENT
    )
    async with tools_of as tools:
        await tools.call_tool("divide", HALF)
        await tools.call_tool("refuse")
    assert set(manager.breakers) == {"division", "server"}
    assert await ends(manager, "division") == [OK]
    assert await ends(manager, "server") == [OK]


async def test_silence_is_a_timeout(manager: CircuitBreakerManager, remote: Running) -> None:
    async with Client(remote.url) as client:
        tools = GuardedTools(client, manager, "c", config=PATIENT)
        with pytest.raises(MCPError):
            await tools.call_tool("hang", read_timeout_seconds=0.2)
    assert await ends(manager, "c") == [("TIMEOUT", "mcp_-32001")]


@pytest.mark.parametrize(
    ("code", "expected"),
    [(-32602, OK), (-32601, OK), (-32603, ("FAILURE", "mcp_-32603"))],
    ids=["invalid_params", "method_not_found", "internal_error"],
)
async def test_errors_of_the_protocol_count_by_whose_fault_they_are(
    manager: CircuitBreakerManager, remote: Running, code: int, expected: tuple[str, str]
) -> None:
    async with Client(remote.url) as client:
        tools = GuardedTools(client, manager, "c", config=PATIENT)
        with pytest.raises(MCPError, match="as you wish"):
            await tools.call_tool("error", {"code": code})
    assert await ends(manager, "c") == [expected]


async def test_a_caller_that_leaves_says_nothing(
    manager: CircuitBreakerManager, remote: Running
) -> None:
    async with Client(remote.url) as client:
        tools = GuardedTools(client, manager, "c", config=PATIENT)
        call = asyncio.create_task(tools.call_tool("hang"))
        while not manager.breakers or not manager.get("c").in_flight:
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert await ends(manager, "c") == [("ABANDONED", "")]


async def test_a_server_that_dies_opens_the_circuit_for_those_who_connect_again(
    manager: CircuitBreakerManager,
) -> None:
    async def call(tool: str) -> None:
        async with GuardedTools(Client(remote.url), manager, "c", config=opening()) as tools:
            await tools.call_tool(tool)

    with mcp_server() as remote:
        with suppress(Exception):  # of which kind depends on how much of the answer had come
            await call("crash")
        with suppress(Exception):
            await call("crash")
        with pytest.raises(CircuitBreakerOpenError):
            await call("crash")
    found = await ends(manager, "c")
    assert found[0] == OK
    assert found[-1][0] == "FAILURE"


async def test_a_probe_that_connects_closes_the_circuit(
    manager: CircuitBreakerManager, remote: Running
) -> None:
    breaker = manager.get("c", opening(seconds=0.05))

    async def fail() -> None:
        raise ZeroDivisionError

    with suppress(ZeroDivisionError):
        await breaker.call(fail)

    async def connect() -> None:
        async with GuardedTools(Client(remote.url), manager, "c"):
            pass

    await once_admitted(connect)
    assert (await ends(manager, "c"))[-1] == OK
