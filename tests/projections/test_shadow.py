"""The shadow of an agent in the projector: told once, whoever is lost, and proved by the log."""

import asyncio
import contextlib
import random

import pytest

from fuseline.core.circuit import CircuitState, ShadowChanged, ShadowTransition
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import AgentNotFoundError
from fuseline.core.events import Entry, ShadowSet
from fuseline.core.fold import initial
from fuseline.core.what_if.shadow import Shadow, fold_shadow
from fuseline.events.agents import override, remove
from fuseline.events.backend import Backend
from fuseline.projections.rebuild import rebuild
from fuseline.projections.shadowing import compared, load_shadow, shadow_document
from fuseline.projections.timeline import Kind, query
from fuseline.projections.verify import verify
from tests.archive.support import trim
from tests.logbook import (
    failing,
    history_of,
    log_of,
    projection_of,
    transitions_of,
)
from tests.projections.support import projecting, registered, until_folded
from tests.projections.tally_support import fill, fold, lively_log
from tests.waiting import eventually

STRICT = {"failure_threshold": 2, "timeout_seconds": 0.3}


def told_by(log: list[Entry]) -> tuple[Shadow | None, list[ShadowTransition]]:
    return fold_shadow(None, initial(), log)


async def told(backend: Backend, agent: str) -> list[ShadowTransition]:
    """What the history says of the shadow."""
    return [one for one in await history_of(backend, agent) if isinstance(one, ShadowTransition)]


async def proved(backend: Backend, agent: str) -> None:
    found = await verify(backend, backend.keys.agent(agent))
    assert found.ok, found


async def test_it_opens_where_the_circuit_does_not_and_callers_see_nothing(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with projecting(redis_url, namespace):
        producer = await registered(backend, "a", CircuitBreakerConfig(failure_threshold=5))
        await producer.succeed(3)
        await override(backend, "a", ShadowSet(STRICT, "ada", "stricter"))
        await producer.fail(2)
        await until_folded(backend, "a")
        # Nobody calls; time alone ends its open time, and the log says that it was seen.
        await eventually(lambda: _has(backend, "a", CircuitState.HALF_OPEN))
        shadow = await load_shadow(backend, "a")
        assert shadow is not None
        assert (shadow.patch, shadow.since.actor, shadow.since.reason) == (
            STRICT,
            "ada",
            "stricter",
        )
        document = shadow_document(shadow, backend.clock.now_ms())
        assert document is not None
        assert (document.state, document.known) == (CircuitState.HALF_OPEN, True)
        await proved(backend, "a")
        circuit = await projection_of(backend, "a")
        assert circuit is not None
        assert (circuit.state, circuit.epoch) == (CircuitState.CLOSED, 0)
        assert await transitions_of(backend, "a") == []
        states = [(one.from_state, one.to_state) for one in await told(backend, "a")]
        assert states == [
            (CircuitState.CLOSED, CircuitState.OPEN),
            (CircuitState.OPEN, CircuitState.HALF_OPEN),
        ]
        found, problem = await compared(backend, "a", shadow)
        assert found is not None, problem
        assert (found.total.openings.recorded, found.total.openings.low) == (0, 1)
        await override(backend, "a", ShadowSet({}, "ada", "seen enough"))
        await until_folded(backend, "a")
        assert await load_shadow(backend, "a") is None
        await proved(backend, "a")
        await producer.fail(2)
        await until_folded(backend, "a")
        assert len(await told(backend, "a")) == 2
        items = await query(backend, "a", kinds={Kind.SHADOW_SET})
        said = [item.content for item in items]
        assert [one.settings for one in said if isinstance(one, ShadowChanged)] == [STRICT, {}]
        with pytest.raises(AgentNotFoundError):
            await override(backend, "nobody", ShadowSet(STRICT))


async def _has(backend: Backend, agent: str, state: CircuitState) -> bool:
    return any(one.to_state is state for one in await told(backend, agent))


async def test_it_ends_with_its_agent(backend: Backend, redis_url: str, namespace: str) -> None:
    async with projecting(redis_url, namespace):
        producer = await registered(backend, "a", failing(5))
        await override(backend, "a", ShadowSet(STRICT))
        await producer.fail(1)
        await until_folded(backend, "a")
        assert await load_shadow(backend, "a") is not None
        await remove(backend, "a", revision=1, actor="me")
        await until_folded(backend, "a")
        assert await load_shadow(backend, "a") is None
        await proved(backend, "a")


def with_shadows(seed: int, count: int = 1200) -> list[Entry]:
    """A log in which shadows are set, replaced and ended."""
    chance = random.Random(seed)
    log = lively_log(chance, count)
    patches: list[dict[str, object]] = [STRICT, {"failure_rate_threshold": 0.2}, {}, STRICT]
    for number, patch in enumerate(patches):
        place = count * (number + 1) // 6
        while log[place][0] - log[place - 1][0] < 2:
            place += 1
        log.insert(place, (log[place - 1][0] + 1, 0, ShadowSet(patch, "ada", f"number {number}")))
    return log


@pytest.mark.parametrize("seed", range(3))
async def test_every_transition_is_told_once_whoever_is_lost(
    backend: Backend, redis_url: str, namespace: str, seed: int
) -> None:
    chance = random.Random(seed)
    log = with_shadows(seed)
    start = 0
    while start < len(log):
        async with contextlib.AsyncExitStack() as stack:
            for owner in ("one", "two")[: chance.randint(1, 2)]:
                await stack.enter_async_context(projecting(redis_url, namespace, owner))
            for _ in range(chance.randint(1, 3)):
                end = start + chance.randint(1, 200)
                await fill(backend, "a", log[start:end])
                start = end
                for _ in range(chance.randint(0, 4)):  # and then whoever folds is gone
                    await asyncio.sleep(0)
    await fold(backend, redis_url, namespace, "a")
    shadow, expected = told_by(await log_of(backend, "a"))
    found = await told(backend, "a")
    assert found == expected
    assert len(found) > 20
    stored = await load_shadow(backend, "a")
    assert stored is not None
    assert shadow is not None
    assert stored.circuits == shadow.circuits
    await proved(backend, "a")
    items = await query(backend, "a", kinds={Kind.SHADOW, Kind.TRANSITION}, limit=10_000)
    assert [item.position for item in items] == sorted(item.position for item in items)


async def test_it_goes_on_over_trimmed_entries_and_is_rebuilt(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    log = with_shadows(7)
    half = 900
    await fill(backend, "a", log[:half])
    shard = backend.keys.shards[backend.keys.shard_of("a")]
    await backend.wire.call("HSET", shard.agents, "a", b"1 \x91\x90")
    await fold(backend, redis_url, namespace, "a")
    for kept in (700, 300, 40):
        await trim(backend, "a", outcomes=kept)
        await proved(backend, "a")
    await fill(backend, "a", log[half:])
    await fold(backend, redis_url, namespace, "a")
    shadow, expected = told_by([*log[:half], *(await log_of(backend, "a"))])
    assert await told(backend, "a") == expected
    await proved(backend, "a")
    agent = backend.keys.agent("a")
    raw = await backend.wire.call("HGET", agent.circuit, "shadow")
    await backend.wire.call("HSET", agent.circuit, "shadow", b"")
    assert not (await verify(backend, agent)).ok
    keys = backend.keys.shards[agent.shard]
    (rebuilt,) = await rebuild(backend, keys, [agent], owner="me", reason="it was damaged")
    assert not rebuilt.problem
    await proved(backend, "a")
    assert await backend.wire.call("HGET", agent.circuit, "shadow") == raw
    stored = await load_shadow(backend, "a")
    assert stored is not None
    assert shadow is not None
    assert stored.circuits == shadow.circuits
    assert await told(backend, "a") == expected
    assert (await projection_of(backend, "a")) is not None
