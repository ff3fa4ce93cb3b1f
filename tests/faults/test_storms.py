"""Thousands of cancelled calls, and wrong clocks: neither moves a circuit."""

import asyncio
import random
from collections import Counter
from typing import Any

import pytest

from fuseline import CircuitBreaker, CircuitBreakerManager, CircuitBreakerOpenError, CircuitState
from fuseline.core.events import Outcome, ProbeStarted, Result
from fuseline.events.backend import Backend
from tests.bridge.support import Callee, attempt, connected, fail_times
from tests.faults.support import actors, connect, probes_of, until_all_folded
from tests.logbook import (
    assert_projection_is_the_fold,
    failing,
    log_of,
    outcomes_of,
    transitions_of,
)
from tests.projections.support import projecting, until_state
from tests.waiting import eventually


class Storm:
    """Calls that are cancelled at random moments; counts where it caught them."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.ends: Counter[str] = Counter()
        self.inside = 0  # reached the callee

    async def callee(self) -> str:
        self.inside += 1
        while True:
            await asyncio.sleep(self.rng.random() * 0.01)

    async def one(self, breaker: CircuitBreaker) -> None:
        try:
            await breaker.call(self.callee)
        except CircuitBreakerOpenError:
            self.ends["rejected"] += 1
        except asyncio.CancelledError:
            self.ends["cancelled"] += 1
            raise

    async def blow(
        self, breakers: list[CircuitBreaker], count: int, most_steps: int, share: float = 0.05
    ) -> None:
        """Starts `count` calls and cancels each after some turns of the loop or some ms."""
        batch = 50
        for _ in range(count // batch):
            tasks = [asyncio.create_task(self.one(self.rng.choice(breakers))) for _ in range(batch)]
            self.rng.shuffle(tasks)
            for task in tasks:
                for _ in range(self.rng.randrange(most_steps)):
                    await asyncio.sleep(0)
                if self.rng.random() < share:
                    await asyncio.sleep(self.rng.random() * 0.002)
                task.cancel()
            ends = await asyncio.gather(*tasks, return_exceptions=True)
            never = sum(isinstance(end, asyncio.CancelledError) for end in ends)
            self.ends["all"] += batch
            self.ends["ended by cancellation"] += never


async def assert_clean(manager: CircuitBreakerManager, tasks_before: int) -> None:
    """No task is left, and every connection gives each caller its own reply."""

    def left() -> list[str]:
        tasks = asyncio.all_tasks()
        return [repr(task) for task in tasks] if len(tasks) > tasks_before else []

    await eventually(lambda: not left(), 60)
    wires = [manager.backend.wire, manager.recorder._wire]
    for number in range(200):
        replies = await asyncio.gather(
            *(wire.call("ECHO", f"{number}-{n}") for n, wire in enumerate(wires * 3))
        )
        assert replies == [f"{number}-{n}".encode() for n in range(len(wires) * 3)]


async def assert_untouched(backend: Backend, breaker: CircuitBreaker, epoch: int = 0) -> None:
    await until_all_folded(backend, [breaker.name])
    circuit = await assert_projection_is_the_fold(backend, breaker.name)
    assert (circuit.state, circuit.epoch) == (CircuitState.CLOSED, epoch)
    assert (circuit.failures, circuit.consecutive_failures) == (0, 0)
    assert breaker.state is CircuitState.CLOSED
    assert breaker.in_flight == 0
    own = breaker.local.own
    assert own is not None
    assert (own.failures, own.consecutive_failures, own.epoch) == (0, 0, epoch)


async def test_cancelled_calls_of_closed_circuits_change_nothing(
    redis_url: str, backend: Backend, namespace: str, callee: Callee
) -> None:
    async with connected(redis_url, namespace) as manager:
        breakers = [manager.get(f"agent-{n}", failing(2)) for n in range(8)]
        # The very first calls: they are cancelled while the circuits are loaded.
        storm = Storm(1)
        for start in range(40):
            loading = [manager.get(f"new-{start}-{n}", failing(2)) for n in range(4)]
            await storm.blow(loading, 50, 3)
            breakers += loading[:1]
        assert storm.inside < storm.ends["all"]
        assert storm.ends["cancelled"] > 100
        for breaker in breakers[:8]:
            await breaker.call(callee.ok)
        tasks = len(asyncio.all_tasks())
        await storm.blow(breakers, 6000, 4)
        assert storm.ends["all"] == 8000
        assert storm.inside > 1000
        assert storm.ends["rejected"] == 0
        await manager.flush()
        await assert_clean(manager, tasks)
        for breaker in breakers:
            assert await attempt(breaker, callee.ok) == "ok"
        await manager.flush()
        abandoned = 0
        for breaker in breakers:
            await assert_untouched(backend, breaker)
            found = await outcomes_of(backend, breaker.name)
            assert {o.result for o in found} <= {Result.SUCCESS, Result.ABANDONED}
            abandoned += sum(o.result is Result.ABANDONED for o in found)
        assert 1000 < abandoned <= storm.inside


@pytest.mark.parametrize("count", [2000, pytest.param(2900, marks=pytest.mark.slow)])
async def test_cancelled_probes_lose_no_place(
    redis_url: str, backend: Backend, namespace: str, callee: Callee, count: int
) -> None:
    limit = 1000  # three times as many probes that say nothing would open it again
    async with connected(redis_url, namespace, budget_seconds=2) as manager:
        config = failing(1, timeout_seconds=0.05, half_open_max_calls=limit)
        breaker = manager.get("a", config)
        await fail_times(breaker, callee, 1)
        await until_state(backend, "a", "half_open")
        await eventually(lambda: breaker.state is CircuitState.HALF_OPEN)
        tasks = len(asyncio.all_tasks())
        storm = Storm(count)
        await storm.blow([breaker], count, 6, 0.3)
        await manager.flush()
        await assert_clean(manager, tasks)
        await until_all_folded(backend, ["a"])
        circuit = await assert_projection_is_the_fold(backend, "a")
        started = [e for _, _, e in await log_of(backend, "a") if isinstance(e, ProbeStarted)]
        # Some were cancelled on their way to a permit that was granted all the same.
        assert len(started) > storm.inside > 0
        assert circuit.state is CircuitState.HALF_OPEN
        assert circuit.probes == {}
        assert circuit.probes_inconclusive == len(started)
        assert await backend.wire.call("ZCARD", backend.keys.agent("a").probes) == 0
        for _ in range(limit // 50):
            ends = await asyncio.gather(*(attempt(breaker, callee.ok) for _ in range(50)))
            assert ends == ["ok"] * 50
        assert await attempt(breaker, callee.ok) == "ok"
        await manager.flush()
        await assert_untouched(backend, breaker, epoch=3)
        probes_of(await log_of(backend, "a"), limit)


async def test_cancelled_probes_of_a_small_round_still_let_it_close(
    redis_url: str, backend: Backend, namespace: str, callee: Callee
) -> None:
    async with connected(redis_url, namespace, budget_seconds=2) as manager:
        breaker = manager.get("a", failing(1, timeout_seconds=0.02, half_open_max_calls=2))
        await fail_times(breaker, callee, 1)
        await eventually(lambda: breaker.state is CircuitState.HALF_OPEN)
        storm = Storm(5)
        await storm.blow([breaker], 600, 8, 0.3)
        assert storm.inside > 0

        async def closed() -> bool:
            await attempt(breaker, callee.ok)
            return breaker.state is CircuitState.CLOSED

        await eventually(closed)
        await manager.flush()
        await until_all_folded(backend, ["a"])
        await assert_projection_is_the_fold(backend, "a")
        probes_of(await log_of(backend, "a"), 2)


async def test_cancelled_connections_of_callers_leave_the_server_none(
    redis_url: str, backend: Backend, namespace: str, callee: Callee
) -> None:
    async def clients() -> int:
        listed = await backend.wire.call("CLIENT", "LIST")
        return listed.decode().count("name=fuseline")

    before = await clients()
    async with connected(redis_url, namespace) as manager:
        breaker = manager.get("a", failing(2))
        await breaker.call(callee.ok)
        await Storm(6).blow([breaker], 500, 4)
        snapshots = [asyncio.create_task(breaker.snapshot()) for _ in range(100)]
        for number, task in enumerate(snapshots):
            if number % 3 == 0:
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.gather(*snapshots, return_exceptions=True)
        assert (await breaker.snapshot()).state is CircuitState.CLOSED
        most = before + len(manager.backend._wires)
        await eventually(lambda: _at_most(clients, most))
    await eventually(lambda: _at_most(clients, before))


async def _at_most(count: Any, limit: int) -> bool:
    return await count() <= limit


# --- clocks ---


async def transitions_under(
    backend: Backend, url: str, agent: str, offset: float, namespace: str
) -> tuple[list[Any], list[Outcome]]:
    """The transitions a worker with a wrong wall clock makes by a fixed sequence."""
    async with actors(1, offset) as (worker,):
        await connect(worker, url, namespace)
        config = {
            "failure_threshold": 3,
            "failure_rate_threshold": None,
            "timeout_seconds": 0.3,
            "timeout_multiplier": 2.0,
            "half_open_max_calls": 2,
        }
        await worker.ask("get", agent=agent, config=config)

        async def play(*plans: str) -> list[str]:
            return await worker.ask("sequence", agent=agent, plans=list(plans))

        assert await play("ok", "x", "x") == ["ok", "failed", "failed"]
        assert await play("ok", "x", "x", "x") == ["ok", "failed", "failed", "failed"]
        assert await play("ok") == ["rejected"]
        await worker.ask("until_state", agent=agent, state="half_open")
        assert await play("ok", "x", "ok") == ["ok", "failed", "rejected"]
        await worker.ask("until_state", agent=agent, state="half_open")
        assert await play("ok", "ok", "ok") == ["ok", "ok", "ok"]
        await worker.ask("flush")
    await until_all_folded(backend, [agent])
    await assert_projection_is_the_fold(backend, agent)
    changes = await transitions_of(backend, agent)
    summary = [
        (c.from_state, c.to_state, c.cause, c.epoch, c.revision, c.figures, c.failure_kind)
        + ((c.open_until_ms - c.at_ms,) if c.to_state is CircuitState.OPEN else ())
        for c in changes
    ]
    return summary, await outcomes_of(backend, agent)


async def test_wrong_clocks_of_workers_change_no_transition(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with projecting(redis_url, namespace):
        expected, _ = await transitions_under(backend, redis_url, "right", 0.0, namespace)
        assert len(expected) == 5
        for offset in (300.0, -300.0):
            found, outcomes = await transitions_under(
                backend, redis_url, f"wrong-{offset:g}", offset, namespace
            )
            assert found == expected
            assert all(outcome.age_ms < 60_000 for outcome in outcomes)


async def test_workers_with_different_clocks_agree(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with actors(1, 300.0) as (early,), actors(1, -300.0) as (late,):
        clocks = [await member.ask("wall_clock") for member in (early, late)]
        assert clocks[0] - clocks[1] > 590
        config = {"failure_threshold": 4, "failure_rate_threshold": None, "timeout_seconds": 0.3}
        for member in (early, late):
            await connect(member, redis_url, namespace)
            await member.ask("get", agent="a", config=config | {"half_open_max_calls": 2})
        for member in (early, late):
            assert await member.ask("sequence", agent="a", plans=["x", "x"]) == ["failed"] * 2
            await member.ask("flush")
        for member in (early, late):
            await member.ask("until_state", agent="a", state="half_open")
            assert await member.ask("sequence", agent="a", plans=["ok"]) == ["ok"]
            await member.ask("flush")
        await until_state(backend, "a", "closed")
        for member in (early, late):
            await member.ask("until_state", agent="a", state="closed")
        opened, half_open, closed = await transitions_of(backend, "a")
        assert half_open.at_ms - opened.at_ms == 300
        assert closed.at_ms >= half_open.at_ms
