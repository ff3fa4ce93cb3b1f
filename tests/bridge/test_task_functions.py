"""The functions of tasks on every kind of server: leases, fences, and where tasks wait."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from fuseline.bridge.tasks.model import (
    Priority,
    Task,
    TaskBody,
    TaskResult,
    TaskStatus,
    encode_body,
    encode_result,
)
from fuseline.bridge.tasks.store import Place, Taken, TaskStore
from fuseline.events.backend import Backend
from tests.bridge.tasks_support import state_of
from tests.logbook import open_backend
from tests.servers import RealServer
from tests.waiting import eventually


@pytest.fixture
async def backend(any_server: RealServer, namespace: str) -> AsyncIterator[Backend]:
    async with open_backend(any_server.url, namespace) as opened:
        yield opened


@pytest.fixture
def store(backend: Backend) -> TaskStore:
    return TaskStore(backend)


async def submit(store: TaskStore, task_id: str, agent: str = "a", **values: Any) -> None:
    level = values.pop("priority", Priority.NORMAL)
    body = encode_body(TaskBody(b"1"))
    reply = await store.submit(task_id, agent, level, values.pop("deadline_ms", 0), body)
    assert reply[0] == b"OK"


async def take(
    store: TaskStore, worker: str = "w", free: int = 10, claim_ms: int = 0, **places: Place
) -> Taken:
    return await store.take(store.backend.wire, worker, free, claim_ms, Place(), places)


async def taken(store: TaskStore, *args: Any, **values: Any) -> list[Task]:
    return (await take(store, *args, **values)).tasks


async def answer(store: TaskStore, call: Any) -> str:
    reply = await store.backend.fcall(*call)
    return str(reply[0].decode())


def finish(store: TaskStore, task_id: str, worker: str = "w") -> Any:
    result = TaskResult(id=task_id, agent="a", status=TaskStatus.SUCCEEDED, worker=worker)
    return store.finish(task_id, encode_result(result)[1], 60.0)


async def test_a_task_goes_to_one_worker(store: TaskStore) -> None:
    await submit(store, "one")
    assert [task.id for task in await taken(store, "w1")] == ["one"]
    assert await taken(store, "w2") == []


async def test_the_first_result_counts_and_the_second_is_told_so(store: TaskStore) -> None:
    await submit(store, "one")
    await taken(store)
    assert await answer(store, finish(store, "one", "first")) == "OK"
    stored = await store.stored(["one"])
    assert await answer(store, finish(store, "one", "second")) == "LATE"
    assert await store.stored(["one"]) == stored
    assert await answer(store, finish(store, "never-was")) == "GONE"
    assert await store.backend.wire.call("XLEN", store.keys.results) == 1


async def test_a_silent_worker_s_tasks_are_claimed_with_a_crash_each(store: TaskStore) -> None:
    await submit(store, "one")
    (first,) = await taken(store, "w1")

    async def claimed() -> list[Task]:
        return await taken(store, "w2", claim_ms=50)

    (second,) = await eventually(claimed)
    assert (second.id, second.crashes) == ("one", 1)
    assert second.token > first.token
    # The one that wakes up has nothing to say any more, but a result is a result.
    assert await answer(store, store.put_back(first, "queue")) == "STALE"
    assert await store.renew(store.backend.wire, "w1", [first]) == [first]
    assert await store.renew(store.backend.wire, "w2", [second]) == []
    assert await answer(store, finish(store, "one", "w1")) == "OK"
    assert await answer(store, finish(store, "one", "w2")) == "LATE"
    assert await store.backend.wire.call("EXISTS", store.keys.running) == 0


async def test_a_worker_does_not_claim_from_itself(store: TaskStore) -> None:
    await submit(store, "one")
    await taken(store, "w")
    await eventually(lambda: _idle(store, 20))
    assert await taken(store, "w", claim_ms=10) == []


async def _idle(store: TaskStore, ms: int) -> bool:
    pending = await store.backend.wire.call(
        "XPENDING", store.keys.normal, "workers", "IDLE", ms, "-", "+", 1
    )
    return bool(pending)


async def test_renewed_leases_are_not_claimed(store: TaskStore) -> None:
    await submit(store, "one")
    (task,) = await taken(store, "w1")
    await eventually(lambda: _idle(store, 100))
    await store.renew(store.backend.wire, "w1", [task])
    assert await taken(store, "w2", claim_ms=100) == []


async def test_tasks_of_an_agent_without_room_are_put_aside_and_come_by_priority(
    store: TaskStore,
) -> None:
    for n, level in enumerate([Priority.LOW, Priority.NORMAL, Priority.HIGH]):
        await submit(store, f"a{n}", priority=level)
    await submit(store, "b", "b", priority=Priority.LOW)
    full = await take(store, a=Place(0, 0))
    assert ([task.id for task in full.tasks], full.put_aside) == (["b"], 1)
    assert await store.backend.wire.call("XLEN", store.keys.wake) == 1  # others may have room
    assert await state_of(store.backend, "a1") == "held"
    assert [task.id for task in await taken(store, a=Place(2))] == ["a2", "a1"]
    assert [task.id for task in await taken(store)] == ["a0"]
    assert await store.backend.wire.call("EXISTS", store.keys.holding) == 0


async def test_deferred_tasks_come_as_the_worker_has_room_for_them(store: TaskStore) -> None:
    for n in range(5):
        await submit(store, f"t{n}")
    for task in await taken(store):
        assert await answer(store, store.put_back(task, "defer")) == "OK"
        assert await answer(store, store.put_back(task, "defer")) == "STALE"
    assert await taken(store, a=Place(9, 0)) == []
    assert len(await taken(store, a=Place(9, 2))) == 2
    assert len(await taken(store, a=Place(1, 9))) == 1
    assert [task.crashes for task in await taken(store)] == [0, 0]


async def test_a_parked_task_comes_when_it_is_due_with_an_attempt_more(store: TaskStore) -> None:
    await submit(store, "one")
    (task,) = await taken(store)
    assert await answer(store, store.park(task, 80, "no")) == "OK"
    early = await take(store)
    assert (early.tasks, early.soon_ms > early.now_ms) == ([], True)
    (again,) = await eventually(lambda: taken(store))
    assert (again.attempts, again.crashes, again.error) == (1, 0, "no")


async def test_overdue_tasks_come_wherever_they_wait_and_whatever_the_room(
    store: TaskStore,
) -> None:
    for name in ("queued", "held", "parked"):
        await submit(store, name, name, deadline_ms=150)
    tasks = {task.id: task for task in await taken(store, queued=Place(0))}
    await answer(store, store.put_back(tasks["held"], "hold"))
    await answer(store, store.park(tasks["parked"], 60_000, ""))
    found: list[str] = []

    async def all_of_them() -> bool:
        places = {name: Place(0, 0) for name in ("queued", "held", "parked")}
        found.extend(task.id for task in await taken(store, free=0, **places))
        return len(found) == 3

    await eventually(all_of_them)
    assert sorted(found) == ["held", "parked", "queued"]
    keys = store.keys
    assert await store.backend.wire.call("EXISTS", keys.deadlines, keys.parked, keys.holding) == 0


async def test_what_a_lost_answer_has_taken_is_found_again(store: TaskStore) -> None:
    await submit(store, "one")
    await submit(store, "two")
    lost = await taken(store, "w")
    found, unreadable = await store.mine(store.backend.wire, "w")
    assert (sorted(task.id for task in found), unreadable) == (["one", "two"], [])
    assert {(t.id, t.token) for t in found} == {(t.id, t.token) for t in lost}
    assert await store.mine(store.backend.wire, "other") == ([], [])


async def test_a_consumer_with_tasks_pending_is_never_forgotten(store: TaskStore) -> None:
    await submit(store, "one")
    (task,) = await taken(store, "w")
    await store.tidy(store.backend.wire, "w")
    (consumer,) = await store.backend.wire.call("XINFO", "CONSUMERS", store.keys.normal, "workers")
    assert consumer[1] == b"w"
    await answer(store, store.put_back(task, "queue"))
    await store.tidy(store.backend.wire, "w")
    assert await store.backend.wire.call("XINFO", "CONSUMERS", store.keys.normal, "workers") == []
    (again,) = await taken(store, "other")
    assert (again.id, again.crashes) == ("one", 0)


async def test_all_keys_of_tasks_lie_in_one_slot(store: TaskStore) -> None:
    from redis.crc import key_slot

    keys = [*store.keys, store.keys.task("one")]
    assert len(set(keys)) == len(keys)
    assert len({key_slot(key.encode()) for key in keys}) == 1


async def dead_letters_beside(store: TaskStore) -> int:
    """Gives a task up beside 250 that were given up long ago; how many there are then."""
    dead = store.keys.dead
    fields = ("task", "x", "agent", "a", "reason", "attempts")
    await store.backend.wire.call_many([("XADD", dead, f"{n}-0", *fields) for n in range(1, 251)])
    await submit(store, "one")
    await taken(store)
    result = TaskResult(id="one", agent="a", status=TaskStatus.DEAD)
    ended = store.finish("one", encode_result(result)[1], 60.0, "attempts", "it failed")
    assert await answer(store, ended) == "OK"
    count: int = await store.backend.wire.call("XLEN", dead)
    newest = (await store.backend.wire.call("XREVRANGE", dead, "+", "-", "COUNT", 1))[0][1]
    assert newest[newest.index(b"task") + 1] == b"one"
    return count


async def test_old_dead_letters_go_when_another_comes(backend: Backend) -> None:
    # Whole nodes of the stream go, of about a hundred entries.
    assert 1 <= await dead_letters_beside(TaskStore(backend, 90)) < 150


async def test_dead_letters_may_stay_for_ever(backend: Backend) -> None:
    assert await dead_letters_beside(TaskStore(backend, 0)) == 251


async def test_a_worker_of_before_keeps_dead_letters(store: TaskStore) -> None:
    plain = store.call

    def of_before(name: str, *args: Any) -> Any:
        return plain(name, *args[:7]) if name == "finish" else plain(name, *args)

    store.call = of_before  # type: ignore[method-assign]
    assert await dead_letters_beside(store) == 251
