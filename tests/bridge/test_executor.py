"""The executor: deadlines, cancellation, the breaker, connections, streams, and how it closes."""

import asyncio
import contextlib
import gc
from typing import Any

import pytest

from fuseline import (
    CircuitBreakerConfig,
    CircuitBreakerManager,
    CircuitBreakerOpenError,
    ConfigError,
)
from fuseline.bridge.executor import ExternalAgentExecutor
from fuseline.bridge.protocols.base import AgentCallError
from fuseline.core.endpoint import Endpoint
from fuseline.events.agents import register
from tests.bridge.agents import manners
from tests.bridge.agents.manners import answers, in_turn, streams
from tests.bridge.agents.server import agent_at
from tests.bridge.executor_support import LOOPBACK, PATIENT, scene
from tests.waiting import eventually

# --- deadlines and cancellation ---


async def test_an_attempt_that_runs_out_is_a_timeout(manager: CircuitBreakerManager) -> None:
    async with scene(manager, manners.hangs, attempt_timeout_seconds=0.1) as s:
        error = await s.error()
        assert (error.sent, error.verdict.failure_kind) == (True, "timeout_attempt")
        assert await s.ends() == [("TIMEOUT", "timeout_attempt")]
        await eventually(lambda: s.agent.open == 0)


async def test_a_trickle_does_not_stretch_an_attempt(manager: CircuitBreakerManager) -> None:
    async with scene(manager, manners.trickles(), attempt_timeout_seconds=0.2) as s:
        await s.error()
        assert await s.ends() == [("TIMEOUT", "timeout_attempt")]
        await eventually(lambda: s.agent.open == 0)


async def test_the_total_deadline_cuts_the_attempt(manager: CircuitBreakerManager) -> None:
    async with scene(manager, manners.hangs, timeout_seconds=0.1) as s:
        await s.error()
        assert await s.ends() == [("TIMEOUT", "timeout_total")]


async def test_a_caller_may_have_less_time(manager: CircuitBreakerManager) -> None:
    async with scene(manager, manners.hangs) as s:
        await s.error(timeout_seconds=0.1)
        assert await s.ends() == [("TIMEOUT", "timeout_total")]


async def test_a_cancelled_call_is_abandoned_and_closes_its_connection(
    manager: CircuitBreakerManager,
) -> None:
    async with scene(manager, manners.hangs) as s:
        task = asyncio.create_task(s.call())
        await eventually(lambda: s.agent.requests)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: s.agent.open == 0)
        assert await s.ends() == [("ABANDONED", "")]


async def test_a_callers_own_timeout_is_abandoned(manager: CircuitBreakerManager) -> None:
    async with scene(manager, manners.hangs) as s:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await s.call()
        assert await s.ends() == [("ABANDONED", "")]


async def test_a_probe_is_cut_off_at_the_end_of_its_lease(manager: CircuitBreakerManager) -> None:
    config = CircuitBreakerConfig(
        failure_threshold=1, timeout_seconds=0.1, probe_lease_seconds=0.3, half_open_max_calls=1
    )
    manner = in_turn(answers({}, 500), manners.hangs)
    async with scene(manager, manner, config=config) as s:
        await s.error()
        error = await eventually(lambda: _probe(s))
        assert error.verdict.failure_kind == "timeout_probe"
        assert [result for result, _ in await s.ends()] == ["FAILURE", "TIMEOUT"]


async def _probe(s: Any) -> AgentCallError | None:
    try:
        return await s.error()
    except CircuitBreakerOpenError:
        return None


# --- the breaker ---


async def test_failures_open_the_circuit_and_the_agent_is_left_alone(
    manager: CircuitBreakerManager,
) -> None:
    config = CircuitBreakerConfig(failure_threshold=3)
    async with scene(manager, answers({}, 500), config=config) as s:
        for _ in range(3):
            await s.error()
        with pytest.raises(CircuitBreakerOpenError):
            await s.call()
        with pytest.raises(CircuitBreakerOpenError):
            await s.parts()
        assert len(s.agent.requests) == 3


async def test_retry_after_lengthens_open(manager: CircuitBreakerManager) -> None:
    config = CircuitBreakerConfig(failure_threshold=1, timeout_seconds=1)
    async with scene(manager, answers({}, 503, {"Retry-After": "50"}), config=config) as s:
        await s.error()
        with pytest.raises(CircuitBreakerOpenError) as caught:
            await s.call()
        assert 45 < caught.value.retry_after_seconds <= 50


# --- connections ---


async def test_calls_share_connections(manager: CircuitBreakerManager) -> None:
    async with scene(manager, answers(1)) as s:
        for _ in range(10):
            await s.call()
        assert s.agent.connections == 1


async def test_connections_of_an_agent_are_bounded(manager: CircuitBreakerManager) -> None:
    async def slow(request: Any, writer: Any) -> None:
        await asyncio.sleep(0.02)
        await answers(1)(request, writer)

    async with scene(manager, slow, options={"max_connections": 3}) as s:
        await asyncio.gather(*(s.call() for _ in range(30)))
        assert s.agent.connections == 3


async def test_a_pool_that_stays_full_is_no_failure_of_the_agent(
    manager: CircuitBreakerManager,
) -> None:
    options = {"max_connections": 1}
    async with scene(manager, manners.hangs, options=options, connect_timeout_seconds=0.1) as s:
        first = asyncio.create_task(s.call())
        await eventually(lambda: s.agent.requests)
        error = await s.error()
        assert not error.sent
        first.cancel()
        await asyncio.wait({first})
        assert ("NOT_SENT", "pool_full") in await s.ends()


async def test_closing_waits_for_calls_and_closes_connections(
    manager: CircuitBreakerManager,
) -> None:
    release = asyncio.Event()

    async def held(request: Any, writer: Any) -> None:
        await release.wait()
        await answers("late")(request, writer)

    async with agent_at(held) as agent:
        await register(manager.backend, "a", PATIENT, "test", endpoint=Endpoint(url=agent.url))
        async with ExternalAgentExecutor(manager, outbound=LOOPBACK, environ={}) as executor:
            call = asyncio.create_task(executor.call("a", 1))
            await eventually(lambda: agent.requests)
            asyncio.get_running_loop().call_later(0.05, release.set)
        assert (await call).result == "late"
        await eventually(lambda: agent.open == 0)
        with pytest.raises(RuntimeError, match="not open"):
            await executor.call("a", 1)


# --- streams ---


async def test_a_stream_is_one_outcome_when_it_ends(manager: CircuitBreakerManager) -> None:
    async with scene(manager, streams([b"1\n", b"2\n"])) as s:
        parts = s.executor.stream("a", None)
        assert await anext(parts) == 1
        assert await s.ends() == []
        assert [part async for part in parts] == [2]
        assert await s.ends() == [("SUCCESS", "")]


async def test_a_stream_without_parts_is_a_success(manager: CircuitBreakerManager) -> None:
    async with scene(manager, streams([])) as s:
        assert await s.parts() == []
        assert await s.ends() == [("SUCCESS", "")]


async def test_a_stream_that_is_left_is_abandoned_and_closes_its_connection(
    manager: CircuitBreakerManager,
) -> None:
    async with scene(manager, streams([b"1\n"], then=manners.hangs)) as s:
        async with contextlib.aclosing(s.executor.stream("a", None)) as parts:
            assert await anext(parts) == 1
        assert await s.ends() == [("ABANDONED", "")]
        await eventually(lambda: s.agent.open == 0)


async def test_a_stream_that_stalls_is_cut_off(manager: CircuitBreakerManager) -> None:
    manner = streams([b"1\n"], then=manners.hangs)
    async with scene(manager, manner, attempt_timeout_seconds=0.1) as s:
        error = await s.stream_error()
        assert error.verdict.failure_kind == "timeout_read"
        assert await s.ends() == [("TIMEOUT", "timeout_read")]


async def test_a_stream_has_a_total_deadline(manager: CircuitBreakerManager) -> None:
    async def ticks(request: Any, writer: Any) -> None:
        while True:
            writer.write(b"2\r\n1\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    async with scene(manager, streams([], then=ticks), timeout_seconds=0.3) as s:
        parts = s.executor.stream("a", None)
        assert [await anext(parts) for _ in range(3)] == [1, 1, 1]
        with pytest.raises(AgentCallError):
            [part async for part in parts]
        assert await s.ends() == [("TIMEOUT", "timeout_total")]


# --- arguments, memory ---


@pytest.mark.parametrize(
    "options", [{"timeout_seconds": 0}, {"idempotency_key": ""}, {"idempotency_key": "a\nb"}]
)
async def test_bad_arguments_are_refused_by_name(
    manager: CircuitBreakerManager, options: dict[str, Any]
) -> None:
    async with scene(manager, answers(1)) as s:
        with pytest.raises(ConfigError, match=next(iter(options))):
            await s.call(**options)


async def test_a_thousand_calls_leave_nothing_behind(manager: CircuitBreakerManager) -> None:
    async with scene(manager, answers(1)) as s:
        for _ in range(50):  # what is loaded and kept once
            await s.call()
        gc.collect()
        before = len(gc.get_objects())
        for _ in range(1000):
            await s.call()
        await manager.flush()
        gc.collect()
        assert len(gc.get_objects()) - before < 2000 + len(s.agent.requests) * 4
        assert s.agent.connections == 1
