"""Removing an agent: its circuit ends, its history stays, a new one of that name starts fresh."""

import asyncio
from pathlib import Path

import msgspec
import pytest

from fuseline import CircuitBreakerManager, CircuitState
from fuseline.bridge.executor import ExternalAgentExecutor
from fuseline.core.circuit import Cause
from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import AgentNotFoundError, RevisionConflictError
from fuseline.core.events import AgentRemoved, Mode, OverrideSet, ProbeStarted
from fuseline.events.agents import change, override, read_agent, register, remove
from fuseline.events.backend import Backend
from fuseline.events.codec import encode_event
from fuseline.projections.verify import verify
from tests.bridge.agents.manners import answers
from tests.bridge.agents.server import agent_at
from tests.bridge.conftest import callee, manager
from tests.bridge.executor_support import LOOPBACK, PATIENT
from tests.bridge.support import Callee, attempt, connected, fail_times
from tests.bridge.test_spool import call_many, spools
from tests.logbook import (
    assert_projection_is_the_fold,
    failing,
    history_of,
    log_of,
    open_backend,
    outcomes_of,
    projection_of,
    transitions_of,
)
from tests.projections.support import (
    projecting,
    registered,
    until_folded,
    until_state,
)
from tests.servers import RealServer
from tests.waiting import eventually

__all__ = ["callee", "manager"]  # fixtures


async def gone(backend: Backend, agent: str = "a", reason: str = "moved") -> None:
    record = await read_agent(backend, agent)
    assert record is not None
    await remove(backend, agent, revision=record.revision, actor="ada", reason=reason)


async def assert_verified(backend: Backend, agent: str = "a") -> None:
    await assert_projection_is_the_fold(backend, agent)
    found = await verify(backend, backend.keys.agent(agent))
    assert found.ok, found


async def test_the_circuit_closes_and_the_history_says_who(redis_url: str, namespace: str) -> None:
    async with projecting(redis_url, namespace), open_backend(redis_url, namespace) as backend:
        producer = await registered(backend, "a", failing(3))
        await producer.fail(3)
        await until_state(backend, "a", "open")
        await gone(backend)
        await until_folded(backend, "a")
        circuit = await projection_of(backend, "a")
        assert circuit is not None
        assert (circuit.state, circuit.mode, circuit.epoch) == (CircuitState.CLOSED, Mode.AUTO, 2)
        assert circuit.removed
        assert (circuit.calls, circuit.consecutive_failures) == (0, 0)
        opened, removed = await transitions_of(backend, "a")
        assert opened.cause is Cause.CONSECUTIVE_FAILURES
        assert (removed.cause, removed.actor, removed.reason) == (Cause.REMOVED, "ada", "moved")
        assert await read_agent(backend, "a") is None
        assert len(await outcomes_of(backend, "a")) == 3
        await assert_verified(backend)


async def test_an_agent_that_is_not_there_cannot_be_removed(redis_url: str, namespace: str) -> None:
    async with open_backend(redis_url, namespace) as backend:
        with pytest.raises(AgentNotFoundError):
            await remove(backend, "a", revision=0, actor="ada")
        await register(backend, "a", failing(), "ada")
        with pytest.raises(RevisionConflictError):
            await remove(backend, "a", revision=2, actor="ada")
        await gone(backend)
        with pytest.raises(AgentNotFoundError):
            await remove(backend, "a", revision=1, actor="ada")
        with pytest.raises(AgentNotFoundError):
            await remove(backend, "a", revision=2, actor="ada")
        with pytest.raises(AgentNotFoundError):
            await override(backend, "a", OverrideSet(Mode.FORCED_OPEN, "ada"))
        removals = [e for _, _, e in await log_of(backend, "a") if isinstance(e, AgentRemoved)]
        assert removals == [AgentRemoved(2, "ada", "moved")]


async def test_late_results_do_not_move_the_circuit_of_a_new_agent(
    redis_url: str, namespace: str
) -> None:
    async with projecting(redis_url, namespace), open_backend(redis_url, namespace) as backend:
        producer = await registered(backend, "a", failing(3))
        await producer.succeed(2)
        await gone(backend)
        await producer.fail(5, epoch=0)  # of nobody
        await register(backend, "a", failing(3), "bob")
        await producer.fail(5, epoch=0)  # of the one that was
        await until_folded(backend, "a")
        circuit = await projection_of(backend, "a")
        assert circuit is not None
        assert (circuit.state, circuit.calls, circuit.failures) == (CircuitState.CLOSED, 0, 0)
        await producer.fail(2, epoch=circuit.epoch)
        await until_folded(backend, "a")
        circuit = await projection_of(backend, "a")
        assert circuit is not None
        assert (circuit.state, circuit.consecutive_failures) == (CircuitState.CLOSED, 2)
        await producer.fail(1, epoch=circuit.epoch)
        await until_state(backend, "a", "open")
        await assert_verified(backend)


async def test_what_comes_between_removal_and_return_is_not_counted(
    redis_url: str, namespace: str
) -> None:
    async with projecting(redis_url, namespace), open_backend(redis_url, namespace) as backend:
        producer = await registered(backend, "a", failing(3))
        await gone(backend)
        await until_folded(backend, "a")
        circuit = await projection_of(backend, "a")
        assert circuit is not None
        await producer.fail(9, epoch=circuit.epoch)
        await register(backend, "a", failing(3), "bob")
        await until_folded(backend, "a")
        circuit = await projection_of(backend, "a")
        assert circuit is not None
        assert not circuit.removed
        assert (circuit.state, circuit.calls, circuit.consecutive_failures) == (
            CircuitState.CLOSED, 0, 0,
        )  # fmt: skip
        await assert_verified(backend)


async def test_a_new_agent_starts_fresh_under_a_revision_that_never_was(
    redis_url: str, namespace: str
) -> None:
    async with projecting(redis_url, namespace), open_backend(redis_url, namespace) as backend:
        producer = await registered(backend, "a", failing(3))
        await producer.fail(2)
        await override(backend, "a", OverrideSet(Mode.FORCED_OPEN, "ada", "r"))
        await gone(backend)
        made = await register(backend, "a", failing(4), "bob")
        assert made.revision == 3
        for revision in (1, 2):
            before = msgspec.structs.replace(made, revision=revision)
            with pytest.raises(RevisionConflictError):
                await change(backend, before, made, actor="ada")
        await until_folded(backend, "a")
        circuit = await projection_of(backend, "a")
        assert circuit is not None
        assert (circuit.mode, circuit.revision, circuit.config) == (Mode.AUTO, 3, failing(4))
        assert (circuit.calls, circuit.consecutive_failures) == (0, 0)
        kinds = [type(entry).__name__ for entry in await history_of(backend, "a")]
        assert kinds == ["ConfigApplied", "ModeChanged", "Transition", "ConfigApplied"]
        # And again: revisions go on.
        await gone(backend)
        assert (await register(backend, "a", failing(), "eve")).revision == 5
        await until_folded(backend, "a")
        await assert_verified(backend)


async def test_no_probe_is_let_through_while_the_removal_is_not_folded(
    redis_url: str, namespace: str
) -> None:
    async with open_backend(redis_url, namespace) as backend:
        keys = backend.keys.agent("a")
        shard = backend.keys.shards[keys.shard]

        async def acquire(epoch: int) -> list[bytes]:
            event = encode_event(ProbeStarted(epoch, 60_000, 1))
            names = (keys.circuit, keys.probes, keys.events, shard.dirty, shard.wake)
            return await backend.fcall("acquire_probe", names, ("a", epoch, 60_000, event))

        config = failing(1, timeout_seconds=0.001)
        async with projecting(redis_url, namespace):
            producer = await registered(backend, "a", config)
            await producer.fail(1)
            await until_state(backend, "a", "half_open")
            assert (await acquire(2))[0] == b"OK"
            await until_folded(backend, "a")
        await gone(backend)  # nobody folds it
        assert await acquire(2) == [b"BEHIND"]
        async with projecting(redis_url, namespace):
            await until_folded(backend, "a")
        assert await acquire(2) == [b"MOVED"]
        await assert_verified(backend)


async def test_whoever_still_calls_a_removed_agent_is_not_held_up(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get("a", failing(2))
    await fail_times(breaker, callee, 2)
    assert await attempt(breaker, callee.ok) == "rejected"
    await eventually(lambda: breaker.state is CircuitState.OPEN)
    await gone(backend)

    async def admitted() -> bool:
        return await attempt(breaker, callee.ok) == "ok"

    await eventually(admitted)
    await fail_times(breaker, callee, 10)
    assert await attempt(breaker, callee.ok) == "ok"
    await manager.flush()
    assert await read_agent(backend, "a") is None  # calling on does not bring it back
    await until_folded(backend, "a")
    await assert_verified(backend)


async def test_an_open_breaker_opens_again_for_the_new_agent(
    manager: CircuitBreakerManager, backend: Backend, callee: Callee
) -> None:
    breaker = manager.get("a", failing(2))
    await fail_times(breaker, callee, 1)
    await manager.flush()
    await gone(backend)
    await register(backend, "a", failing(3), "bob")
    await until_folded(backend, "a")
    await eventually(lambda: breaker.local.view is not None and breaker.local.view.revision == 3)
    await fail_times(breaker, callee, 3)
    assert await attempt(breaker, callee.ok) == "rejected"


async def test_the_executor_refuses_a_removed_agent_and_calls_the_new_one(
    manager: CircuitBreakerManager, backend: Backend
) -> None:
    async with (
        agent_at(answers("old")) as old,
        agent_at(answers("new")) as new,
        ExternalAgentExecutor(manager, outbound=LOOPBACK, environ={}) as executor,
    ):
        await register(backend, "a", PATIENT, "ada", endpoint=Endpoint(url=old.url))
        assert (await executor.call("a", 1)).result == "old"
        await gone(backend)

        async def refused() -> bool:
            try:
                await executor.call("a", 1)
            except AgentNotFoundError:
                return True
            return False

        loop = asyncio.get_running_loop()
        began = loop.time()
        await eventually(refused)
        assert loop.time() - began < 1.0  # 0.1 s where nothing else runs
        await register(backend, "a", PATIENT, "ada", endpoint=Endpoint(url=new.url))

        async def answered() -> bool:
            try:
                return bool((await executor.call("a", 1)).result == "new")
            except AgentNotFoundError:
                return False

        await eventually(answered)
        count = len(old.requests)
        assert (await executor.call("a", 1)).result == "new"
        assert len(old.requests) == count


async def test_an_orphaned_spool_does_not_bring_a_removed_agent_back(
    fresh_server: RealServer, callee: Callee, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fuseline.bridge.manager.DRAIN_SECONDS", 0.05)
    async with connected(fresh_server.url, "ns", spool_dir=tmp_path) as manager:
        await call_many(manager, callee, 5, a=0, b=0)
        await manager.flush()
        fresh_server.kill()
        await call_many(manager, callee, 20, a=0, b=0, c=0)
    fresh_server.start()
    async with open_backend(fresh_server.url, "ns") as backend:
        await gone(backend)
        async with connected(fresh_server.url, "ns", spool_dir=tmp_path):
            await eventually(lambda: not spools(tmp_path))
            await until_folded(backend, "a", "b", "c")
        assert await read_agent(backend, "a") is None
        assert await read_agent(backend, "b") is not None
        assert await read_agent(backend, "c") is not None  # never there, so never removed
        assert len(await outcomes_of(backend, "a")) == 25
        circuit = await projection_of(backend, "a")
        assert circuit is not None
        assert circuit.removed
        await assert_verified(backend)
