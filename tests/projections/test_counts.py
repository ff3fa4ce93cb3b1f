"""Counts by bucket equal a recount of the log."""

import random

import pytest

from fuseline.core.errors import ConfigError
from fuseline.core.events import Outcome, Result
from fuseline.events.backend import Backend
from fuseline.projections import counts as counts_module
from fuseline.projections.buckets import SIZES
from fuseline.projections.codec import decode_circuit
from fuseline.projections.counts import Counts, bucket_counts
from fuseline.projections.latency import percentile_ms
from fuseline.projections.rebuild import rebuild
from fuseline.projections.tally import Sum
from fuseline.projections.verify import verify
from tests.logbook import log_of
from tests.projections.support import projecting, until_folded
from tests.projections.tally_support import BEGIN, HOUR, fill, fold, random_log, recount
from tests.waiting import eventually


def totals(found: Counts) -> dict[int, Sum]:
    return {bucket.from_ms: bucket.total for bucket in found.buckets if bucket.total.entries}


async def check(backend: Backend, since: int, until: int, size: int | None) -> Counts:
    found = await bucket_counts(backend, "a", since, until, size, max_buckets=2000)
    starts = [bucket.from_ms for bucket in found.buckets]
    assert starts == list(range(found.from_ms, found.to_ms, found.bucket_ms))
    assert found.from_ms <= since < found.from_ms + found.bucket_ms or since == 0
    assert found.to_ms - found.bucket_ms < until <= found.to_ms
    expected = await recount(backend, "a", found.from_ms, found.to_ms, found.bucket_ms)
    assert totals(found) == expected
    return found


async def check_many(backend: Backend, chance: random.Random) -> None:
    log = await log_of(backend, "a")
    first, last = log[0][0], log[-1][0]
    everything = await check(backend, 0, last + 1, None)
    assert (everything.complete_from_ms, everything.complete_to_ms) == (
        everything.from_ms,
        everything.to_ms,
    )
    for _ in range(25):
        since = chance.choice([first, last, chance.choice(log)[0]]) - chance.randrange(3_000_000)
        until = since + 1 + int(10 ** chance.uniform(0, 7.5))
        await check(backend, since, until, None)
        fitting = [
            size
            for size in (*SIZES, 70_000, 590_000, 2500, 5_000_010_000)
            if 1 <= (until - since) // size < 1000
        ]
        if fitting:
            await check(backend, since, until, chance.choice(fitting))


@pytest.mark.parametrize("seed", range(8))
async def test_counts_equal_a_recount(
    backend: Backend, redis_url: str, namespace: str, seed: int
) -> None:
    chance = random.Random(seed)
    log = random_log(chance, 4000)
    at = chance.randrange(1000, 3000)
    await fill(backend, "a", log[:at])
    await fold(backend, redis_url, namespace, "a")
    await check_many(backend, chance)
    await fill(backend, "a", log[at:])  # nobody folds: the rest is read from the log
    await check_many(backend, chance)
    await fold(backend, redis_url, namespace, "a")
    await check_many(backend, chance)
    assert (await verify(backend, backend.keys.agent("a"))).ok


async def test_a_log_that_nobody_has_folded_is_counted_too(backend: Backend) -> None:
    await fill(backend, "a", random_log(random.Random(1), 500))
    await check_many(backend, random.Random(2))


async def test_nothing_is_nothing(backend: Backend) -> None:
    found = await bucket_counts(backend, "a", BEGIN, BEGIN + HOUR)
    assert totals(found) == {}
    assert found.bucket_ms == 30_000
    assert (await bucket_counts(backend, "a", 0, BEGIN)).buckets[-1].total.entries == 0


async def rebuilt(backend: Backend, *, incomplete: bool = False) -> None:
    keys = backend.keys.agent("a")
    shard = backend.keys.shards[keys.shard]
    (done,) = await rebuild(
        backend, shard, [keys], owner="me", reason="a test", incomplete=incomplete
    )
    assert done.problem == ""


async def test_a_projection_without_counts_begins_to_count_where_it_stands(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    chance = random.Random(5)
    log = random_log(chance, 4000)
    keys = backend.keys.agent("a")
    await fill(backend, "a", log[:2000])
    await fold(backend, redis_url, namespace, "a")
    await backend.wire.call("DEL", keys.counts)
    await backend.wire.call("HDEL", keys.circuit, "tally")  # as an earlier release left it
    await check_many(backend, chance)
    await fill(backend, "a", log[2000:])
    await fold(backend, redis_url, namespace, "a")
    await check_many(backend, chance)
    assert (await verify(backend, keys)).ok
    await rebuilt(backend)
    await check_many(backend, chance)
    fields = await backend.wire.call("HKEYS", keys.counts)
    assert f"h:{log[0][0] // HOUR}".encode() in fields
    assert (await verify(backend, keys)).ok


async def test_a_projection_that_an_earlier_release_folded_on_is_not_trusted_beyond_its_tally(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    chance = random.Random(6)
    log = random_log(chance, 3000)
    keys = backend.keys.agent("a")
    await fill(backend, "a", log[:1000])
    await fold(backend, redis_url, namespace, "a")
    (old,) = await backend.wire.call("HMGET", keys.circuit, "tally")
    await fill(backend, "a", log[1000:2000])
    await fold(backend, redis_url, namespace, "a")
    await backend.wire.call("HSET", keys.circuit, "tally", old)
    for field in await backend.wire.call("HKEYS", keys.counts):
        if int(field[2:]) * {b"s": 10_000, b"m": 60_000, b"t": 600_000, b"h": HOUR}[field[:1]] > (
            log[999][0] - HOUR
        ):
            await backend.wire.call("HDEL", keys.counts, field)
    await check_many_after_losing_rollups(backend, chance, log[999][0])
    await fill(backend, "a", log[2000:])
    await fold(backend, redis_url, namespace, "a")
    assert (await verify(backend, keys)).ok


async def check_many_after_losing_rollups(
    backend: Backend, chance: random.Random, position_ms: int
) -> None:
    start = position_ms - position_ms % HOUR + HOUR
    for _ in range(10):
        since = start + chance.randrange(10 * HOUR)
        await check(backend, since, since + int(10 ** chance.uniform(3, 7)), None)


async def test_counts_outlive_the_entries_they_count(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    chance = random.Random(7)
    log = random_log(chance, 4000)
    keys = backend.keys.agent("a")
    await fill(backend, "a", log)
    await fold(backend, redis_url, namespace, "a")
    day = 24 * HOUR
    before = await bucket_counts(backend, "a", 0, log[-1][0] + 1, day)
    assert len(before.buckets) > 1
    first = log[-1500][0]
    expected = await recount(backend, "a", (first - HOUR) // HOUR * HOUR, first + 2 * HOUR, 60_000)
    await backend.wire.call("XTRIM", keys.events, "MAXLEN", "=", 1500)
    after = await bucket_counts(backend, "a", 0, log[-1][0] + 1, day)
    assert totals(after) == totals(before)
    assert after.complete_from_ms == after.from_ms
    # A finer look needs entries that are gone, and says from when on it is right.
    fine = await bucket_counts(backend, "a", first - HOUR, first + HOUR, 60_000)
    assert fine.complete_from_ms > fine.from_ms
    for bucket in fine.buckets:
        if bucket.from_ms >= fine.complete_from_ms:
            assert bucket.total == expected.get(bucket.from_ms, Sum())
    await rebuilt(backend, incomplete=True)
    again = await bucket_counts(backend, "a", 0, log[-1][0] + 1, day)
    assert totals(again) == totals(before)


async def test_rollups_of_lost_entries_go_with_them(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    log = random_log(random.Random(8), 3000)
    keys = backend.keys.agent("a")
    await fill(backend, "a", log)
    await fold(backend, redis_url, namespace, "a")
    # A failover to a server that had only the beginning.
    raw = await backend.wire.call("XRANGE", keys.events, "-", "+", "COUNT", 1200)
    await backend.wire.call("DEL", keys.events)
    await backend.wire.call_many([("XADD", keys.events, i, *fields) for i, fields in raw])
    await backend.wire.call("SADD", backend.keys.shards[keys.shard].dirty, "a")
    await fold(backend, redis_url, namespace, "a")
    circuit = decode_circuit(await backend.wire.call("HGET", keys.circuit, "blob"))
    assert circuit.position == log[1199][:2]
    assert (await verify(backend, keys)).ok
    await check(backend, 0, log[-1][0] + 1, None)
    await check(backend, log[1100][0], log[1300][0] + HOUR, None)


async def test_verify_tells_of_counts_that_are_not_what_the_log_says(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    log = random_log(random.Random(9), 3000)
    keys = backend.keys.agent("a")
    await fill(backend, "a", log)
    await fold(backend, redis_url, namespace, "a")
    hour = f"h:{log[0][0] // HOUR}"
    kept = await backend.wire.call("HGET", keys.counts, hour)
    await backend.wire.call("HSET", keys.counts, hour, kept[:1] + b"\x99" + kept[2:])
    assert [d.field for d in (await verify(backend, keys)).differences] == [f"counts:{hour}"]
    await backend.wire.call("HDEL", keys.counts, hour)
    (missing,) = (await verify(backend, keys)).differences
    assert (missing.field, missing.stored) == (f"counts:{hour}", None)
    await backend.wire.call("HSET", keys.counts, hour, kept, "s:170000000", kept)
    assert [d.field for d in (await verify(backend, keys)).differences] == ["counts:s:170000000"]
    await rebuilt(backend)
    assert (await verify(backend, keys)).ok


async def test_what_is_too_much_to_read_is_told(
    backend: Backend, redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(counts_module, "MAX_READ", 1000)
    log = [(BEGIN + n * 20, 0, Outcome(0, Result.SUCCESS, 3)) for n in range(3000)]  # a minute
    await fill(backend, "a", log)
    unfolded = await bucket_counts(backend, "a", BEGIN, BEGIN + 60_000)
    assert unfolded.complete_to_ms == BEGIN + 999 * 20
    await fold(backend, redis_url, namespace, "a")
    wide = await bucket_counts(backend, "a", BEGIN, BEGIN + 60_000)
    assert (wide.bucket_ms, sum(b.total.entries for b in wide.buckets)) == (10_000, 3000)
    assert "3,000 entries" in wide.note
    with pytest.raises(ConfigError, match="bucket_ms: 1000 is not allowed; expected 10000 or more"):
        await bucket_counts(backend, "a", BEGIN, BEGIN + 60_000, 1000)
    narrow = await bucket_counts(backend, "a", BEGIN, BEGIN + 10_000, 1000)
    assert [b.total.entries for b in narrow.buckets] == [50] * 10
    # Entries folded before anything was counted: the newest are read.
    keys = backend.keys.agent("a")
    await backend.wire.call("DEL", keys.counts)
    await backend.wire.call("HDEL", keys.circuit, "tally")
    await fill(backend, "a", [(BEGIN + 60_000, 0, Outcome(0, Result.SUCCESS, 3))])
    await fold(backend, redis_url, namespace, "a")
    old = await bucket_counts(backend, "a", BEGIN, BEGIN + 60_000, 10_000)
    assert old.complete_from_ms == log[-999][0] - 20 + 1 or old.complete_from_ms > BEGIN
    assert old.buckets[-1].total.entries == 500


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("since_ms", (-1, 5)),
        ("since_ms", (1.5, 5)),
        ("until_ms", (5, 5)),
        ("until_ms", (5, 1 << 60)),
        ("bucket_ms", (0, 10_000, 0)),
        ("bucket_ms", (0, 10_000, 3000)),
        ("bucket_ms", (0, 100_000, 15_000)),
        ("bucket_ms", (1, 1_000_000, 1000)),
        ("max_buckets", (0, 10_000, None, 0)),
        ("max_buckets", (0, 10_000, None, 9999)),
    ],
)
async def test_what_is_not_allowed_is_named(backend: Backend, field: str, arguments: tuple) -> None:
    with pytest.raises(ConfigError, match=f"^{field}: "):
        await bucket_counts(backend, "a", *arguments)


def test_percentiles_lie_within_a_bin_of_the_truth() -> None:
    chance = random.Random(1)
    durations = sorted(int(chance.expovariate(1 / 300)) for _ in range(5000))
    total = Sum()
    total.take([(1, n, Outcome(0, Result.SUCCESS, d)) for n, d in enumerate(durations)])
    for share in (0.01, 0.5, 0.95, 0.99, 1.0):
        truth = durations[min(len(durations) - 1, int(share * len(durations)))]
        found = percentile_ms(total, share)
        assert found is not None
        assert abs(found - truth) <= max(1, truth / 8)
    assert percentile_ms(total, 1.0) == durations[-1]
    assert percentile_ms(Sum(), 0.5) is None


async def test_counts_under_a_key_of_another_program_set_the_agent_aside(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    keys = backend.keys.agent("a")
    await fill(backend, "a", random_log(random.Random(1), 50))
    await fold(backend, redis_url, namespace, "a")
    before = await backend.wire.call("HGET", keys.circuit, "checkpoint")
    await backend.wire.call("DEL", keys.counts)
    await backend.wire.call("SET", keys.counts, "foreign")
    later = [(ms + 1000 * HOUR, n, event) for ms, n, event in random_log(random.Random(2), 50)]
    async with projecting(redis_url, namespace) as projector:
        await fill(backend, "a", later)
        await fill(backend, "b", later)
        await until_folded(backend, "b")
        await eventually(lambda: projector.events_folded >= 100)
    assert await backend.wire.call("HGET", keys.circuit, "checkpoint") == before
    assert await backend.wire.call("GET", keys.counts) == b"foreign"
    shard = backend.keys.shards[keys.shard]
    (refused,) = await rebuild(backend, shard, [keys], owner="me", reason="a test")
    assert "another type" in refused.problem
    await backend.wire.call("DEL", keys.counts)
    await rebuilt(backend)
    assert (await verify(backend, keys)).ok
    await check_many(backend, random.Random(3))
