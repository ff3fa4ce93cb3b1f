"""A network that cuts connections or goes silent: outcomes come once each, callers don't wait."""

import asyncio
import random
import time

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from fuseline import CircuitState
from fuseline.core.events import Result
from fuseline.core.fold import fold, initial
from fuseline.events.backend import Backend
from fuseline.projections.codec import encode_circuit
from tests.bridge.support import Callee, attempt, connected
from tests.faults.proxy import CUTS, proxied
from tests.faults.support import Count, assert_verified, until_all_folded
from tests.logbook import failing, folded, log_of, outcomes_of, projection_of
from tests.projections.support import projecting
from tests.servers import RealServer
from tests.waiting import eventually

OUTCOMES = 4000
AGENTS = ["a", "b", "c"]


async def call_all(manager, callee: Callee, seed: int) -> None:
    """OUTCOMES calls with pauses, so that they leave in a few hundred batches."""
    rng = random.Random(seed)
    breakers = [manager.get(agent, failing(None)) for agent in AGENTS]
    for number in range(OUTCOMES):
        plan = callee.fail if rng.random() < 0.3 else callee.ok
        end = await attempt(rng.choice(breakers), plan)
        assert end in ("ok", "failed"), end  # no caller sees Redis
        if number % 6 == 0:
            await asyncio.sleep(0.001)


async def numbers_once(backend: Backend) -> int:
    """The outcomes in the log, each of them there once."""
    count = await Count.of(backend, AGENTS)
    count.assert_none_twice_by_identity()
    by_shard: dict[int, list[int]] = {}
    for shard, _, seq in count.identities:
        by_shard.setdefault(shard, []).append(seq)
    for numbers in by_shard.values():
        assert sorted(numbers) == list(range(1, len(numbers) + 1))
    return count.identities.total()


@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
async def test_cut_connections_lose_and_double_nothing(
    server: RealServer, backend: Backend, namespace: str, callee: Callee, seed: int
) -> None:
    async with (
        projecting(server.url, namespace),
        proxied(server.socket, seed) as proxy,
        connected(proxy.url, namespace, projector=False) as manager,
    ):
        proxy.share = 0.05
        await call_all(manager, callee, seed)
        assert callee.calls == OUTCOMES
        await manager.flush(30)
        proxy.share = 0.0
        cuts = dict(proxy.cuts)
        assert sum(cuts.values()) >= 10
        assert set(cuts) == set(CUTS)
        assert await numbers_once(backend) == OUTCOMES
        assert manager.outcomes_dropped == 0
        await until_all_folded(backend, AGENTS)
        assert await assert_verified(backend, AGENTS) == OUTCOMES


async def test_the_same_network_doubles_or_loses_plain_writes(
    server: RealServer, namespace: str
) -> None:
    """The negative control: XADD, sent again after each error."""
    async with proxied(server.socket, 3, 0.05) as proxy:
        client = Redis.from_url(proxy.url, retry=Retry(NoBackoff(), 0))
        for number in range(400):
            while True:
                try:
                    await client.xadd(f"{namespace}:plain", {"n": number})
                    break
                except (RedisError, OSError):
                    continue
        proxy.share = 0.0
        entries = await client.xrange(f"{namespace}:plain")
        await client.aclose()
        assert sum(proxy.cuts.values()) > 10
        assert len(entries) > len({fields[b"n"] for _, fields in entries})


async def test_projectors_behind_a_cutting_network_fold_each_event_once(
    server: RealServer, backend: Backend, namespace: str, callee: Callee
) -> None:
    async with (
        proxied(server.socket, 4) as proxy,
        connected(server.url, namespace, projector=False) as manager,
    ):
        async with projecting(proxy.url, namespace, "one"), projecting(proxy.url, namespace, "two"):
            proxy.share = 0.05
            config = failing(3, timeout_seconds=0.02, half_open_max_calls=1)
            breaker = manager.get("a", config)
            rng = random.Random(4)
            for number in range(800):
                await attempt(breaker, callee.fail if rng.random() < 0.4 else callee.ok)
                if number % 5 == 0:
                    await asyncio.sleep(0.001)
            await manager.flush(15)
            proxy.share = 0.0
            assert sum(proxy.cuts.values()) > 5
            await eventually(lambda: _settled(backend, "a"), 60)
        circuit, _ = fold(initial(), await log_of(backend, "a"))
        stored = await projection_of(backend, "a")
        assert stored is not None
        assert encode_circuit(stored) == encode_circuit(circuit)
        assert circuit.epoch > 2
        await assert_verified(backend, ["a"])


async def _settled(backend: Backend, agent: str) -> bool:
    """Nothing more will happen by itself."""
    circuit = await projection_of(backend, agent)
    return (
        circuit is not None
        and circuit.state is not CircuitState.OPEN
        and await folded(backend, agent)
    )


async def test_a_network_gone_silent_delays_no_call(
    server: RealServer, backend: Backend, namespace: str, callee: Callee
) -> None:
    async with (
        projecting(server.url, namespace),
        proxied(server.socket) as proxy,
        connected(proxy.url, namespace, projector=False) as manager,
    ):
        breaker = manager.get("a", failing(None))
        await breaker.call(callee.ok)
        await manager.flush()
        proxy.stop()
        latencies = []
        deadline = time.monotonic() + 10
        # Until the silence has been noticed, and then some more.
        more = 200
        while more:
            assert time.monotonic() < deadline
            plan = callee.fail if callee.calls % 3 else callee.ok
            began = time.perf_counter()
            assert await attempt(breaker, plan) in ("ok", "failed")
            latencies.append(time.perf_counter() - began)
            more -= not manager.available
            await asyncio.sleep(0.002)
        assert proxy.swallowed > 0
        latencies.sort()
        assert latencies[len(latencies) // 2] < 0.001
        assert latencies[len(latencies) * 99 // 100] < 0.05
        assert len(await outcomes_of(backend, "a")) == 1
        proxy.heal()
        await manager.flush(15)
        outcomes = await outcomes_of(backend, "a")
        assert len(outcomes) == callee.calls == len(latencies) + 1
        assert len({outcome.seq for outcome in outcomes}) == len(outcomes)
        # They say how long ago they ended, not when they arrived.
        assert max(o.age_ms for o in outcomes) > 1000
        assert sum(o.result is Result.FAILURE for o in outcomes) > 0
        await eventually(lambda: manager.available)
        await until_all_folded(backend, ["a"])
        await assert_verified(backend, ["a"])
