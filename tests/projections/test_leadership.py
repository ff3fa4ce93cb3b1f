"""Several projectors: one commits, the others wait, and nobody's word counts twice."""

import asyncio
import contextlib
import random
import signal
import time

import pytest

from fuseline.core.circuit import Circuit
from fuseline.core.events import Result
from fuseline.core.fold import fold, initial
from fuseline.events.backend import Backend
from fuseline.projections.leases import RENEW_SECONDS
from fuseline.projections.store import Commit, commit_call
from tests.logbook import (
    append,
    assert_projection_is_the_fold,
    failing,
    feed_of,
    history_of,
    log_of,
    open_backend,
    outcome,
    projection_of,
    same_shard,
)
from tests.members import members
from tests.projections.support import projecting, registered, until_folded, until_state
from tests.servers import RealServer
from tests.waiting import eventually

HANDOVER_SECONDS = 3.0


async def take_lease(backend: Backend, shard: int, owner: str, ttl_ms: int = 5000) -> int:
    """Takes a shard's lease from whoever has it; returns the token."""
    keys = backend.keys.shards[shard]
    return await backend.fcall("lease", (keys.lease, keys.fence), (owner, ttl_ms, 0, 1))


async def try_lease(backend: Backend, shard: int, owner: str, token: int = 0) -> int:
    keys = backend.keys.shards[shard]
    return await backend.fcall("lease", (keys.lease, keys.fence), (owner, 5000, token, 0))


# --- leases ---


async def test_a_lease_is_held_by_one_and_its_token_grows_with_each_owner(
    backend: Backend,
) -> None:
    first = await try_lease(backend, 0, "one")
    assert first == 1
    assert await try_lease(backend, 0, "two") == 0
    assert await try_lease(backend, 0, "one", first) == first
    second = await take_lease(backend, 0, "two")
    assert second == 2
    assert await try_lease(backend, 0, "one", first) == 0
    lease = (backend.keys.shards[0].lease,)
    assert await backend.fcall("release", lease, (first,)) == 0
    assert await backend.fcall("release", lease, (second,)) == 1
    assert await try_lease(backend, 0, "one") == 3


async def test_a_lease_that_is_not_renewed_ends(backend: Backend) -> None:
    await take_lease(backend, 0, "one", ttl_ms=50)
    assert await eventually(lambda: try_lease(backend, 0, "two")) == 2


async def test_shards_are_shared_out_once_each(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with (
        projecting(redis_url, namespace, "one") as one,
        projecting(redis_url, namespace, "two") as two,
    ):
        await eventually(lambda: sorted(one.shards + two.shards) == [0, 1, 2, 3])


# --- commits ---


async def committed(backend: Backend, token: int, shard: int, *commits: Commit) -> list[object]:
    return await backend.fcall(*commit_call(backend.keys.shards[shard], token, commits))


def commit_of(backend: Backend, agent: str, base: str, circuit: Circuit) -> Commit:
    return Commit(backend.keys.agent(agent), base, circuit, [], view_changed=True)


async def folded_log(backend: Backend, agent: str) -> Circuit:
    return fold(initial(), await log_of(backend, agent))[0]


async def test_a_commit_counts_only_on_top_of_what_is_stored(backend: Backend) -> None:
    token = await take_lease(backend, 0, "me")
    a, b = same_shard(backend, 2)
    await append(backend, a, [outcome()], producer=1, name="x")
    await append(backend, b, [outcome()], producer=2, name="y")
    one, two = await folded_log(backend, a), await folded_log(backend, b)
    assert await committed(backend, token, 0, commit_of(backend, a, "", one)) == [b"OK"]
    await append(backend, a, [outcome()], producer=1, first=2, name="x")
    further = await folded_log(backend, a)
    for base in ("", "1-1", further.checkpoint):
        reply = await committed(
            backend, token, 0, commit_of(backend, a, base, further), commit_of(backend, b, "", two)
        )
        assert reply[1:3] == [1, b"CONFLICT"]
        stored = await projection_of(backend, a)
        assert stored is not None
        assert stored.checkpoint == one.checkpoint
    assert (await projection_of(backend, b)) is not None  # the other one was committed, once
    assert len(await feed_of(backend, b)) == 1
    reply = await committed(backend, token, 0, commit_of(backend, a, one.checkpoint, further))
    assert reply == [b"OK"]


async def test_a_commit_under_a_stale_token_writes_nothing(backend: Backend) -> None:
    stale = await take_lease(backend, 0, "paused")
    (a,) = same_shard(backend, 1)
    await append(backend, a, [outcome()])
    commit = commit_of(backend, a, "", await folded_log(backend, a))
    fresh = await take_lease(backend, 0, "new")
    assert await committed(backend, stale, 0, commit) == [b"FENCED"]
    await backend.wire.call("DEL", backend.keys.shards[0].lease)  # as if the clock had jumped
    assert await committed(backend, stale, 0, commit) == [b"FENCED"]
    assert await committed(backend, fresh, 0, commit) == [b"FENCED"]
    assert await projection_of(backend, a) is None
    assert await feed_of(backend, a) == []
    assert await committed(backend, await take_lease(backend, 0, "new"), 0, commit) == [b"OK"]


async def test_a_tick_under_a_stale_token_writes_nothing(backend: Backend) -> None:
    stale = await take_lease(backend, 0, "paused")
    await take_lease(backend, 0, "new")
    keys = backend.keys.shards[0]
    (a,) = same_shard(backend, 1)
    events = backend.keys.agent(a).events
    reply = await backend.fcall(
        "tick", (keys.lease, keys.dirty, keys.wake, events), (stale, b"\x91\x05", a, 0)
    )
    assert reply == [b"FENCED"]
    assert await log_of(backend, a) == []


async def test_a_leader_whose_lease_was_taken_stops_and_comes_back(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    (a,) = same_shard(backend, 1)
    async with projecting(redis_url, namespace) as projector:
        await eventually(lambda: len(projector.shards) == 4)
        producer = await registered(backend, a, failing(50))
        await until_folded(backend, a)
        await take_lease(backend, 0, "thief", ttl_ms=800)
        await producer.fail(5)
        await eventually(lambda: 0 not in projector.shards, 2)
        await until_folded(backend, a, timeout_seconds=4)
        assert 0 in projector.shards
        await assert_projection_is_the_fold(backend, a)


@pytest.mark.parametrize("seed", range(2))
async def test_projectors_that_fight_write_each_transition_once(
    backend: Backend, redis_url: str, namespace: str, seed: int
) -> None:
    rng = random.Random(seed)
    agents = same_shard(backend, 4)
    producers = [
        await registered(backend, agent, failing(2, timeout_seconds=0.03, half_open_max_calls=1), n)
        for n, agent in enumerate(agents, 1)
    ]
    stolen = 0
    done = asyncio.Event()

    async def steal() -> None:
        nonlocal stolen
        while not done.is_set():
            # For a random time, so that either of the two may be the next to ask for it.
            await take_lease(backend, 0, "thief", ttl_ms=rng.randrange(1, 500))
            stolen += 1
            await asyncio.sleep(0.2 + rng.random() * 0.8)

    async with contextlib.AsyncExitStack() as stack:
        one = await stack.enter_async_context(projecting(redis_url, namespace, "one"))
        # Out of step, or the first would always be the first to ask for a free lease.
        await asyncio.sleep(RENEW_SECONDS / 2)
        two = await stack.enter_async_context(projecting(redis_url, namespace, "two"))
        thief = asyncio.create_task(steal())
        leaders = set()
        began = time.monotonic()
        while time.monotonic() < began + (4 if leaders == {"one", "two"} else 30):
            producer = rng.choice(producers)
            circuit = await projection_of(backend, producer.agent)
            epoch = circuit.epoch if circuit else 0
            await producer.send(
                *rng.choices([Result.SUCCESS, Result.FAILURE], k=rng.randrange(1, 6)), epoch=epoch
            )
            leaders |= {name for name, p in (("one", one), ("two", two)) if 0 in p.shards}
            await asyncio.sleep(0.005)
        done.set()
        await thief
        await eventually(lambda: all_half_open_or_closed(backend, agents))
        await until_folded(backend, *agents)
    assert stolen > 3
    assert leaders == {"one", "two"}
    for agent in agents:
        circuit = await assert_projection_is_the_fold(backend, agent)
        assert circuit.epoch > 0
        feed = await feed_of(backend, agent)
        positions = [(view.last_ms, view.last_seq) for view in feed]
        assert positions == sorted(set(positions))
        assert feed[-1].epoch == circuit.epoch


async def all_half_open_or_closed(backend: Backend, agents: list[str]) -> bool:
    states = [await projection_of(backend, agent) for agent in agents]
    return all(state is not None and state.state.value != "open" for state in states)


# --- processes ---


async def test_a_killed_leader_is_replaced_within_three_seconds(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with members(2) as (leader, heir):
        await leader.ask("project", url=redis_url, namespace=namespace)
        await eventually(lambda: holds_all(leader))
        await heir.ask("project", url=redis_url, namespace=namespace)
        producer = await registered(backend, "a", failing(3))
        await producer.fail(2)
        await until_folded(backend, "a")
        assert await heir.ask("shards") == []
        await leader.kill()
        killed = time.monotonic()
        await producer.fail(1)
        await until_state(backend, "a", "open")
        assert time.monotonic() - killed < HANDOVER_SECONDS
        await eventually(lambda: holds_all(heir))
        await assert_projection_is_the_fold(backend, "a")


async def holds_all(member) -> bool:
    return await member.ask("shards") == [0, 1, 2, 3]


async def test_a_paused_leader_that_wakes_up_changes_nothing(
    fresh_server: RealServer,
) -> None:
    async with open_backend(fresh_server.url, "ns") as backend, members(2) as (leader, heir):
        await leader.ask("project", url=fresh_server.url, namespace="ns")
        await eventually(lambda: holds_all(leader))
        await heir.ask("project", url=fresh_server.url, namespace="ns")
        producer = await registered(backend, "a", failing(3, timeout_seconds=0.2))
        await until_folded(backend, "a")
        leader.signal(signal.SIGSTOP)
        await producer.fail(3)  # the paused leader has been woken for these
        await eventually(lambda: holds_all(heir), 5)
        await until_state(backend, "a", "half_open")
        leader.signal(signal.SIGCONT)
        await eventually(lambda: holds_none(leader), 5)
        await producer.succeed(1)
        await until_folded(backend, "a")
        await assert_projection_is_the_fold(backend, "a")
        assert len(await history_of(backend, "a")) == 3  # config, open, half open


async def holds_none(member) -> bool:
    return await member.ask("shards") == []


async def test_a_projector_that_ends_hands_over_at_once(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with projecting(redis_url, namespace, "heir") as heir:
        await eventually(lambda: len(heir.shards) == 4)
        async with projecting(redis_url, namespace, "other"):
            pass
        assert len(heir.shards) == 4
    async with projecting(redis_url, namespace, "next") as following:
        began = time.monotonic()
        await eventually(lambda: len(following.shards) == 4)
        assert time.monotonic() - began < 1.0
