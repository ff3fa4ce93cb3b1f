"""Where the executor finds agents: endpoints that are missing, that change, that are lost."""

import asyncio
from typing import Any

import pytest

from fuseline import CircuitBreakerConfig, CircuitBreakerManager
from fuseline.bridge.executor import ExternalAgentExecutor
from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import AgentNotFoundError, NoEndpointError
from fuseline.events.agents import configure, read_agent, register
from tests.bridge.agents.manners import answers, in_turn
from tests.bridge.agents.server import agent_at
from tests.bridge.executor_support import PATIENT, scene
from tests.bridge.support import connected
from tests.servers import RealServer
from tests.waiting import eventually


async def test_an_agent_that_is_not_there_says_so(manager: CircuitBreakerManager) -> None:
    async with ExternalAgentExecutor(manager, environ={}) as executor:
        with pytest.raises(AgentNotFoundError, match="'nobody' is not registered"):
            await executor.call("nobody", 1)


async def test_an_agent_without_endpoint_says_what_to_do(manager: CircuitBreakerManager) -> None:
    await register(manager.backend, "a", PATIENT, "test")
    async with ExternalAgentExecutor(manager, environ={}) as executor:
        with pytest.raises(NoEndpointError, match="fuseline configure a url="):
            await executor.call("a", 1)


async def test_a_changed_endpoint_is_in_force_without_restart(
    manager: CircuitBreakerManager,
) -> None:
    async with scene(manager, answers("old")) as s, agent_at(answers("new")) as other:
        assert await s.call() == "old"
        record = await read_agent(manager.backend, "a")
        assert record is not None
        await configure(
            manager.backend,
            "a",
            record.config,
            revision=record.revision,
            actor="ada",
            endpoint=Endpoint(url=other.url),
        )

        async def moved() -> bool:
            return bool(await s.call() == "new")

        await eventually(moved)
        await eventually(lambda: s.agent.open == 0)


async def test_changed_settings_of_the_breaker_keep_endpoint_and_connections(
    manager: CircuitBreakerManager,
) -> None:
    async with scene(manager, answers(1)) as s:
        await s.call()
        changed = CircuitBreakerConfig(failure_threshold=99)
        await configure(manager.backend, "a", changed, revision=1, actor="ada")
        await eventually(lambda: manager.get("a").config == changed)
        await s.call()
        assert s.agent.connections == 1


async def test_a_call_under_way_ends_on_the_endpoint_it_began_with(
    manager: CircuitBreakerManager,
) -> None:
    release = asyncio.Event()

    async def held(request: Any, writer: Any) -> None:
        await release.wait()
        await answers("old")(request, writer)

    async with scene(manager, in_turn(answers(0), held)) as s, agent_at(answers("new")) as other:
        await s.call()
        old = asyncio.create_task(s.call())
        await eventually(lambda: len(s.agent.requests) == 2)
        endpoint = Endpoint(url=other.url)
        await configure(manager.backend, "a", PATIENT, revision=1, actor="ada", endpoint=endpoint)
        view = manager.get("a").local
        await eventually(lambda: view.view is not None and view.view.revision == 2)
        assert await s.call() == "new"
        release.set()
        assert await old == "old"
        await eventually(lambda: s.agent.open == 0)


async def test_a_server_that_lost_its_data_gets_the_endpoint_back(
    fresh_server: RealServer, namespace: str
) -> None:
    async with connected(fresh_server.url, namespace) as m, scene(m, answers(1)) as s:
        await s.call()
        await m.flush()
        await m.backend.wire.call("FLUSHALL")

        async def back() -> bool:
            assert await s.call() == 1
            record = await read_agent(m.backend, "a")
            return record is not None and record.endpoint is not None

        await eventually(back, timeout_seconds=20)


async def test_calls_go_on_while_redis_is_away(fresh_server: RealServer, namespace: str) -> None:
    async with connected(fresh_server.url, namespace) as m, scene(m, answers(1)) as s:
        await s.call()
        fresh_server.kill()
        await eventually(lambda: not m.available)
        for _ in range(20):
            assert await s.call() == 1
        fresh_server.start()
        await eventually(lambda: m.available, timeout_seconds=20)
