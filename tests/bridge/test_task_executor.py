"""Tasks for agents of the registry: called by the executor, at their endpoints."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fuseline import CircuitBreakerManager
from fuseline.bridge.executor import ExternalAgentExecutor
from fuseline.bridge.tasks.calls import HandlerCalls, Handlers
from fuseline.bridge.tasks.client import TaskClient
from fuseline.bridge.tasks.options import WorkerOptions
from fuseline.bridge.tasks.registry import RegistryCalls
from fuseline.bridge.tasks.worker import TaskWorker
from fuseline.core.endpoint import Endpoint, RetryPolicy
from fuseline.events.agents import register
from fuseline.events.backend import Backend
from tests.bridge.agents.manners import answers, echoes, hangs
from tests.bridge.agents.server import Agent, Manners, agent_at
from tests.bridge.executor_support import LOOPBACK
from tests.bridge.tasks_support import running
from tests.logbook import failing, outcomes_of
from tests.waiting import eventually


@contextlib.asynccontextmanager
async def scene(
    manager: CircuitBreakerManager, manners: Manners, config: Any = None, **endpoint: Any
) -> AsyncIterator[tuple[TaskClient, Agent]]:
    """An HTTP agent `a`, and a worker that calls it."""
    async with (
        agent_at(manners) as agent,
        ExternalAgentExecutor(manager, outbound=LOOPBACK) as executor,
        TaskClient(manager) as client,
    ):
        where = Endpoint(url=agent.url, retry=RetryPolicy(max_attempts=1), **endpoint)
        await register(manager.backend, "a", config or failing(None), "test", endpoint=where)
        calls = HandlerCalls(manager, Handlers(), RegistryCalls(manager.backend, executor))
        async with running(TaskWorker(manager, calls, WorkerOptions(drain_seconds=0.1))):
            yield client, agent


async def test_the_task_s_id_is_the_key_by_which_the_agent_knows_repetitions(
    manager: CircuitBreakerManager, backend: Backend
) -> None:
    async with scene(manager, echoes) as (client, agent):
        result = await (await client.submit("a", {"n": 1}, task_id="order-7")).result(10)
        assert (result.status, result.result) == ("succeeded", {"n": 1})
        (request,) = agent.requests
    assert request.headers["idempotency-key"] == "order-7"
    assert len(await outcomes_of(backend, "a")) == 1


@pytest.mark.parametrize(
    ("status", "idempotent", "attempts", "ends"),
    [(503, False, 1, "failed"), (503, True, 2, "dead"), (404, True, 1, "failed")],
)
async def test_what_failed_is_tried_again_where_the_endpoint_says_it_is_safe(
    manager: CircuitBreakerManager, status: int, idempotent: bool, attempts: int, ends: str
) -> None:
    async with scene(manager, answers({}, status), idempotent=idempotent) as (client, agent):
        result = await (await client.submit("a", 1, max_attempts=2)).result(10)
        assert (result.status, result.attempts) == (ends, attempts)
        assert result.error_kind == f"http_{status}"
        assert len(agent.requests) == attempts


async def test_an_endpoint_that_defers_keeps_tasks_while_its_circuit_is_open(
    manager: CircuitBreakerManager,
) -> None:
    config = failing(1, timeout_seconds=0.3, half_open_max_calls=1)
    async with scene(manager, answers({}, 503), config, when_open="defer") as (client, agent):
        assert (await (await client.submit("a", 1)).result(10)).status == "failed"
        agent.manners = echoes
        result = await (await client.submit("a", 2)).result(10)
        assert (result.status, result.result, result.attempts) == ("succeeded", 2, 1)


async def test_a_deadline_cuts_the_call_and_counts_as_a_timeout(
    manager: CircuitBreakerManager, backend: Backend
) -> None:
    async with scene(manager, hangs) as (client, agent):
        result = await (await client.submit("a", 1, deadline_seconds=0.3)).result(10)
        assert (result.status, result.error_kind) == ("expired", "timeout")
        assert len(agent.requests) == 1
        await eventually(lambda: _one_timeout(backend))


async def _one_timeout(backend: Backend) -> bool:
    return [o.result.name for o in await outcomes_of(backend, "a")] == ["TIMEOUT"]


async def test_an_agent_that_no_worker_can_call_becomes_a_dead_letter_that_says_why(
    manager: CircuitBreakerManager,
) -> None:
    async with scene(manager, echoes) as (client, _):
        await register(manager.backend, "b", failing(None), "test")
        result = await (await client.submit("b", 1, max_attempts=2)).result(10)
        assert (result.status, result.error_kind) == ("dead", "NoEndpointError")
        assert "no endpoint" in result.error
