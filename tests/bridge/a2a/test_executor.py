"""A2A agents of the registry, called by the executor through their breakers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from fuseline import CircuitBreakerManager, CircuitBreakerOpenError, Result
from fuseline.bridge.executor import ExternalAgentExecutor
from fuseline.bridge.outbound.policy import OutboundPolicy, OutboundRefusedError
from fuseline.bridge.protocols.base import AgentCallError
from fuseline.core.endpoint import Endpoint, RetryPolicy
from fuseline.core.events import Outcome
from fuseline.events.agents import register
from fuseline.events.backend import Backend
from tests.bridge.a2a.agents import RemoteAgent, answer, kind, task
from tests.logbook import failing as failing_config
from tests.logbook import outcomes_of
from tests.waiting import eventually


@pytest.fixture
async def executor(manager: CircuitBreakerManager) -> AsyncIterator[ExternalAgentExecutor]:
    policy = OutboundPolicy(allow=["127.0.0.0/8"])
    async with ExternalAgentExecutor(manager, outbound=policy, environ={}) as opened:
        yield opened


async def enrol(backend: Backend, agent: RemoteAgent, threshold: int = 3, **fields: Any) -> None:
    endpoint = Endpoint(url=agent.url, protocol="a2a", **fields)
    await register(backend, agent.name, failing_config(threshold), "tests", endpoint=endpoint)


async def recorded(
    manager: CircuitBreakerManager, backend: Backend, agent: RemoteAgent
) -> list[Outcome]:
    await manager.flush()
    return await outcomes_of(backend, agent.name)


async def test_answers_and_streams_count_as_successes(
    executor: ExternalAgentExecutor,
    manager: CircuitBreakerManager,
    backend: Backend,
    agent: RemoteAgent,
) -> None:
    await enrol(backend, agent)
    reply = await executor.call(agent.name, "make text", idempotency_key="k-1")
    assert reply.result == "made"
    async with aclosing(executor.stream(agent.name, "stream one two")) as parts:
        assert [part async for part in parts] == ["one", "two"]
    found = await recorded(manager, backend, agent)
    assert [outcome.result for outcome in found] == [Result.SUCCESS, Result.SUCCESS]
    assert await agent.methods() == ["card", "SendMessage", "SendStreamingMessage"]
    sent = (await agent.asked("SendMessage"))[0]
    assert sent["params"]["message"]["messageId"] == "k-1"


async def test_failed_tasks_open_the_circuit_and_say_so_in_the_log(
    executor: ExternalAgentExecutor,
    manager: CircuitBreakerManager,
    backend: Backend,
    agent: RemoteAgent,
) -> None:
    await enrol(backend, agent, threshold=2)
    for _ in range(2):
        with pytest.raises(AgentCallError, match="no money"):
            await executor.call(agent.name, "fail")
    with pytest.raises(CircuitBreakerOpenError):
        await executor.call(agent.name, "make text")
    found = await recorded(manager, backend, agent)
    assert [outcome.failure_kind for outcome in found] == ["a2a_failed"] * 2


async def test_rejected_tasks_and_questions_leave_the_circuit_closed(
    executor: ExternalAgentExecutor,
    manager: CircuitBreakerManager,
    backend: Backend,
    agent: RemoteAgent,
) -> None:
    await enrol(backend, agent, threshold=1)
    with pytest.raises(AgentCallError, match="not mine"):
        await executor.call(agent.name, "reject")
    assert (await executor.call(agent.name, "ask")).details["state"] == "input-required"
    found = await recorded(manager, backend, agent)
    assert [outcome.result for outcome in found] == [Result.SUCCESS, Result.SUCCESS]


async def test_the_deadline_of_an_attempt_is_a_timeout_and_cancels_the_task(
    executor: ExternalAgentExecutor,
    manager: CircuitBreakerManager,
    backend: Backend,
    agent: RemoteAgent,
) -> None:
    await enrol(backend, agent, attempt_timeout_seconds=1.0, options={"return_immediately": True})
    with pytest.raises(AgentCallError) as caught:
        await executor.call(agent.name, "work 60")
    assert caught.value.verdict.result is Result.TIMEOUT
    (outcome,) = await recorded(manager, backend, agent)
    assert outcome.result is Result.TIMEOUT
    looks = await agent.asked("GetTask")
    assert looks[0]["params"]["id"] in await agent.canceled()


async def test_a_repeated_message_has_the_id_of_the_first(
    executor: ExternalAgentExecutor, backend: Backend, agent: RemoteAgent
) -> None:
    await enrol(backend, agent, idempotent=True, retry=RetryPolicy(backoff_seconds=0.0))
    await agent.setup(answers=[{"status": 503, "body": ""}])
    assert (await executor.call(agent.name, "make text")).result == "made"
    ids = [sent["params"]["message"]["messageId"] for sent in await agent.asked("SendMessage")]
    assert len(ids) == 2
    assert len(set(ids)) == 1


async def test_the_card_is_fetched_through_the_guard(
    manager: CircuitBreakerManager, backend: Backend, agent: RemoteAgent
) -> None:
    await enrol(backend, agent)
    guarded = ExternalAgentExecutor(manager, outbound=OutboundPolicy(), environ={})
    async with guarded as executor:
        with pytest.raises(OutboundRefusedError):
            await executor.call(agent.name, "any")
    assert await agent.methods() == []


async def test_where_a_card_leads_is_guarded_too(
    executor: ExternalAgentExecutor, backend: Backend, agent: RemoteAgent
) -> None:
    await enrol(backend, agent, options={"allow_card_host": True})
    await agent.setup(card={"url": "http://[::1]:9/rpc"})  # not among the allowed networks
    with pytest.raises(OutboundRefusedError):
        await executor.call(agent.name, "any")


async def test_a_caller_that_leaves_says_nothing_about_the_agent(
    executor: ExternalAgentExecutor,
    manager: CircuitBreakerManager,
    backend: Backend,
    agent: RemoteAgent,
) -> None:
    await enrol(backend, agent)
    await agent.setup(answers=[{"body": answer({"task": task("WORKING")})}])
    await agent.setup(answers=[{"body": answer(task("WORKING"))}] * 50)
    call = asyncio.create_task(executor.call(agent.name, "any"))
    await eventually(lambda: agent.asked("GetTask"))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    (outcome,) = await recorded(manager, backend, agent)
    assert outcome.result is Result.ABANDONED


async def test_wrong_options_are_no_failure_of_the_agent(
    executor: ExternalAgentExecutor,
    manager: CircuitBreakerManager,
    backend: Backend,
    agent: RemoteAgent,
) -> None:
    await enrol(backend, agent, options={"card_second": 1})
    with pytest.raises(AgentCallError) as caught:
        await executor.call(agent.name, "any")
    assert kind(caught.value) == (Result.NOT_SENT, "bad_options")
    (outcome,) = await recorded(manager, backend, agent)
    assert outcome.result is Result.NOT_SENT
