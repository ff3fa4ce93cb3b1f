"""Each role does its work under its ACL file, and is refused what is not its work."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest

from fuseline import CircuitBreakerConfig, CircuitBreakerManager, CircuitState
from fuseline.api.access.access import Access
from fuseline.api.access.errors import NotAuthenticatedError
from fuseline.api.access.roles import Role
from fuseline.api.access.settings import ApiSettings
from fuseline.bridge.executor import ExternalAgentExecutor
from fuseline.bridge.tasks import overview as task_overview
from fuseline.bridge.tasks.calls import HandlerCalls, Handlers
from fuseline.bridge.tasks.client import TaskClient
from fuseline.bridge.tasks.options import WorkerOptions
from fuseline.bridge.tasks.registry import RegistryCalls
from fuseline.bridge.tasks.store import TaskStore
from fuseline.bridge.tasks.worker import TaskWorker
from fuseline.core.endpoint import Endpoint, RetryPolicy
from fuseline.core.errors import BackendError, BackendUnavailableError
from fuseline.core.events import Mode, OverrideSet
from fuseline.core.retention import Retention
from fuseline.events import agents
from fuseline.events.backend import Backend
from fuseline.events.glance import read_stored
from fuseline.events.keys import AgentKeys
from fuseline.events.removed import find_strays
from fuseline.projections.feed import FeedReader
from fuseline.projections.origin import load_origin
from fuseline.projections.overview import overview
from fuseline.projections.past import state_at
from fuseline.projections.projector import Projector
from fuseline.projections.readers import ReaderLease
from fuseline.projections.rebuild import rebuild
from fuseline.projections.rollups import load_all
from fuseline.projections.store import load_circuits
from fuseline.projections.timeline import query
from fuseline.projections.trimming import Trimmer
from fuseline.projections.verify import verify
from tests.bridge.agents.manners import answers, echoes
from tests.bridge.agents.server import Agent, agent_at
from tests.bridge.executor_support import LOOPBACK
from tests.bridge.support import connected
from tests.cli.support import environment, run
from tests.deploy.acl_support import PASSWORD, ROLES, Users, rules
from tests.logbook import (
    assert_projection_is_the_fold,
    log_of,
    open_backend,
    outcomes_of,
    transitions_of,
)
from tests.projections.support import until_folded, until_state
from tests.waiting import eventually

AGENT = "billing"
OTHER = "other"
FAST = CircuitBreakerConfig(
    failure_threshold=2, failure_rate_threshold=None, timeout_seconds=0.3, half_open_max_calls=1
)
# What a process asks for once and does without: the server's version.
DONE_WITHOUT = {(role, "command", "info") for role in ROLES}


@contextlib.asynccontextmanager
async def as_user(users: Users, role: str) -> AsyncIterator[Backend]:
    async with open_backend(users.url(role), users.namespace) as backend:
        yield backend


@contextlib.asynccontextmanager
async def deployed(users: Users) -> AsyncIterator[Backend]:
    """The functions are loaded, a projector runs; what is given is the API's backend."""
    async with as_user(users, "deploy"):
        pass
    async with as_user(users, "projector") as projecting, as_user(users, "api") as backend:
        task = asyncio.create_task(Projector(projecting, "the projector").run())
        try:
            yield backend
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@contextlib.asynccontextmanager
async def working(users: Users) -> AsyncIterator[CircuitBreakerManager]:
    """A worker that takes tasks and calls agents of the registry."""
    async with (
        connected(users.url("worker"), users.namespace, projector=False) as manager,
        ExternalAgentExecutor(manager, outbound=LOOPBACK) as executor,
    ):
        calls = HandlerCalls(manager, Handlers(), RegistryCalls(manager.backend, executor))
        worker = TaskWorker(manager, calls, WorkerOptions(drain_seconds=0.2, lease_seconds=0.5))
        task = asyncio.create_task(worker.run())
        try:
            yield manager
        finally:
            worker.stop()
            await task


async def register(backend: Backend, agent: Agent, name: str = AGENT, **endpoint: object) -> None:
    where = Endpoint(url=agent.url, retry=RetryPolicy(max_attempts=1), **endpoint)  # type: ignore[arg-type]
    await agents.register(backend, name, FAST, "token:admin", endpoint=where)


async def test_a_circuit_lives_through_all_its_states_under_the_files(users: Users) -> None:
    async with (
        agent_at(answers({}, 503)) as agent,
        deployed(users) as backend,
        working(users) as manager,
        TaskClient(backend) as client,
    ):
        await register(backend, agent)
        for _ in range(2):
            assert (await (await client.submit(AGENT, 1)).result(10)).status == "failed"
        await until_state(backend, AGENT, "open")
        agent.manners = echoes
        deferred = await client.submit(AGENT, {"n": 2}, when_open="defer")
        assert (await deferred.result(10)).result == {"n": 2}
        await until_state(backend, AGENT, "closed")
        await manager.flush()
        changes = [t.to_state.value for t in await transitions_of(backend, AGENT)]
        assert changes == ["open", "half_open", "closed"]
        await assert_projection_is_the_fold(backend, AGENT)
    assert users.denied() <= DONE_WITHOUT


async def test_a_worker_under_the_file_of_an_earlier_release_goes_by_the_projection(
    users: Users, caplog: pytest.LogCaptureFixture
) -> None:
    name, *parts = rules("worker", users.namespace)
    before = [part for part in parts if not part.endswith(":ahead")]
    assert len(before) == len(parts) - 3
    users.admin.execute_command("ACL", "SETUSER", name, *before, f">{PASSWORD}")
    async with deployed(users) as backend, working(users) as one, working(users) as other:
        for manager in (one, other):
            await manager.get(AGENT, FAST).call(asyncio.sleep, 0)
            await manager.flush()
        for _ in range(2):
            with pytest.raises(ZeroDivisionError):
                await one.get(AGENT).call(divmod, 1, 0)
        await one.flush()
        await eventually(lambda: other.get(AGENT).state is CircuitState.OPEN)
        assert len(await outcomes_of(backend, AGENT)) == 4
    assert {record.getMessage() for record in caplog.records} >= {"ahead_unreadable"}


async def test_tasks_end_in_every_way_under_the_files(users: Users) -> None:
    async with (
        agent_at(answers({}, 503)) as agent,
        deployed(users) as backend,
        TaskClient(backend) as client,
    ):
        await register(backend, agent, OTHER, idempotent=True)
        await agents.override(backend, OTHER, OverrideSet(Mode.FORCED_CLOSED, "me", "test", 0))
        expired = await client.submit(OTHER, 1, deadline_seconds=0.05)
        async with working(users):
            dead = await client.submit(OTHER, 2, max_attempts=2, priority="high", task_id="two")
            assert (await dead.result(10)).status == "dead"
            assert (await expired.result(10)).status == "expired"
            assert (await client.submit(OTHER, 2, task_id="two")).existed
            store = TaskStore(backend)
            assert (await task_overview.counts(store))["dead"] == 1
            assert (await task_overview.task_document(store, "two"))["state"] == "done"
    assert users.denied() <= DONE_WITHOUT


async def test_a_dead_workers_task_goes_to_another_under_the_files(users: Users) -> None:
    async with deployed(users) as backend, TaskClient(backend) as client:
        handlers, entered = Handlers(), asyncio.Event()
        calls = 0

        @handlers.agent(AGENT, config=FAST, idempotent=True)
        async def agent(payload: object) -> object:
            nonlocal calls
            calls += 1
            if calls == 1:
                entered.set()
                await asyncio.Event().wait()
            return payload

        options = WorkerOptions(lease_seconds=0.4, drain_seconds=0.0)
        async with contextlib.AsyncExitStack() as stack:
            crew = []
            for _ in range(2):
                manager = await stack.enter_async_context(
                    connected(users.url("worker"), users.namespace, projector=False)
                )
                crew.append(TaskWorker(manager, HandlerCalls(manager, handlers), options, handlers))
            first = asyncio.create_task(crew[0].run())
            await eventually(lambda: agents.read_agent(backend, AGENT))
            handle = await client.submit(AGENT, "x", max_attempts=3)
            await asyncio.wait_for(entered.wait(), 10)
            first.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await first
            second = asyncio.create_task(crew[1].run())
            assert (await handle.result(20)).result == "x"
            crew[1].stop()
            await second
    assert users.denied() <= DONE_WITHOUT


async def test_the_api_reads_and_changes_what_it_has_to_under_its_file(users: Users) -> None:
    async with agent_at(echoes) as agent, deployed(users) as backend, working(users):
        await register(backend, agent)
        async with TaskClient(backend) as client:
            assert (await (await client.submit(AGENT, 1)).result(10)).status == "succeeded"
        record = await agents.read_agent(backend, AGENT)
        assert record is not None
        await agents.configure(backend, AGENT, FAST, revision=record.revision, actor="token:x")
        await agents.override(backend, AGENT, OverrideSet(Mode.FORCED_OPEN, "me", "why", 0))
        await eventually(lambda: forced_open(backend))
        assert len(await read_stored(backend)) == 1
        assert len((await overview(backend)).agents) == 1
        await eventually(lambda: query(backend, AGENT))
        assert (await state_at(backend, AGENT, await backend.learn_time())).circuit
        assert [keys async for page in agents.list_agents(backend) for keys in page]
        await load_all(backend, backend.keys.agent(AGENT))
        seen: list[str] = []
        reader = FeedReader(
            backend, lambda name, *_: seen.append(name), lambda _: None, lambda *_: None
        )
        await reader.start()
        tail = asyncio.create_task(reader.run())
        found = await agents.read_agent(backend, AGENT)
        assert found is not None
        await agents.remove(backend, AGENT, revision=found.revision, actor="token:x")
        await eventually(lambda: AGENT in seen)
        tail.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await tail
    assert users.denied() <= DONE_WITHOUT


async def forced_open(backend: Backend) -> bool:
    (circuit,) = await load_circuits(backend, [backend.keys.agent(AGENT)])
    return circuit is not None and circuit.mode is Mode.FORCED_OPEN


async def test_the_api_knows_its_callers_under_its_file(users: Users) -> None:
    async with deployed(users) as backend, Access(backend, ApiSettings()) as access:
        made = await access.tokens.create("ci", Role.ADMIN, life_ms=60_000, created_by="me")
        where = {"cookies": {}, "client_address": "192.0.2.1"}
        bearer = {"authorization": f"Bearer {made.text}"}
        assert await access.authenticate(method="GET", headers=bearer, **where)  # type: ignore[arg-type]
        opened = await access.log_in(made.text, headers={}, **where)  # type: ignore[arg-type]
        name, _, value = opened.set_cookie.partition(";")[0].partition("=")
        inside = {"headers": {}, "cookies": {name: value}, "client_address": "192.0.2.1"}
        assert await access.authenticate(method="GET", **inside)  # type: ignore[arg-type]
        await access.log_out(**inside)  # type: ignore[arg-type]
        wrong = {"authorization": f"Bearer {made.text[:-2]}xx"}
        with pytest.raises(NotAuthenticatedError):
            await access.authenticate(method="GET", headers=wrong, **where)  # type: ignore[arg-type]
        await access.tokens.end_sessions(made.token.id)
        await access.tokens.revoke(made.token.id)
        assert not await access.tokens.any_valid()
    assert users.denied() <= DONE_WITHOUT


async def test_the_projector_checks_and_rebuilds_under_its_file(users: Users) -> None:
    async with agent_at(echoes) as agent, deployed(users) as backend, working(users):
        await register(backend, agent)
        async with TaskClient(backend) as client:
            await (await client.submit(AGENT, 1)).result(10)
        keys = backend.keys.agent(AGENT)
        async with as_user(users, "projector") as projecting:
            assert not (await verify(projecting, keys)).differences
            (done,) = await rebuild(
                projecting, backend.keys.shards[keys.shard], [keys], owner="me", reason="test"
            )
            assert done
    assert users.denied() <= DONE_WITHOUT


async def test_the_projector_trims_under_its_file_and_others_read_on(users: Users) -> None:
    async with deployed(users) as backend:
        await agents.register(backend, AGENT, FAST, "token:admin")
        async with connected(users.url("worker"), users.namespace, projector=False) as manager:
            breaker = manager.get(AGENT)
            for _ in range(30):
                await breaker.call(asyncio.sleep, 0)
            await manager.flush()
        await until_folded(backend, AGENT)
        keys = backend.keys.agent(AGENT)
        shard = backend.keys.shards[keys.shard]
        async with as_user(users, "projector") as trimming:
            token = int((await trimming.wire.call("GET", shard.lease)).split(b" ")[0])
            kept = Retention(outcomes=10, history_days=1e-9, counts_days=1e-9, producer_days=1e-9)
            done = await Trimmer(trimming, trimming.wire, kept, 100).trim_shard(shard, token)
            assert (done.entries, done.producers) == (21, 1)
            async with ReaderLease(trimming, keys):
                assert (await verify(trimming, keys)).ok
        assert (await state_at(backend, AGENT, await backend.learn_time())).circuit.calls == 30
        async with as_user(users, "worker") as worker:
            assert (await load_origin(worker, keys)).trimmed == 21
        record = await agents.read_agent(backend, AGENT)
        assert record is not None
        await agents.remove(backend, AGENT, revision=record.revision, actor="token:admin")
        async with as_user(users, "projector") as trimming:
            purging = Trimmer(trimming, trimming.wire, kept, 100)

            async def nothing_left() -> bool:
                token = int((await trimming.wire.call("GET", shard.lease)).split(b" ")[0])
                return (await purging.trim_shard(shard, token)).removed == [AGENT]

            await eventually(nothing_left)
            assert await find_strays_of(users) == []
    assert users.denied() <= DONE_WITHOUT


async def find_strays_of(users: Users) -> list[AgentKeys]:
    """As an operator sees it: no role may look for keys."""
    async with open_backend(users.server.url, users.namespace) as backend:
        return await find_strays(backend)


@pytest.mark.parametrize("role", ["worker", "projector", "api"])
async def test_a_role_that_may_not_load_functions_says_who_has_to(users: Users, role: str) -> None:
    with pytest.raises(BackendUnavailableError, match="may not load"):
        async with as_user(users, role):
            pass
    async with as_user(users, "deploy"), as_user(users, role):
        pass


async def test_the_deploying_user_runs_the_command_that_loads_them(users: Users) -> None:
    env = environment(
        REDIS_URL=users.url("deploy"), FUSELINE_NAMESPACE=users.namespace, FUSELINE_SHARDS="4"
    )
    ended = await asyncio.to_thread(run, "status", env=env)
    assert (ended.code, ended.err) == (0, "")
    async with as_user(users, "worker"):
        pass
    assert users.denied() <= DONE_WITHOUT


async def test_a_worker_goes_on_once_lost_functions_are_loaded_again(users: Users) -> None:
    async with deployed(users) as backend, working(users) as manager:
        breaker = manager.get(AGENT, FAST)
        await breaker.call(asyncio.sleep, 0)
        await manager.flush()
        users.admin.execute_command("FUNCTION", "FLUSH")
        await breaker.call(asyncio.sleep, 0)
        with pytest.raises(BackendUnavailableError):
            await manager.flush(0.3)
        async with as_user(users, "deploy"):
            pass
        await manager.flush(10)
        assert len(await outcomes_of(backend, AGENT)) == 2


async def test_a_worker_that_calls_override_is_refused_before_anything_is_written(
    users: Users,
) -> None:
    async with deployed(users) as backend, as_user(users, "worker") as worker:
        record = await agents.register(worker, AGENT, FAST, "a worker registers")
        override = OverrideSet(Mode.FORCED_CLOSED, "the worker", "out of its hands", 0)
        with pytest.raises(BackendError, match=r"hexists|can't run this command"):
            await agents.override(worker, AGENT, override)
        assert await agents.read_agent(backend, AGENT) == record
        assert await overrides_of(backend) == []
        await agents.override(backend, AGENT, override)
        assert len(await overrides_of(backend)) == 1


async def overrides_of(backend: Backend) -> list[OverrideSet]:
    return [e for _, _, e in await log_of(backend, AGENT) if isinstance(e, OverrideSet)]


async def test_a_worker_that_folds_too_needs_the_rules_of_both(users: Users) -> None:
    name, *worker = rules("worker", users.namespace)
    _, reset, on, *projector = rules("projector", users.namespace)
    assert (reset, on) == ("reset", "on")
    users.admin.execute_command("ACL", "SETUSER", name, *worker, *projector, f">{PASSWORD}")
    async with as_user(users, "deploy"):
        pass
    async with connected(users.url("worker"), users.namespace, projector=True) as manager:
        breaker = manager.get(AGENT, FAST)
        await breaker.call(asyncio.sleep, 0)
        await manager.flush()
        await until_folded(manager.backend, AGENT)
    assert users.denied() <= DONE_WITHOUT
