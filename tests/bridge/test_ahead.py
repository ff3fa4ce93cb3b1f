"""Workers learn what the log says before a projector has said it."""

import contextlib
from collections.abc import AsyncIterator

import pytest

from fuseline import CircuitBreakerManager, CircuitState
from fuseline.events.backend import Backend
from fuseline.projections.shard import view_of
from tests.bridge.support import Callee, attempt, connected, fail_times
from tests.logbook import (
    assert_projection_is_the_fold,
    failing,
    folded,
    open_backend,
    projection_of,
)
from tests.projections.support import projecting, until_state
from tests.servers import RealServer
from tests.waiting import eventually


@contextlib.asynccontextmanager
async def two_workers(
    backend: Backend, url: str, threshold: int
) -> AsyncIterator[tuple[CircuitBreakerManager, CircuitBreakerManager]]:
    """Both know a closed circuit that is folded to its end, and nobody folds any more."""
    options = {"projector": False}
    namespace = backend.settings.namespace
    async with (
        connected(url, namespace, **options) as one,
        connected(url, namespace, **options) as other,
    ):
        async with projecting(url, namespace):
            for manager in (one, other):
                breaker = manager.get("a", failing(threshold))
                assert await attempt(breaker, Callee().ok) == "ok"
                await manager.flush()
            await eventually(lambda: folded(backend, "a"))
        yield one, other


async def test_another_worker_opens_before_it_is_projected(
    backend: Backend, redis_url: str
) -> None:
    async with two_workers(backend, redis_url, 1) as (one, other):
        breaker = other.get("a")
        await fail_times(one.get("a"), Callee(), 1)
        await eventually(lambda: breaker.state is CircuitState.OPEN)
        assert await attempt(breaker, Callee().ok) == "rejected"
        stored = await projection_of(backend, "a")
        assert stored is not None
        assert stored.state is CircuitState.CLOSED
        view = breaker.local.view
        async with projecting(redis_url, backend.settings.namespace):
            await until_state(backend, "a", "open")
            assert await projection_of(backend, "a") == view == breaker.local.view


async def test_failures_of_both_count_together(backend: Backend, redis_url: str) -> None:
    async with two_workers(backend, redis_url, 4) as managers:
        for manager in managers * 2:
            await fail_times(manager.get("a"), Callee(), 1)
            await manager.flush()
        for manager in managers:
            await eventually(lambda m=manager: m.get("a").state is CircuitState.OPEN)


async def test_what_was_told_before_a_worker_came_does_not_reach_it(
    backend: Backend, redis_url: str
) -> None:
    async with two_workers(backend, redis_url, 1) as (one, other):
        await fail_times(one.get("a"), Callee(), 1)
        await eventually(lambda: other.get("a").state is CircuitState.OPEN)
        async with (
            projecting(redis_url, backend.settings.namespace),
            connected(redis_url, backend.settings.namespace, projector=False) as late,
        ):
            assert await attempt(late.get("a"), Callee().ok) == "rejected"


@pytest.mark.parametrize("when", ["before", "while"])
async def test_where_it_cannot_be_told_the_projection_is_waited_for(
    backend: Backend, redis_url: str, when: str, caplog: pytest.LogCaptureFixture
) -> None:
    namespace = backend.settings.namespace

    async def damage() -> None:
        for shard in backend.keys.shards:
            await backend.wire.call("SET", shard.ahead, "mine")

    def lines() -> list[str]:
        return [record.getMessage() for record in caplog.records if "ahead" in record.getMessage()]

    if when == "before":
        await damage()
    async with (
        projecting(redis_url, namespace),
        connected(redis_url, namespace, projector=False) as one,
        connected(redis_url, namespace, projector=False) as other,
    ):
        for manager in (one, other):
            await attempt(manager.get("a", failing(1)), Callee().ok)
        if when == "while":
            await damage()
        await fail_times(one.get("a"), Callee(), 1)
        await one.flush()
        await eventually(lambda: other.get("a").state is CircuitState.OPEN)
        assert other.available
        await eventually(lambda: lines() == ["ahead_unreadable"] * 2)


async def test_what_was_told_and_then_lost_counts_again_when_it_is_sent_again(
    fresh_server: RealServer,
) -> None:
    async with (
        open_backend(fresh_server.url, "ns") as backend,
        two_workers(backend, fresh_server.url, 1) as managers,
    ):
        breakers = [manager.get("a") for manager in managers]
        await fail_times(breakers[0], Callee(), 1)
        await eventually(lambda: breakers[1].state is CircuitState.OPEN)
        await managers[0].flush()
        await backend.wire.call("FLUSHALL")
        async with projecting(fresh_server.url, "ns"):
            await until_state(backend, "a", "open", 30)
            # Positions may differ: what else is sent again moves the log on and no view.
            stored = view_of(await assert_projection_is_the_fold(backend, "a"))
            for breaker in breakers:
                await eventually(lambda b=breaker: view_of(b.local.view) == stored)
                assert breaker.state is CircuitState.OPEN
