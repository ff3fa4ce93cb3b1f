"""What is left of removed agents is trimmed like that of others, and goes in the end."""

import asyncio
import random

import pytest

from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import AgentRemoved
from fuseline.core.retention import Retention
from fuseline.events import agents
from fuseline.events.agents import list_agents, read_agent, register
from fuseline.events.backend import Backend
from fuseline.events.codec import encode_event
from fuseline.events.removed import find_strays, left_registry, list_removed
from fuseline.projections import projector as projectors
from fuseline.projections.diagnosis import diagnose
from fuseline.projections.findings import Finding, Level
from fuseline.projections.projector import Projector
from fuseline.projections.readers import ReaderLease
from fuseline.projections.verify import verify
from tests.archive.support import trim
from tests.cli.support import Ended, environment, run
from tests.logbook import (
    append,
    history_of,
    log_of,
    open_backend,
    outcome,
    projection_of,
    same_shard,
)
from tests.projections.support import projecting, until_folded
from tests.projections.tally_support import fill, fold, lively_log
from tests.waiting import eventually

AGENT = "a"
NEVER = 1e-9  # days; the trimmer keeps nothing that is older


async def remove(backend: Backend, name: str = AGENT) -> None:
    record = await read_agent(backend, name)
    assert record is not None
    await agents.remove(backend, name, revision=record.revision, actor="ada", reason="moved")


async def gone(backend: Backend, url: str, events: int = 300) -> None:
    """An agent with a past that was removed; nobody projects any more."""
    await fill(backend, AGENT, lively_log(random.Random(events), events))
    await register(backend, AGENT, CircuitBreakerConfig(), "ada")
    await remove(backend)
    await fold(backend, url, backend.keys.namespace_name, AGENT)


async def keys_of(backend: Backend, name: str = AGENT) -> list[str]:
    """The keys that an agent has, and the hashes of its shard that name it."""
    agent = backend.keys.agent(name)
    shard = backend.keys.shards[agent.shard]
    found = [key for key in agent[2:] if await backend.wire.call("EXISTS", str(key))]
    hashes = (shard.agents, shard.removed, shard.archive)
    found += [key for key in hashes if await backend.wire.call("HEXISTS", key, name)]
    if await backend.wire.call("SISMEMBER", shard.dirty, name):
        found.append(shard.dirty)
    return [str(key) for key in found]


async def purged(backend: Backend) -> bool:
    return (await trim(backend, AGENT, history_days=NEVER)).removed == [AGENT]


async def removed_names(backend: Backend) -> list[str]:
    return [one.name async for page in list_removed(backend) for one in page]


async def command(backend: Backend, url: str, *words: str) -> Ended:
    """A command over the namespace, its answer as JSON."""
    env = environment(
        REDIS_URL=url,
        FUSELINE_NAMESPACE=backend.keys.namespace_name,
        FUSELINE_SHARDS=str(len(backend.keys.shards)),
    )
    return await asyncio.to_thread(run, *words, "--json", env=env)


async def test_the_log_and_history_of_a_removed_agent_are_trimmed_like_others(
    backend: Backend, redis_url: str
) -> None:
    await gone(backend, redis_url, 4000)
    changes = len(await history_of(backend, AGENT))
    done = await trim(backend, AGENT, outcomes=100)
    assert done.entries > 3500
    assert len(await log_of(backend, AGENT)) <= 102
    async with ReaderLease(backend, backend.keys.agent(AGENT)):  # or nothing would be left
        done = await trim(backend, AGENT, outcomes=100, history_days=NEVER)
    assert (done.changes, done.removed) == (changes - 100, [])
    found = await verify(backend, backend.keys.agent(AGENT))
    assert found.ok, found
    assert found.trimmed > 3500


async def test_in_the_end_all_of_it_goes_and_its_name_too(backend: Backend, redis_url: str) -> None:
    beside = next(n for n in same_shard(backend, 9, backend.keys.shard_of(AGENT)) if n != AGENT)
    await register(backend, beside, CircuitBreakerConfig(), "ada")
    await gone(backend, redis_url)
    await fold(backend, redis_url, backend.keys.namespace_name, beside)
    others = await keys_of(backend, beside)
    assert len(await keys_of(backend)) > 4
    assert (await trim(backend, AGENT, history_days=400)).removed == []
    assert (await trim(backend, AGENT, outcomes=10)).removed == []  # histories stay for ever
    await eventually(lambda: purged(backend))
    assert await keys_of(backend) == []
    assert await keys_of(backend, beside) == others
    # A new one of that name has no past.
    await register(backend, AGENT, CircuitBreakerConfig(), "eve")
    async with projecting(redis_url, backend.keys.namespace_name):
        await append(backend, AGENT, [outcome()])
        await until_folded(backend, AGENT)
    circuit = await projection_of(backend, AGENT)
    assert circuit is not None
    assert (circuit.epoch, circuit.revision, circuit.calls) == (0, 1, 1)
    assert (await verify(backend, backend.keys.agent(AGENT))).ok


async def test_one_that_is_registered_again_is_no_removed_one(
    backend: Backend, redis_url: str
) -> None:
    await gone(backend, redis_url)
    assert await left_registry(backend) == [backend.keys.agent(AGENT)]
    await register(backend, AGENT, CircuitBreakerConfig(), "eve")
    await fold(backend, redis_url, backend.keys.namespace_name, AGENT)
    assert await left_registry(backend) == []
    before = await keys_of(backend)
    # The hash still names it, but the server looks at its last word.
    assert (await trim(backend, AGENT, history_days=NEVER)).removed == []
    assert await removed_names(backend) == []
    shard = backend.keys.shards[backend.keys.shard_of(AGENT)]
    assert await keys_of(backend) == [key for key in before if key != shard.removed]
    # Removed once more, the later removal counts.
    await remove(backend)
    assert await removed_names(backend) == [AGENT]
    assert not await purged(backend)  # not folded
    await fold(backend, redis_url, backend.keys.namespace_name, AGENT)
    await eventually(lambda: purged(backend))


async def test_one_that_is_still_called_stays(backend: Backend, redis_url: str) -> None:
    await gone(backend, redis_url)
    in_a_year = await backend.learn_time() + 400 * 86_400_000
    await fill(backend, AGENT, [(in_a_year, 0, outcome())])
    await fold(backend, redis_url, backend.keys.namespace_name, AGENT)
    before = await keys_of(backend)
    assert (await trim(backend, AGENT, history_days=NEVER)).removed == []
    assert await keys_of(backend) == before


async def test_a_reader_an_archive_and_what_is_not_folded_hold_it(
    backend: Backend, redis_url: str
) -> None:
    await gone(backend, redis_url)
    agent = backend.keys.agent(AGENT)
    shard = backend.keys.shards[agent.shard]
    last = [(await backend.wire.call("XREVRANGE", key, "+", "-", "COUNT", 1))[0][0].decode()
            for key in (agent.events, agent.history)]  # fmt: skip

    async def held() -> bool:
        before = await keys_of(backend)
        done = await trim(backend, AGENT, history_days=NEVER)
        return done.removed == [] and await keys_of(backend) == before

    async with ReaderLease(backend, agent):
        assert await held()
    async with ReaderLease(backend, shard):
        assert await held()
    for position in ("0-0 0-0", f"{last[0]} 0-0", f"0-0 {last[1]}"):
        await backend.wire.call("HSET", shard.archive, ":on", "1", AGENT, position)
        assert await held(), position
    await append(backend, AGENT, [outcome()])
    await backend.wire.call("DEL", shard.archive)
    assert await held()  # one event is not folded
    await fold(backend, redis_url, backend.keys.namespace_name, AGENT)
    end = await backend.wire.call("HGET", agent.circuit, "checkpoint")
    last_change = (await backend.wire.call("XREVRANGE", agent.history, "+", "-", "COUNT", 1))[0][0]
    await backend.wire.call("HSET", shard.archive, ":on", "1", AGENT, end + b" " + last_change)
    await eventually(lambda: purged(backend))
    assert await backend.wire.call("HGETALL", shard.archive) == [b":on", b"1"]


async def test_a_projector_purges_and_folds_a_new_one_from_nothing(
    backend: Backend, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projectors, "TRIM_SECONDS", 0.02)
    await register(backend, AGENT, CircuitBreakerConfig(), "ada")
    async with open_backend(redis_url, backend.keys.namespace_name) as own:
        job = asyncio.create_task(Projector(own, "trims", 200, Retention(history_days=NEVER)).run())
        try:
            for life in range(3):
                await append(backend, AGENT, [outcome()] * 3, first=3 * life + 1)
                await until_folded(backend, AGENT)
                await remove(backend)

                async def nothing_left() -> bool:
                    return await keys_of(backend) == []

                await eventually(nothing_left, 30)
                await register(backend, AGENT, CircuitBreakerConfig(), "ada")
            await until_folded(backend, AGENT)
        finally:
            job.cancel()
            await asyncio.wait([job])
    circuit = await projection_of(backend, AGENT)
    assert circuit is not None
    assert (circuit.epoch, circuit.revision) == (0, 1)
    kinds = [type(change).__name__ for change in await history_of(backend, AGENT)]
    assert kinds == ["ConfigApplied"]
    assert (await verify(backend, backend.keys.agent(AGENT))).ok


async def test_callers_of_an_earlier_build_remove_too_and_that_is_found(
    backend: Backend, redis_url: str
) -> None:
    await register(backend, AGENT, CircuitBreakerConfig(), "ada")
    keys = backend.keys.agent(AGENT)
    shard = backend.keys.shards[keys.shard]
    event = encode_event(AgentRemoved(2, "ada", "moved"))
    names = (shard.agents, keys.events, keys.circuit, shard.dirty, shard.wake)
    assert (await backend.fcall("remove", names, (AGENT, 1, event)))[0] == b"OK"
    await fold(backend, redis_url, backend.keys.namespace_name, AGENT)
    assert await removed_names(backend) == []
    assert [one.name for one in await find_strays(backend)] == [AGENT]
    assert (await about_removed(backend)).level is Level.WARNING
    done = await command(backend, redis_url, "rebuild")
    assert (done.code, done.document["noted_as_removed"]) == (0, [AGENT])
    assert await find_strays(backend) == []
    assert (await about_removed(backend)).level is Level.OK
    control = await backend.wire.call("HGET", keys.circuit, "control")
    assert await backend.wire.call("HGET", shard.removed, AGENT) == control
    await eventually(lambda: purged(backend))


async def about_removed(backend: Backend) -> Finding:
    (found,) = [one async for one in diagnose(backend) if one.check == "removed"]
    return found


async def test_a_foreign_key_in_place_of_the_removed_ones_hinders_nobody(
    backend: Backend, redis_url: str
) -> None:
    shard = backend.keys.shards[backend.keys.shard_of(AGENT)]
    await backend.wire.call("SET", shard.removed, "theirs")
    await gone(backend, redis_url, 50)
    assert await read_agent(backend, AGENT) is None
    await register(backend, AGENT, CircuitBreakerConfig(), "eve")
    await fold(backend, redis_url, backend.keys.namespace_name, AGENT)
    assert [one.name async for page in list_agents(backend) for one in page] == [AGENT]
    assert (await trim(backend, AGENT, outcomes=20)).entries > 20
    levels = [one.level async for one in diagnose(backend) if one.check == "agents"]
    assert levels == [Level.PROBLEM]


async def test_verify_folds_what_is_left_of_removed_agents_too(
    backend: Backend, redis_url: str
) -> None:
    await gone(backend, redis_url)
    found = (await command(backend, redis_url, "verify")).document
    assert [one["agent"] for one in found["agents"]] == [AGENT]
    assert found["ok"]
    await backend.wire.call("HSET", backend.keys.agent(AGENT).circuit, "epoch", "77")
    assert not (await command(backend, redis_url, "verify")).document["ok"]
