"""The function `append`: every outcome once, in order, whatever is sent again."""

from collections.abc import AsyncIterator
from itertools import count

import pytest
from redis.exceptions import ResponseError

from fuseline.core.events import Result
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from tests.logbook import (
    append,
    append_many,
    failure,
    log_of,
    open_backend,
    outcome,
    outcomes_of,
    same_shard,
)
from tests.servers import RealServer


@pytest.fixture
async def backend(any_server: RealServer, namespace: str) -> AsyncIterator[Backend]:
    async with open_backend(any_server.url, namespace) as opened:
        yield opened


def some(n: int, first: int = 1) -> list:
    return [outcome(worker=1, seq=first + i, duration_ms=i) for i in range(n)]


async def seqs(backend: Backend, agent: str) -> list[int]:
    return [event.seq for event in await outcomes_of(backend, agent)]


async def test_outcomes_stand_in_the_log_in_order(backend: Backend) -> None:
    reply = await append(backend, "a", some(100))
    assert reply[:2] == [b"OK", 100]
    assert await seqs(backend, "a") == list(range(1, 101))
    log = await log_of(backend, "a")
    assert parse_id(reply[3]) == log[-1][:2]
    assert abs(reply[2] - log[-1][0]) < 1000


async def test_a_batch_that_is_sent_again_is_not_written_again(backend: Backend) -> None:
    first = await append(backend, "a", some(10))
    for _ in range(3):
        again = await append(backend, "a", some(10), delay=500)
        assert again[:2] == [b"OK", 10]
        assert again[3] == first[3]  # the id of its last outcome, as the first time
    assert await seqs(backend, "a") == list(range(1, 11))


async def test_a_gap_is_refused_with_the_number_that_is_known(backend: Backend) -> None:
    assert await append(backend, "a", some(3, 5), first=5) == [b"GAP", 0]
    await append(backend, "a", some(10))
    assert await append(backend, "a", some(3, 12), first=12) == [b"GAP", 10]
    assert await seqs(backend, "a") == list(range(1, 11))
    reply = await append(backend, "a", some(3, 11), first=11)
    assert reply[:2] == [b"OK", 13]


async def test_only_the_unknown_part_of_an_overlapping_batch_is_written(backend: Backend) -> None:
    await append(backend, "a", some(10))
    reply = await append(backend, "a", some(10, 6), first=6)
    assert reply[:2] == [b"OK", 15]
    assert await seqs(backend, "a") == list(range(1, 16))


async def test_an_overlap_may_end_inside_any_of_several_agents(backend: Backend) -> None:
    a, b, c = same_shard(backend, 3)
    numbers = count(1)
    batches = [(name, [outcome(seq=next(numbers)) for _ in range(4)]) for name in (a, b, c)]
    for known in range(13):
        producer = 100 + known
        flat = [(name, event) for name, events in batches for event in events]
        for name, event in flat[:known]:
            await append(backend, name, [event], first=event.seq, producer=producer)
        before = {name: len(await outcomes_of(backend, name)) for name in (a, b, c)}
        reply = await append_many(backend, batches, producer=producer)
        assert reply[:2] == [b"OK", 12]
        written = {name: len(await outcomes_of(backend, name)) - before[name] for name in before}
        expected = {name: sum(e.seq > known for e in events) for name, events in batches}
        assert written == expected


async def test_agents_of_one_batch_get_their_own_outcomes(backend: Backend) -> None:
    a, b = same_shard(backend, 2)
    reply = await append_many(backend, [(a, some(3)), (b, some(2, 4))])
    assert reply[:2] == [b"OK", 5]
    assert await seqs(backend, a) == [1, 2, 3]
    assert await seqs(backend, b) == [4, 5]
    assert [parse_id(raw) for raw in reply[3:]] == [
        (await log_of(backend, name))[-1][:2] for name in (a, b)
    ]


async def test_another_producer_under_the_same_number_is_refused(backend: Backend) -> None:
    await append(backend, "a", some(2), name="first")
    assert await append(backend, "a", some(2), name="second") == [b"TAKEN"]
    assert await append(backend, "a", some(2, 3), first=3, name="second") == [b"TAKEN"]
    assert len(await outcomes_of(backend, "a")) == 2
    assert (await append(backend, "a", some(1, 3), first=3, name="first"))[:2] == [b"OK", 3]


async def test_an_earlier_incarnation_is_refused_once_a_later_one_has_written(
    backend: Backend,
) -> None:
    await append(backend, "a", some(5), incarnation=1)
    assert (await append(backend, "a", some(2), incarnation=2))[:2] == [b"OK", 2]
    assert await append(backend, "a", some(1, 6), first=6, incarnation=1) == [b"STALE"]
    assert await append(backend, "a", some(5), incarnation=1) == [b"STALE"]
    assert len(await outcomes_of(backend, "a")) == 7


async def test_producers_are_counted_apart(backend: Backend) -> None:
    for producer in (1, 2, 3):
        reply = await append(backend, "a", some(4), producer=producer, name=f"w{producer}")
        assert reply[:2] == [b"OK", 4]
    assert len(await outcomes_of(backend, "a")) == 12


async def test_a_name_with_blanks_is_the_same_producer_again(backend: Backend) -> None:
    await append(backend, "a", some(1), name="my worker 1 2 3")
    reply = await append(backend, "a", some(1, 2), first=2, name="my worker 1 2 3")
    assert reply[:2] == [b"OK", 2]


async def test_a_delay_stands_beside_the_event_and_ages_it(backend: Backend) -> None:
    await append(backend, "a", [outcome(age_ms=7)])
    await append(backend, "a", [outcome(age_ms=7)], first=2, delay=1500)
    assert [event.age_ms for event in await outcomes_of(backend, "a")] == [7, 1507]
    raw = await backend.wire.call("XRANGE", backend.keys.agent("a").events, "-", "+")
    assert raw[0][1][0::2] == [b"e"]
    assert raw[1][1][2:] == [b"d", b"1500"]


@pytest.mark.parametrize("damaged", ["events", "probes"])
async def test_a_damaged_key_of_one_agent_does_not_hurt_the_others(
    backend: Backend, damaged: str
) -> None:
    a, b, c = same_shard(backend, 3)
    await backend.wire.call("SET", getattr(backend.keys.agent(b), damaged), "mine")
    batches = [(a, some(3)), (b, some(3, 4)), (c, some(3, 7))]
    settled = [(2, "0|1-1", "spent")] if damaged == "probes" else []
    for _ in range(2):  # and sending it all again doubles nothing
        reply = await append_many(backend, batches, settled=settled)
        assert reply[:2] == [b"OK", 9]
        assert await seqs(backend, a) == [1, 2, 3]
        assert await seqs(backend, c) == [7, 8, 9]
    if damaged == "events":
        reply = await append_many(
            backend, [(a, some(1, 10)), (b, some(1, 11))], first=10, settled=settled
        )
        assert reply[:2] == [b"OK", 11]
        index, reason = reply[5:]
        assert (index, reason[:9]) == (2, b"WRONGTYPE")
    else:
        assert await seqs(backend, b) == [4, 5, 6]


@pytest.mark.parametrize("damaged", ["dirty", "wake"])
async def test_a_damaged_hint_of_the_shard_doubles_nothing(backend: Backend, damaged: str) -> None:
    shard = backend.keys.shards[backend.keys.shard_of("a")]
    await backend.wire.call("SET", getattr(shard, damaged), "mine")
    for _ in range(3):
        reply = await append(backend, "a", some(5))
        assert reply[:2] == [b"OK", 5]
    assert await seqs(backend, "a") == [1, 2, 3, 4, 5]


async def test_a_damaged_list_of_producers_refuses_and_writes_nothing(backend: Backend) -> None:
    shard = backend.keys.shards[backend.keys.shard_of("a")]
    await backend.wire.call("SET", shard.producers, "mine")
    (reply,) = await backend.fcall_many(
        [
            (
                "append",
                (shard.producers, shard.dirty, shard.wake, *backend.keys.agent("a")[2::3]),
                (1, "w", 1, 1, "", 1, "a", 1, b"x"),
            )
        ]
    )
    assert isinstance(reply, ResponseError)
    assert "WRONGTYPE" in str(reply)
    assert await log_of(backend, "a") == []


async def test_agents_with_new_outcomes_are_marked_and_announced(backend: Backend) -> None:
    a, b, c = same_shard(backend, 3)
    shard = backend.keys.shards[0]
    await append_many(backend, [(a, some(1)), (b, some(1, 2))])
    assert await backend.wire.call("SMEMBERS", shard.dirty) == sorted(
        [a.encode(), b.encode()], key=[a.encode(), b.encode()].index
    ) or set(await backend.wire.call("SMEMBERS", shard.dirty)) == {a.encode(), b.encode()}
    woken = await backend.wire.call("XRANGE", shard.wake, "-", "+")
    assert woken[-1][1][:2] == [b"a", f"{a}\n{b}".encode()]
    await append_many(backend, [(a, some(1)), (b, some(1, 2))])  # nothing new: nobody is woken
    assert len(await backend.wire.call("XRANGE", shard.wake, "-", "+")) == len(woken)
    await append(backend, c, [failure(seq=3)], first=3)
    assert c.encode() in await backend.wire.call("SMEMBERS", shard.dirty)


async def test_a_wake_up_for_many_agents_names_none(backend: Backend) -> None:
    names = same_shard(backend, 9)
    batches = [(name, some(1, n)) for n, name in enumerate(names, start=1)]
    await append_many(backend, batches)
    woken = await backend.wire.call("XRANGE", backend.keys.shards[0].wake, "-", "+")
    assert woken[-1][1] == [b"a", b"*"]


@pytest.mark.parametrize(
    ("verdict", "left"),
    [
        ("back", {}),
        ("spent", {b"5|1-1": float("inf")}),
        ("failed", {b"5|1-1": float("inf"), b"5|!": float("inf")}),
    ],
)
async def test_the_result_of_a_probe_settles_its_place(
    backend: Backend, verdict: str, left: dict[bytes, float]
) -> None:
    probes = backend.keys.agent("a").probes
    await backend.wire.call("ZADD", probes, 1 << 50, "5|1-1")
    await append_many(
        backend, [("a", [outcome(Result.SUCCESS, 5)])], settled=[(1, "5|1-1", verdict)]
    )
    flat = await backend.wire.call("ZRANGE", probes, 0, -1, "WITHSCORES")
    assert dict(zip(flat[::2], map(float, flat[1::2]), strict=True)) == left


async def test_the_result_of_a_probe_whose_lease_is_over_gives_the_place_back(
    backend: Backend,
) -> None:
    probes = backend.keys.agent("a").probes
    await backend.wire.call("ZADD", probes, 1000, "5|1-1")
    await append_many(backend, [("a", [outcome(epoch=5)])], settled=[(1, "5|1-1", "spent")])
    assert await backend.wire.call("ZCARD", probes) == 0


async def test_a_thousand_outcomes_of_many_agents_fit_one_call(backend: Backend) -> None:
    names = same_shard(backend, 50)
    batches = [(name, some(20, 20 * n + 1)) for n, name in enumerate(names)]
    reply = await append_many(backend, batches)
    assert reply[:2] == [b"OK", 1000]
    assert len(reply) == 3 + 50
