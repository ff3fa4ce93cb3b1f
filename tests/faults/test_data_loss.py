"""The server loses its data, its memory or its functions: callers go on, and the log heals."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fuseline import CircuitBreakerManager, CircuitState
from fuseline.bridge import outbox
from fuseline.core.circuit import Rebuilt
from fuseline.core.events import Result
from fuseline.events.agents import read_agent
from fuseline.events.backend import Backend
from tests.bridge.support import Callee, attempt, connected, fail_times
from tests.faults.support import Count, assert_verified, until_all_folded
from tests.logbook import (
    failing,
    history_of,
    log_of,
    open_backend,
    outcomes_of,
    projection_of,
    same_shard,
)
from tests.projections.support import projecting
from tests.servers import RealServer
from tests.waiting import eventually

NAMESPACE = "ns"
AGENTS = ["a", "b", "c", "d", "e"]


class Load:
    """Callers that call until they are stopped, and what they met."""

    def __init__(self, manager: CircuitBreakerManager, callee: Callee, seed: int = 1) -> None:
        self.manager = manager
        self.callee = callee
        self.rng = random.Random(seed)
        self.errors: list[BaseException] = []
        self.calls = 0
        self.longest = 0.0
        self.stopping = False

    async def run(self) -> None:
        breakers = [self.manager.get(agent, failing(None)) for agent in AGENTS]
        while not self.stopping:
            plan = self.callee.fail if self.rng.random() < 0.3 else self.callee.ok
            began = time.monotonic()
            try:
                end = await attempt(self.rng.choice(breakers), plan)
                assert end in ("ok", "failed"), end
            except Exception as error:  # noqa: BLE001 - the test looks at all of them
                self.errors.append(error)
            self.longest = max(self.longest, time.monotonic() - began)
            self.calls += 1
            if self.calls % 5 == 0:
                await asyncio.sleep(0.001)

    async def more(self, count: int) -> None:
        """Until that many further calls were made."""
        goal = self.calls + count
        await eventually(lambda: self.calls >= goal, 60)


@contextlib.asynccontextmanager
async def under_load(
    url: str, callee: Callee, **options: Any
) -> AsyncIterator[tuple[CircuitBreakerManager, Load]]:
    """A manager whose callers go on while the body runs; ends with everything flushed."""
    async with connected(url, NAMESPACE, **options) as manager:
        load = Load(manager, callee)
        task = asyncio.create_task(load.run())
        try:
            await load.more(500)
            yield manager, load
        finally:
            load.stopping = True
            await task


async def finish(manager: CircuitBreakerManager, load: Load, url: str) -> int:
    """Stops the load; everything is in the log, once, and folded. Returns how much."""
    load.stopping = True
    await manager.flush(20)
    assert load.errors == []
    assert manager.outcomes_dropped == 0
    async with open_backend(url, NAMESPACE) as backend:
        await until_all_folded(backend, AGENTS, 60)
        count = await Count.of(backend, AGENTS)
        count.assert_none_twice_by_identity()
        assert await assert_verified(backend, AGENTS) == count.identities.total()
        for agent in AGENTS:
            assert await read_agent(backend, agent) is not None
        return count.identities.total()


async def flushed_twice(manager: CircuitBreakerManager, load: Load) -> None:
    """Outcomes of before and of a while ago are acknowledged."""
    await load.more(100)
    await manager.flush(20)


async def test_flushall_under_load_brings_the_kept_outcomes_again(
    fresh_server: RealServer, callee: Callee, caplog: pytest.LogCaptureFixture
) -> None:
    async with under_load(fresh_server.url, callee) as (manager, load):
        await manager.flush()
        async with open_backend(fresh_server.url, NAMESPACE) as backend:
            old = backend.incarnation
            before = sum([len(await log_of(backend, agent)) for agent in AGENTS])
            assert before > 400
            await backend.wire.call("FLUSHALL")
            at = load.calls
            await load.more(300)
            await flushed_twice(manager, load)
            await eventually(lambda: _all_registered(backend))
            await backend.check_namespace()
            assert backend.incarnation != old
        total = await finish(manager, load, fresh_server.url)
        assert load.calls > at
        # All of this run fits the kept window, so all of it is there again.
        assert total == load.calls
        await eventually(lambda: {"log_went_back", "feed_went_back"} <= _said(caplog))


def _said(caplog: pytest.LogCaptureFixture) -> set[str]:
    return {record.getMessage() for record in caplog.records}


async def _all_registered(backend: Backend) -> bool:
    return all([await read_agent(backend, agent) is not None for agent in AGENTS])


async def test_flushall_beyond_the_kept_window_counts_what_is_lost(
    fresh_server: RealServer, callee: Callee, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "KEEP_SECONDS", 0.2)
    async with under_load(fresh_server.url, callee) as (manager, load):
        began = time.monotonic()
        while time.monotonic() - began < 1:
            await load.more(50)
        async with open_backend(fresh_server.url, NAMESPACE) as backend:
            await backend.wire.call("FLUSHALL")
            await flushed_twice(manager, load)
            await eventually(lambda: _all_registered(backend))
            load.stopping = True
            await manager.flush(20)
            await until_all_folded(backend, AGENTS, 60)
            total = await assert_verified(backend, AGENTS)
        assert load.errors == []
        assert manager.outcomes_dropped > 0
        assert total + manager.outcomes_dropped == load.calls


async def test_an_open_circuit_outlives_flushall_without_new_calls(
    fresh_server: RealServer, callee: Callee
) -> None:
    async with connected(fresh_server.url, NAMESPACE) as manager:
        breaker = manager.get("a", failing(3))
        await breaker.call(callee.ok)
        await fail_times(breaker, callee, 3)
        async with open_backend(fresh_server.url, NAMESPACE) as backend:
            await eventually(lambda: _in_state(backend, "a", CircuitState.OPEN))
            await eventually(lambda: breaker.local.view.state is CircuitState.OPEN)
            await backend.wire.call("FLUSHALL")
            began = time.monotonic()
            calls = callee.calls
            # Rejected calls make no outcome; the log must be brought back nevertheless.
            while not await _in_state(backend, "a", CircuitState.OPEN):
                assert time.monotonic() - began < 10
                await attempt(breaker, callee.ok)
                await asyncio.sleep(0.01)
            assert len(await outcomes_of(backend, "a")) >= 4
            assert callee.calls - calls == 0
            await until_all_folded(backend, ["a"])
            await assert_verified(backend, ["a"])


async def _in_state(backend: Backend, agent: str, state: CircuitState) -> bool:
    circuit = await projection_of(backend, agent)
    return circuit is not None and circuit.state is state


async def test_a_full_server_refuses_and_callers_do_not_notice(
    fresh_server: RealServer, callee: Callee
) -> None:
    async with under_load(fresh_server.url, callee) as (manager, load):
        await manager.flush()
        async with open_backend(fresh_server.url, NAMESPACE) as backend:
            await backend.wire.call("CONFIG", "SET", "maxmemory-policy", "noeviction")
            await backend.wire.call("CONFIG", "SET", "maxmemory", 1)
            (refused,) = await backend.wire.call_many([("SET", "x", "y")])
            assert "maxmemory" in str(refused)
            await eventually(lambda: manager.recorder.depth > 200)
            before = sum([len(await outcomes_of(backend, agent)) for agent in AGENTS])
            await load.more(500)
            after = sum([len(await outcomes_of(backend, agent)) for agent in AGENTS])
            assert before == after
            await backend.wire.call("CONFIG", "SET", "maxmemory", 0)
        await flushed_twice(manager, load)
        assert await finish(manager, load, fresh_server.url) == load.calls
        assert load.longest < 1.0


async def test_a_server_that_comes_back_empty(callee: Callee) -> None:
    with RealServer(appendonly=False) as server:
        async with under_load(server.url, callee) as (manager, load):
            await manager.flush()
            server.kill()
            await load.more(300)
            await asyncio.to_thread(server.start)
            async with open_backend(server.url, NAMESPACE) as backend:
                await flushed_twice(manager, load)
                await eventually(lambda: _all_registered(backend))
            assert await finish(manager, load, server.url) == load.calls
            assert load.longest < 1.0


async def test_the_functions_vanish_in_mid_flight(fresh_server: RealServer, callee: Callee) -> None:
    async with under_load(fresh_server.url, callee) as (manager, load):
        async with open_backend(fresh_server.url, NAMESPACE) as backend:
            for _ in range(10):
                await backend.wire.call("FUNCTION", "FLUSH")
                await flushed_twice(manager, load)
                assert await backend.wire.call("FUNCTION", "LIST")  # loaded again
        assert await finish(manager, load, fresh_server.url) == load.calls


async def test_a_log_that_loses_its_end_is_folded_anew(
    fresh_server: RealServer, callee: Callee
) -> None:
    """What a failover to a lagging replica leaves: events that were folded are gone."""
    async with (
        projecting(fresh_server.url, NAMESPACE),
        connected(fresh_server.url, NAMESPACE, projector=False) as manager,
        open_backend(fresh_server.url, NAMESPACE) as backend,
    ):
        (agent,) = same_shard(backend, 1)
        keys = backend.keys.agent(agent)
        shard = backend.keys.shards[keys.shard]
        breaker = manager.get(agent, failing(None))
        for _ in range(20):
            await breaker.call(callee.ok)
        await manager.flush()
        await until_all_folded(backend, [agent])
        dump, producers = await backend.wire.call_many(
            [("DUMP", keys.events), ("HGETALL", shard.producers)]
        )
        await fail_times(breaker, callee, 30)
        await manager.flush()
        await until_all_folded(backend, [agent])
        await backend.wire.call_many(
            [
                ("MULTI",),
                ("RESTORE", keys.events, 0, dump, "REPLACE"),
                ("DEL", shard.producers),
                ("HSET", shard.producers, *producers),
                ("EXEC",),
            ]
        )
        assert len(await outcomes_of(backend, agent)) == 20
        await attempt(breaker, callee.ok)  # this one meets the gap
        await manager.flush()
        outcomes = await outcomes_of(backend, agent)
        assert len(outcomes) == 51
        assert sum(o.result is Result.FAILURE for o in outcomes) == 30
        await until_all_folded(backend, [agent])
        await assert_verified(backend, [agent])
        assert any(isinstance(change, Rebuilt) for change in await history_of(backend, agent))
        circuit = await projection_of(backend, agent)
        assert circuit is not None
        assert (circuit.calls, circuit.failures) == (51, 30)
