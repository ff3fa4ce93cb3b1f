"""Tasks: submitted, called through the breaker, answered once."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fuseline import CircuitBreakerConfig, CircuitBreakerManager, ConfigError
from fuseline.bridge.tasks.calls import Handlers
from fuseline.bridge.tasks.client import TaskClient
from fuseline.bridge.tasks.model import Task, TaskResult, TaskStatus, encode_result
from fuseline.bridge.tasks.store import TaskStore
from fuseline.core.errors import AgentNotFoundError, TaskNotFoundError
from fuseline.core.events import Mode, OverrideSet
from fuseline.events.agents import override, register
from fuseline.events.backend import Backend
from fuseline.events.library import function
from tests.bridge.support import connected
from tests.bridge.tasks_support import (
    Agent,
    another,
    handlers_of,
    results_of,
    state_of,
    working,
)
from tests.logbook import failing, outcomes_of
from tests.projections.support import until_folded
from tests.waiting import eventually


@pytest.fixture
async def client(manager: CircuitBreakerManager) -> AsyncIterator[TaskClient]:
    async with TaskClient(manager) as made:
        yield made


async def test_a_task_is_called_and_its_result_comes(
    manager: CircuitBreakerManager, client: TaskClient, backend: Backend
) -> None:
    agent = Agent()
    async with working(manager, handlers_of(a=agent)):
        await eventually(lambda: _registered(backend, "a"))
        result = await (await client.submit("a", {"n": 1})).result(10)
    assert (result.status, result.result, result.attempts) == ("succeeded", {"echo": {"n": 1}}, 1)
    assert result.worker == manager.worker
    assert result.submitted_ms <= result.started_ms <= result.ended_ms
    assert len(await outcomes_of(backend, "a")) == 1


async def _registered(backend: Backend, agent: str) -> bool:
    keys = backend.keys.agent(agent)
    return bool(await backend.wire.call("HEXISTS", backend.keys.shards[keys.shard].agents, agent))


async def test_every_task_of_many_gets_one_result_and_one_outcome(
    manager: CircuitBreakerManager, client: TaskClient, backend: Backend, redis_url: str,
    namespace: str,
) -> None:  # fmt: skip
    agents = {f"agent-{n}": Agent() for n in range(5)}
    for name in agents:
        await register(backend, name, failing(None), "test")
    async with (
        working(manager, handlers_of(**agents), concurrency=16),
        another(redis_url, namespace, handlers_of(**agents), concurrency=16),
    ):
        handles = await asyncio.gather(*(client.submit(f"agent-{n % 5}", n) for n in range(500)))
        results = await asyncio.gather(*(handle.result(20) for handle in handles))
    assert [result.result for result in results] == [{"echo": n} for n in range(500)]
    assert set((await results_of(backend)).values()) == {1}
    assert sum(agent.calls.total() for agent in agents.values()) == 500
    logs = [await outcomes_of(backend, name) for name in agents]
    assert sum(map(len, logs)) == 500
    keys = backend.keys.tasks
    assert [await backend.wire.call("XLEN", key) for key in keys[:4]] == [0, 0, 0, 0]
    assert await backend.wire.call("EXISTS", keys.running, keys.holding, keys.parked) == 0
    assert await backend.wire.call("ZCARD", keys.deadlines) == 0


async def test_a_task_for_an_agent_that_is_not_registered_is_refused(client: TaskClient) -> None:
    with pytest.raises(AgentNotFoundError, match="nobody"):
        await client.submit("nobody", 1)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"payload": "x" * 2_000_000}, "payload"),
        ({"payload": object()}, "payload"),
        ({"priority": "urgent"}, "priority"),
        ({"deadline_seconds": 0}, "deadline_seconds"),
        ({"deadline_seconds": float("nan")}, "deadline_seconds"),
        ({"max_attempts": 0}, "max_attempts"),
        ({"when_open": "wait"}, "when_open"),
        ({"task_id": "a:b"}, "task_id"),
    ],
)
async def test_what_is_not_allowed_is_refused_by_name(
    client: TaskClient, options: dict[str, Any], field: str
) -> None:
    payload = options.pop("payload", 1)
    with pytest.raises(ConfigError) as caught:
        await client.submit("a", payload, **options)
    assert caught.value.field == field
    assert len(str(caught.value)) < 500


async def test_submitting_an_id_again_gives_the_task_there_is(
    manager: CircuitBreakerManager, client: TaskClient, backend: Backend
) -> None:
    agent = Agent()
    await register(backend, "a", failing(None), "test")
    first = await client.submit("a", 1, task_id="order-7")
    again = await client.submit("a", 2, task_id="order-7")
    assert (first.existed, again.existed) == (False, True)
    async with working(manager, handlers_of(a=agent)):
        results = await asyncio.gather(first.result(10), again.result(10))
    late = await client.submit("a", 3, task_id="order-7")
    assert [r.result for r in (*results, await late.result(10))] == [{"echo": 1}] * 3
    assert agent.order == [1]
    await register(backend, "b", failing(None), "test")
    with pytest.raises(ConfigError, match="task_id"):
        await client.submit("b", 1, task_id="order-7")


async def test_more_urgent_tasks_come_first(
    manager: CircuitBreakerManager, client: TaskClient, backend: Backend
) -> None:
    agent = Agent()
    await register(backend, "a", failing(None), "test")
    handles = [
        await client.submit("a", f"{priority}-{n}", priority=priority)
        for n in range(3)
        for priority in ("low", "normal", "high")
    ]
    async with working(manager, handlers_of(a=agent), concurrency=1):
        await asyncio.gather(*(handle.result(10) for handle in handles))
    assert agent.order == [f"{p}-{n}" for p in ("high", "normal", "low") for n in range(3)]


async def test_no_more_tasks_are_in_flight_than_there_are_slots(
    manager: CircuitBreakerManager, client: TaskClient, backend: Backend
) -> None:
    agent = Agent()
    agent.gate.clear()
    await register(backend, "a", failing(None), "test")
    handles = [await client.submit("a", n) for n in range(50)]
    async with working(manager, handlers_of(a=agent), concurrency=7):
        await eventually(lambda: agent.in_flight == 7)
        agent.gate.set()
        await asyncio.gather(*(handle.result(10) for handle in handles))
    assert agent.most_in_flight == 7


async def test_a_slow_agent_leaves_slots_to_the_others(
    manager: CircuitBreakerManager, client: TaskClient, backend: Backend
) -> None:
    slow, quick = Agent(), Agent()
    slow.gate.clear()
    capped = CircuitBreakerConfig(max_concurrent_calls=2)
    await register(backend, "slow", capped, "test")
    await register(backend, "quick", failing(None), "test")
    waiting = [await client.submit("slow", n) for n in range(40)]
    handles = [await client.submit("quick", n) for n in range(40)]
    async with working(manager, handlers_of(slow=slow, quick=quick), concurrency=8) as worker:
        await asyncio.gather(*(handle.result(10) for handle in handles))
        assert (slow.in_flight, slow.most_in_flight) == (2, 2)
        # Nothing goes round and round: those that wait have been looked at and are left alone.
        before = worker.taker.takes
        await asyncio.sleep(0.3)  # a length of time in which nothing may happen
        assert worker.taker.takes - before < 5
        slow.gate.set()
        await asyncio.gather(*(handle.result(10) for handle in waiting))
    assert slow.most_in_flight == 2
    assert sorted(slow.order) == list(range(40))


async def test_held_tasks_are_taken_by_a_worker_that_has_room(
    manager: CircuitBreakerManager, client: TaskClient, backend: Backend, redis_url: str,
    namespace: str,
) -> None:  # fmt: skip
    one, other = Agent(), Agent()
    one.gate.clear()
    await register(backend, "a", failing(None), "test")
    async with working(manager, handlers_of(a=one), per_agent=1):
        handles = [await client.submit("a", n) for n in range(10)]
        await eventually(lambda: one.in_flight == 1)
        async with another(redis_url, namespace, handlers_of(a=other), per_agent=1):
            await eventually(lambda: len(other.order) == 9)
            one.gate.set()
            await asyncio.gather(*(handle.result(10) for handle in handles))
    assert one.calls.total() + other.calls.total() == 10


async def test_a_failed_task_is_tried_again_where_that_is_safe(
    manager: CircuitBreakerManager, client: TaskClient, backend: Backend,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("fuseline.bridge.tasks.endings.RETRY_SECONDS", 0.05)
    agent = Agent()
    await register(backend, "a", failing(None), "test")
    async with working(manager, handlers_of(a=agent)):
        agent.fail = 2
        result = await (await client.submit("a", 1, idempotent=True)).result(10)
        assert (result.status, result.attempts) == ("succeeded", 3)
        agent.fail = 1
        result = await (await client.submit("a", 2)).result(10)
        assert (result.status, result.attempts) == ("failed", 1)
        assert (result.error_kind, result.error) == ("ValueError", "the agent failed")
        agent.fail = 3
        result = await (await client.submit("a", 3, idempotent=True)).result(10)
        assert (result.status, result.attempts) == ("dead", 3)
    assert len(await backend.wire.call("XRANGE", backend.keys.tasks.dead, "-", "+")) == 1
    assert len(await outcomes_of(backend, "a")) == 7


async def test_an_open_circuit_rejects_at_once_or_defers_as_told(
    manager: CircuitBreakerManager, client: TaskClient, backend: Backend
) -> None:
    agent = Agent()
    await register(backend, "a", failing(3, timeout_seconds=1.0, half_open_max_calls=2), "test")
    async with working(manager, handlers_of(a=agent), concurrency=8) as worker:
        agent.fail = 3
        for n in range(3):
            assert (await (await client.submit("a", n)).result(10)).status == "failed"
        result = await (await client.submit("a", "no")).result(10)
        assert (result.status, result.error_kind, result.attempts) == (
            "rejected",
            "circuit_open",
            0,
        )
        handles = [await client.submit("a", f"yes-{n}", when_open="defer") for n in range(60)]
        await eventually(lambda: _deferred(backend, 60))
        asked = manager.breakers["a"].rejected
        # They wait without being tried again and again.
        results = await asyncio.gather(*(handle.result(20) for handle in handles))
        assert {(r.status, r.attempts) for r in results} == {("succeeded", 1)}
        assert manager.breakers["a"].rejected - asked < 60
        assert worker.taker.takes < 400
    assert agent.calls["no"] == 0


async def _deferred(backend: Backend, count: int) -> bool:
    key = backend.keys.tasks.deferred_prefix + "a"
    return await backend.wire.call("ZCARD", key) == count


async def test_a_deferred_task_goes_on_when_an_operator_closes_the_circuit(
    manager: CircuitBreakerManager, client: TaskClient, backend: Backend
) -> None:
    agent = Agent()
    await register(backend, "a", failing(3), "test")
    async with working(manager, handlers_of(a=agent)):
        await override(backend, "a", OverrideSet(Mode.FORCED_OPEN, "me", "why", 0, False))
        await until_folded(backend, "a")
        handle = await client.submit("a", 1, when_open="defer")
        await eventually(lambda: _deferred(backend, 1))
        await override(backend, "a", OverrideSet(Mode.AUTO, "me", "why", 0, True))
        assert (await handle.result(10)).status == "succeeded"
        assert agent.calls.total() == 1


async def test_a_deadline_ends_a_task_before_and_during_its_call(
    manager: CircuitBreakerManager, client: TaskClient, backend: Backend
) -> None:
    agent = Agent()
    await register(backend, "a", failing(None), "test")
    early = await client.submit("a", "early", deadline_seconds=0.05)
    await asyncio.sleep(0.06)  # it must be over before a worker is there
    async with working(manager, handlers_of(a=agent), concurrency=1):
        result = await early.result(10)
        assert (result.status, result.attempts) == ("expired", 0)
        agent.gate.clear()
        cut = await client.submit("a", "cut", deadline_seconds=0.3)
        await eventually(lambda: agent.in_flight == 1)
        # No slot is free, and it expires on time all the same.
        waiting = await client.submit("a", "waiting", deadline_seconds=0.1)
        assert (await waiting.result(10)).status == "expired"
        result = await cut.result(10)
        assert (result.status, result.error_kind, result.attempts) == ("expired", "timeout", 1)
        assert agent.cancelled == 1
    assert agent.calls["early"] + agent.calls["waiting"] == 0


async def test_a_stopped_worker_gives_back_what_it_cuts_off(
    manager: CircuitBreakerManager, client: TaskClient, backend: Backend, redis_url: str,
    namespace: str,
) -> None:  # fmt: skip
    stuck, other = Agent(), Agent()
    stuck.gate.clear()
    await register(backend, "a", failing(None), "test")
    handles = [await client.submit("a", n) for n in range(5)]
    async with working(manager, handlers_of(a=stuck), drain_seconds=0.1, lease_seconds=60):
        await eventually(lambda: stuck.in_flight == 5)
    assert stuck.cancelled == 5
    groups = await backend.wire.call("XINFO", "CONSUMERS", backend.keys.tasks.normal, "workers")
    assert groups == []
    async with another(redis_url, namespace, handlers_of(a=other), lease_seconds=60):
        results = await asyncio.gather(*(handle.result(10) for handle in handles))
    assert {(r.status, r.attempts) for r in results} == {("succeeded", 1)}


async def test_results_that_cannot_be_json_are_failures_that_say_so(
    manager: CircuitBreakerManager, client: TaskClient, backend: Backend
) -> None:
    handlers = Handlers()

    @handlers.agent("a")
    async def odd(payload: Any) -> Any:
        return object() if payload == 1 else "x" * (11 << 20)

    await register(backend, "a", failing(None), "test")
    async with working(manager, handlers):
        one = await (await client.submit("a", 1)).result(10)
        two = await (await client.submit("a", 2)).result(10)
    assert (one.error_kind, two.error_kind) == ("result_not_json", "result_too_large")


async def test_hooks_see_tasks_and_results_and_break_nothing(
    manager: CircuitBreakerManager, client: TaskClient, backend: Backend
) -> None:
    handlers, seen = Handlers(), []

    @handlers.agent("a", config=failing(None))
    async def agent(payload: Any, task: Task) -> Any:
        if payload == "bad":
            raise ValueError
        return task.agent

    @handlers.before
    def before(task: Task) -> None:
        seen.append(("before", task.payload))
        raise RuntimeError("a hook's bug")

    @handlers.after
    async def after(task: Task, result: TaskResult) -> None:
        seen.append(("after", result.status.value))

    @handlers.on_dead
    def dead(task: Task, result: TaskResult) -> None:
        seen.append(("dead", result.error_kind))

    async with working(manager, handlers):
        await eventually(lambda: _registered(backend, "a"))
        assert (await (await client.submit("a", "good")).result(10)).result == "a"
        handle = await client.submit("a", "bad", max_attempts=1, idempotent=True)
        assert (await handle.result(10)).status == "dead"
        await eventually(lambda: len(seen) == 5)
    assert seen == [
        ("before", "good"),
        ("after", "succeeded"),
        ("before", "bad"),
        ("after", "dead"),
        ("dead", "ValueError"),
    ]


async def test_waiting_for_a_task_nobody_knows_says_so(client: TaskClient) -> None:
    with pytest.raises(TaskNotFoundError, match="nothing-of-it"):
        await client.handle("nothing-of-it").result(5)


async def test_a_result_that_is_not_there_in_time(client: TaskClient, backend: Backend) -> None:
    await register(backend, "a", failing(None), "test")
    handle = await client.submit("a", 1)
    with pytest.raises(TimeoutError):
        await handle.result(0.05)
    assert await state_of(backend, handle.id) == "queued"


async def test_many_clients_get_large_results_and_those_they_missed(
    manager: CircuitBreakerManager, backend: Backend, redis_url: str, namespace: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("fuseline.bridge.tasks.store.RESULTS_LENGTH", 1)
    agent = Agent()
    await register(backend, "a", failing(None), "test")
    async with (
        connected(redis_url, namespace, projector=False) as own,
        TaskClient(own) as one,
        TaskClient(backend) as two,
        working(manager, handlers_of(a=agent)),
    ):
        big = "x" * 200_000
        handles = [await c.submit("a", f"{n}{big}") for n in range(3) for c in (one, two)]
        handles += [await c.submit("a", n) for n in range(200) for c in (one, two)]
        handles.append(two.handle(handles[0].id))
        results = await asyncio.gather(*(handle.result(20) for handle in handles))
    assert {r.status for r in results} == {"succeeded"}
    assert results[0].result == results[-1].result


async def test_a_result_that_was_trimmed_before_it_was_read_is_not_missed(
    client: TaskClient, backend: Backend
) -> None:
    await register(backend, "a", failing(None), "test")
    first, second = await client.submit("a", 1), await client.submit("a", 2)
    waiting = [asyncio.create_task(handle.result(10)) for handle in (first, second)]
    await eventually(lambda: client._results._position >= 0)
    store = TaskStore(backend)
    commands: list[Any] = [("MULTI",)]
    for handle in (first, second):
        result = TaskResult(id=handle.id, agent="a", status=TaskStatus.SUCCEEDED)
        name, keys, args = store.finish(handle.id, encode_result(result)[1], 60)
        commands.append(("FCALL", function(name), len(keys), *keys, *args))
    commands += [("XTRIM", store.keys.results, "MAXLEN", "=", 1), ("EXEC",)]
    await backend.wire.call_many(commands)
    assert [result.id for result in await asyncio.gather(*waiting)] == [first.id, second.id]
