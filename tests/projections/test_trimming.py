"""Old entries go, and the fold from the origin over what is kept is still the projection."""

import asyncio
import random
from collections.abc import Sequence
from typing import Any

import pytest

from fuseline.core.circuit import Rebuilt
from fuseline.core.config import CircuitBreakerConfig as Config
from fuseline.core.errors import ConfigError
from fuseline.core.events import Tick
from fuseline.core.fold import fold_in_place, initial
from fuseline.core.retention import DAY_MS, Retention
from fuseline.events.agents import register
from fuseline.events.backend import Backend
from fuseline.events.log import Entry
from fuseline.projections import projector as projectors
from fuseline.projections import replay, trimmable, trimming
from fuseline.projections.codec import encode_change, encode_circuit
from fuseline.projections.counts import bucket_counts
from fuseline.projections.evidence import evidence
from fuseline.projections.leases import LostLeaseError, lease_call
from fuseline.projections.origin import load_origin
from fuseline.projections.paging import page
from fuseline.projections.past import state_at
from fuseline.projections.projector import Projector
from fuseline.projections.readers import ReaderLease
from fuseline.projections.rebuild import rebuild
from fuseline.projections.replay import log_info, refold
from fuseline.projections.rollups import load_all
from fuseline.projections.tally import UNITS
from fuseline.projections.trimming import Trimmed, Trimmer
from fuseline.projections.verify import verify
from tests.logbook import append, history_of, log_of, open_backend, outcome, projection_of
from tests.projections.support import projecting, until_folded
from tests.projections.tally_support import HOUR, fill, fold, lively_log, random_log, recount
from tests.waiting import eventually

AGENT = "a"


async def made(backend: Backend, url: str, entries: Sequence[Entry]) -> list[Entry]:
    """A registered agent with a folded log, ticks included; nobody projects any more."""
    await fill(backend, AGENT, entries)
    shard = backend.keys.shards[backend.keys.shard_of(AGENT)]
    await backend.wire.call("HSETNX", shard.agents, AGENT, b"1 " + b"\x91\x90")
    await fold(backend, url, backend.keys.namespace_name, AGENT)
    return await log_of(backend, AGENT)


async def trim(backend: Backend, step: int = 500, **kept: float) -> Trimmed:
    """One pass under a lease of its own."""
    shard = backend.keys.shards[backend.keys.shard_of(AGENT)]
    token = await backend.fcall(*lease_call(shard, "trimmer", 0, by_force=True))
    forever: dict[str, Any] = dict.fromkeys(Retention.__struct_fields__, 0)
    trimmer = Trimmer(backend, backend.wire, Retention(**(forever | kept)), step)
    try:
        return await trimmer.trim_shard(shard, token)
    finally:
        await backend.fcall("release", (shard.lease,), (token,))


async def days_since(backend: Backend, ms: int) -> float:
    return (await backend.learn_time() - ms) / DAY_MS


async def assert_kept_log_is_the_projection(backend: Backend) -> None:
    """By the plain fold and by `verify`."""
    keys = backend.keys.agent(AGENT)
    stored = await projection_of(backend, AGENT)
    assert stored is not None
    circuit = (await load_origin(backend, keys)).circuit
    log = await log_of(backend, AGENT)
    assert stored.position in [entry[:2] for entry in log]
    assert all(entry[:2] > circuit.position for entry in log)
    fold_in_place(circuit, [entry for entry in log if entry[:2] <= stored.position])
    assert encode_circuit(circuit) == encode_circuit(stored)
    found = await verify(backend, keys)
    assert found.ok, found


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_is_trimmed_the_kept_log_folds_to_the_projection(
    backend: Backend, redis_url: str, seed: int
) -> None:
    chance = random.Random(seed)
    whole = await made(backend, redis_url, lively_log(chance, 900))
    before = await projection_of(backend, AGENT)
    left = len(whole)
    for _ in range(5):
        most = chance.randrange(1, left + 1)
        done = await trim(backend, step=chance.choice([7, 100, 1000]), outcomes=most)
        left -= done.entries
        assert most <= left <= most * 1.02 + 1
        assert [entry[:2] for entry in await log_of(backend, AGENT)] == [
            entry[:2] for entry in whole[-left:]
        ]
        assert await projection_of(backend, AGENT) == before
        await assert_kept_log_is_the_projection(backend)
    await fill(backend, AGENT, lively_log(chance, 300, whole[-1][0] + 1))
    await fold(backend, redis_url, backend.keys.namespace_name, AGENT)
    await assert_kept_log_is_the_projection(backend)
    circuit = initial()
    kept = await log_of(backend, AGENT)
    changes = fold_in_place(circuit, [e for e in whole if e[:2] < kept[0][:2]] + kept)
    stored = await projection_of(backend, AGENT)
    assert stored is not None
    assert encode_circuit(stored) == encode_circuit(circuit)
    assert list(map(encode_change, await history_of(backend, AGENT))) == list(
        map(encode_change, changes)
    )


async def test_rebuilding_a_trimmed_log_changes_nothing(backend: Backend, redis_url: str) -> None:
    await made(backend, redis_url, lively_log(random.Random(7), 1500))
    await trim(backend, outcomes=400)
    keys = backend.keys.agent(AGENT)
    counts = await load_all(backend, keys)
    before = await projection_of(backend, AGENT)
    (done,) = await rebuild(
        backend, backend.keys.shards[keys.shard], [keys], owner="me", reason="a test"
    )
    assert (done.problem, done.changed) == ("", False)
    assert await projection_of(backend, AGENT) == before
    assert await load_all(backend, keys) == counts
    await assert_kept_log_is_the_projection(backend)


async def test_by_age_all_but_the_entry_at_the_checkpoint_may_go(
    backend: Backend, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trimmable, "_SLACK", 0)
    entries = await made(backend, redis_url, lively_log(random.Random(3), 600))
    middle = entries[300][0]
    done = await trim(backend, outcome_days=await days_since(backend, middle))
    kept = await log_of(backend, AGENT)
    assert done.entries == len(entries) - len(kept)
    # What the pass took for now lies a moment after the middle was chosen.
    assert middle <= kept[0][0] <= middle + 5000
    assert (await trim(backend, outcome_days=0.001)).entries == len(kept) - 1
    assert [entry[:2] for entry in await log_of(backend, AGENT)] == [entries[-1][:2]]
    await assert_kept_log_is_the_projection(backend)


async def test_what_is_not_folded_stays(backend: Backend, redis_url: str) -> None:
    entries = lively_log(random.Random(4), 500)
    await made(backend, redis_url, entries[:200])
    await fill(backend, AGENT, entries[200:])
    assert (await trim(backend, outcomes=1)).entries == 199
    await assert_kept_log_is_the_projection(backend)
    await fold(backend, redis_url, backend.keys.namespace_name, AGENT)
    await assert_kept_log_is_the_projection(backend)
    assert [c for c in await history_of(backend, AGENT) if isinstance(c, Rebuilt)] == []


async def test_a_reader_holds_what_it_has_not_read_until_its_lease_ends(
    backend: Backend, redis_url: str
) -> None:
    entries = await made(backend, redis_url, lively_log(random.Random(5), 300))
    keys = backend.keys.agent(AGENT)
    async with ReaderLease(backend, keys, "0-0") as lease:
        assert (await trim(backend, outcomes=10)).entries == 0
        await lease.move(f"{entries[99][0]}-{entries[99][1]}")
        assert (await trim(backend, outcomes=10)).entries == 100
    assert (await trim(backend, outcomes=150)).entries == 50
    # Another agent's reader, and one that has died.
    readers = backend.keys.shards[keys.shard].readers
    await backend.wire.call("HSET", readers, "other:x", "9999999999999 0-0", "a:y", "1 0-0")
    assert (await trim(backend, outcomes=10)).entries == 140
    assert await backend.wire.call("HKEYS", readers) == [b"other:x"]


async def test_the_server_itself_refuses_a_step_that_passes_what_is_held(
    backend: Backend, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(backend, redis_url, lively_log(random.Random(6), 100))
    keys = backend.keys.agent(AGENT)
    shard = backend.keys.shards[keys.shard]
    # A trimmer that was paused after it had asked believes that everything may go.
    monkeypatch.setattr(trimming, "bound_of", lambda *_: (1 << 60, 0))
    readers = (f"{AGENT}:r", "9999999999999 0-0")
    await backend.wire.call("HSET", shard.readers, *readers)
    assert (await trim(backend, outcomes=50)).entries == 0
    await backend.wire.call("DEL", shard.readers)
    await backend.fcall("archived", (shard.archive,), (AGENT, "", "0-0 0-0"))
    assert (await trim(backend, outcomes=50)).entries == 0
    await backend.wire.call("DEL", shard.archive)
    assert (await trim(backend, step=100, outcome_days=0.001)).entries == 0  # the checkpoint
    assert len(await log_of(backend, AGENT)) == 100
    assert (await trim(backend, outcomes=50)).entries == 50


async def test_nothing_goes_before_it_is_archived_once_somebody_archives(
    backend: Backend, redis_url: str
) -> None:
    entries = await made(backend, redis_url, lively_log(random.Random(8), 300))
    shard = backend.keys.shards[backend.keys.shard_of(AGENT)]
    await backend.fcall("archived", (shard.archive,), ("another", "", "5-0 0-0"))
    assert await trim(backend, outcomes=10, history_days=0.001) == Trimmed()
    at = f"{entries[49][0]}-{entries[49][1]} 0-0"
    await backend.fcall("archived", (shard.archive,), (AGENT, "", at))
    assert (await trim(backend, outcomes=10)).entries == 50
    assert await backend.fcall("archived", (shard.archive,), (AGENT, "", "9-0 0-0")) == [
        b"MOVED",
        at.encode(),
    ]


async def test_a_lost_lease_and_a_moved_origin_stop_a_trimmer(
    backend: Backend, redis_url: str
) -> None:
    entries = await made(backend, redis_url, lively_log(random.Random(9), 200))
    shard = backend.keys.shards[backend.keys.shard_of(AGENT)]
    trimmer = Trimmer(backend, backend.wire, Retention(outcomes=10), 50)
    with pytest.raises(LostLeaseError):
        await trimmer.trim_shard(shard, 999)
    assert await log_of(backend, AGENT) == entries
    keys = backend.keys.agent(AGENT)
    token = await backend.fcall(*lease_call(shard, "trimmer", 0, by_force=True))
    names = (shard.lease, keys.events, keys.circuit, keys.origin, shard.archive, shard.readers,
             keys.history, keys.counts)  # fmt: skip
    reply = await backend.fcall("trim", names, (token, AGENT, "7-0", "8-0", 0, 100, 0))
    assert reply == [b"MOVED"]


async def test_the_newest_of_a_history_stay_however_old(backend: Backend, redis_url: str) -> None:
    await made(backend, redis_url, lively_log(random.Random(10), 4000))
    keys = backend.keys.agent(AGENT)
    changes = await backend.wire.call("XRANGE", keys.history, "-", "+")
    assert len(changes) > 150
    done = await trim(backend, history_days=1e-9)
    assert done.changes == len(changes) - trimming.KEPT_CHANGES
    kept = await backend.wire.call("XRANGE", keys.history, "-", "+")
    assert kept == changes[-trimming.KEPT_CHANGES :]
    assert await trim(backend, history_days=1e-9) == Trimmed()
    origin = await load_origin(backend, keys)
    assert origin.history_ms == int(changes[done.changes - 1][0].split(b"-")[0]) + 1


async def test_counts_of_trimmed_times_are_what_they_were(backend: Backend, redis_url: str) -> None:
    entries = random_log(random.Random(11), 3000)
    begin, end = entries[0][0] // HOUR * HOUR, entries[-1][0] // HOUR * HOUR + HOUR
    await made(backend, redis_url, entries)
    wanted = await recount(backend, AGENT, begin, end, HOUR)
    await trim(backend, outcomes=500)
    width = -(-(end - begin) // (HOUR * 1500)) * HOUR
    found = await bucket_counts(backend, AGENT, begin, end, width, max_buckets=2000)
    totals: dict[int, int] = {}
    for start, total in wanted.items():
        bucket = start // width * width
        totals[bucket] = totals.get(bucket, 0) + total.entries
    assert {b.from_ms: b.total.entries for b in found.buckets if b.total.entries} == totals
    assert found.complete_from_ms == found.from_ms
    # The first entry that there ever was is still known.
    assert (await bucket_counts(backend, AGENT, 0, end)).from_ms <= entries[0][0]


async def test_old_counts_go_and_the_answer_says_since_when(
    backend: Backend, redis_url: str
) -> None:
    entries = await made(backend, redis_url, random_log(random.Random(12), 3000))
    keys = backend.keys.agent(AGENT)
    before = await load_all(backend, keys)
    await trim(backend, outcomes=200)
    reached = (await load_origin(backend, keys)).position[0]
    cut = entries[1500][0]
    assert cut < reached
    done = await trim(backend, counts_days=await days_since(backend, cut), outcome_days=36_500)
    assert done.counts > 0
    left = await load_all(backend, keys)
    cuts = (await load_origin(backend, keys)).cuts
    for level, index in before.keys() - left.keys():
        assert level > 0
        assert (index + 1) * UNITS[level][1] <= cuts[level]
    for level, index in left:
        assert level == 0 or index * UNITS[level][1] >= cuts[level]
    assert cut - HOUR <= cuts[3] <= cut
    found = await bucket_counts(backend, AGENT, entries[0][0], entries[-1][0], 24 * HOUR, 2000)
    assert found.complete_from_ms >= cuts[3]
    assert (await bucket_counts(backend, AGENT, 0, entries[-1][0])).complete_from_ms >= cuts[3]
    await assert_kept_log_is_the_projection(backend)


async def test_the_past_is_folded_where_it_is_kept_and_told_where_it_is_not(
    backend: Backend, redis_url: str
) -> None:
    entries = await made(backend, redis_url, lively_log(random.Random(13), 1500))
    moments = [entries[n][0] for n in range(20, len(entries), 60)]
    before = {ms: await state_at(backend, AGENT, ms) for ms in moments}
    await trim(backend, outcomes=600)
    reached = (await load_origin(backend, backend.keys.agent(AGENT))).position[0]
    told = 0
    for ms in moments:
        was, now = before[ms].circuit, await state_at(backend, AGENT, ms)
        assert now.trimmed_before_ms == reached
        if ms >= reached:
            assert now.circuit == was
            assert (now.missing, now.from_history) == (0, False)
            continue
        told += 1
        assert (now.missing, now.from_history) == (len(entries) - 600, True)
        for field in ("state", "epoch", "mode", "mode_until_ms", "config", "revision"):
            assert getattr(now.circuit, field) == getattr(was, field), field
        assert now.circuit.calls == 0
    assert 0 < told < len(moments)


async def test_pages_and_explanations_end_where_the_log_does(
    backend: Backend, redis_url: str
) -> None:
    await made(backend, redis_url, lively_log(random.Random(14), 750))
    first = await page(backend, AGENT, limit=1000)
    history = backend.keys.agent(AGENT).history
    changes = [own.decode() for own, _ in await backend.wire.call("XRANGE", history, "-", "+")]
    before = {own: await evidence(backend, AGENT, own) for own in changes}
    await trim(backend, outcomes=350)
    kept = {f"{ms}-{seq}" for ms, seq, _ in await log_of(backend, AGENT)}
    known = {*kept, *changes}
    now = await page(backend, AGENT, limit=1000)
    assert [i.id for i in now.items if i.id in kept] == [i.id for i in first.items if i.id in kept]
    assert all(item.id in known for item in now.items)
    whole = 0
    for own, was in before.items():
        found = await evidence(backend, AGENT, own)
        if was is None or found is None:
            assert found is was
            continue
        lacks = [item.id for item in was.events if item.id not in kept]
        if lacks:
            assert not found.complete, own
        elif found.complete and was.complete:
            whole += bool(found.events)
            assert found.events == was.events
    assert whole > 5


async def test_a_deleted_projection_is_folded_from_the_origin(
    backend: Backend, redis_url: str
) -> None:
    await made(backend, redis_url, lively_log(random.Random(15), 400))
    await trim(backend, outcomes=100)
    before = await projection_of(backend, AGENT)
    keys = backend.keys.agent(AGENT)
    await backend.wire.call("DEL", keys.circuit)
    await backend.wire.call("SADD", backend.keys.shards[keys.shard].dirty, AGENT)
    await fold(backend, redis_url, backend.keys.namespace_name, AGENT)
    assert await projection_of(backend, AGENT) == before
    assert [c for c in await history_of(backend, AGENT) if isinstance(c, Rebuilt)] == []
    await assert_kept_log_is_the_projection(backend)


async def test_a_trimmed_log_that_loses_its_end_is_folded_from_the_origin(
    backend: Backend, redis_url: str
) -> None:
    entries = await made(backend, redis_url, lively_log(random.Random(16), 400))
    await trim(backend, outcomes=100)
    keys = backend.keys.agent(AGENT)
    lost = [f"{ms}-{seq}" for ms, seq, _ in entries[-30:]]
    async with projecting(redis_url, backend.keys.namespace_name):
        await backend.wire.call("XDEL", keys.events, *lost)
        await backend.wire.call("SADD", backend.keys.shards[keys.shard].dirty, AGENT)
        await until_folded(backend, AGENT)
    await fold(backend, redis_url, backend.keys.namespace_name, AGENT)
    # The projector may have added a tick meanwhile, since time goes on.
    ticks = [entry for entry in await log_of(backend, AGENT) if entry[:2] > entries[-1][:2]]
    assert all(isinstance(event, Tick) for _, _, event in ticks)
    circuit = initial()
    fold_in_place(circuit, [*entries[:-30], *ticks])
    stored = await projection_of(backend, AGENT)
    assert stored is not None
    assert encode_circuit(stored) == encode_circuit(circuit)
    assert (await log_info(backend, keys)).missing == 30


async def test_a_fold_that_is_overtaken_by_a_trim_begins_again(
    backend: Backend, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await made(backend, redis_url, lively_log(random.Random(17), 600))
    monkeypatch.setattr(replay, "_PAGE", 50)
    stored = await projection_of(backend, AGENT)

    class Slow:
        """A connection on which the log is trimmed while it reads."""

        calls = 0

        async def call_many(self, commands: Any) -> list[Any]:
            self.calls += 1
            if self.calls in (3, 6):
                await trim(backend, outcomes=400 if self.calls == 3 else 60)
            return await backend.wire.call_many(commands)

        async def call(self, *command: Any) -> Any:
            return await backend.wire.call(*command)

    found = await refold(backend, backend.keys.agent(AGENT), wire=Slow())  # type: ignore[arg-type]
    assert stored is not None
    assert found.events == 60
    assert encode_circuit(found.circuit) == encode_circuit(stored)


async def test_a_loss_that_is_accepted_is_a_beginning(backend: Backend, redis_url: str) -> None:
    await register(backend, AGENT, Config(), "tester")
    async with projecting(redis_url, backend.keys.namespace_name):
        await append(backend, AGENT, [outcome() for _ in range(50)])
        await until_folded(backend, AGENT)
    keys = backend.keys.agent(AGENT)
    await backend.wire.call("XTRIM", keys.events, "MAXLEN", "=", 20)
    assert (await verify(backend, keys)).missing == 31
    assert (await trim(backend, outcomes=10)).entries == 0  # nobody knows what it comes to
    shard = backend.keys.shards[keys.shard]
    (done,) = await rebuild(backend, shard, [keys], owner="me", reason="a test", incomplete=True)
    assert done.problem == ""
    await assert_kept_log_is_the_projection(backend)
    assert (await trim(backend, outcomes=10)).entries == 10
    await assert_kept_log_is_the_projection(backend)


@pytest.mark.parametrize("field", ["blob", "cuts", "trimmed", "at"])
async def test_a_damaged_origin_is_told_and_stops_nobody_else(
    backend: Backend, redis_url: str, field: str
) -> None:
    await made(backend, redis_url, lively_log(random.Random(18), 200))
    await trim(backend, outcomes=100)
    keys = backend.keys.agent(AGENT)
    await backend.wire.call("HSET", keys.origin, field, b"nonsense")
    assert (await trim(backend, outcomes=10)).entries == 0
    assert len(await log_of(backend, AGENT)) == 100
    found = await verify(backend, keys)
    assert not found.ok
    assert found.problem != ""


async def test_silent_producers_are_forgotten_and_others_not(
    backend: Backend, redis_url: str
) -> None:
    await register(backend, AGENT, Config(), "tester")
    await append(backend, AGENT, [outcome()], producer=1)
    await append(backend, AGENT, [outcome()], producer=2)
    producers = backend.keys.shards[backend.keys.shard_of(AGENT)].producers
    long_ago = await backend.learn_time() - 31 * DAY_MS
    await backend.wire.call("HSET", producers, 1, f"1 1 {long_ago} tester", "odd", "thing")
    assert (await trim(backend, producer_days=30)).producers == 1
    assert sorted(await backend.wire.call("HKEYS", producers)) == [b"2", b"odd"]
    assert (await append(backend, AGENT, [outcome()], first=2, producer=2))[0] == b"OK"
    assert (await append(backend, AGENT, [outcome()], first=2, producer=1))[0] == b"GAP"


async def test_a_projector_trims_while_it_folds(
    backend: Backend, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projectors, "TRIM_SECONDS", 0.02)
    await register(backend, AGENT, Config(failure_threshold=None), "tester")
    async with open_backend(redis_url, backend.keys.namespace_name) as own:
        job = asyncio.create_task(Projector(own, "trims", 200, Retention(outcomes=300)).run())
        try:
            for first in range(1, 4000, 100):
                await append(backend, AGENT, [outcome() for _ in range(100)], first=first)
            await until_folded(backend, AGENT)

            async def short() -> bool:
                return len(await log_of(backend, AGENT)) <= 306

            await eventually(short)
        finally:
            job.cancel()
            await asyncio.wait([job])
    await assert_kept_log_is_the_projection(backend)
    assert (await log_info(backend, backend.keys.agent(AGENT))).missing == 0


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FUSELINE_RETENTION_OUTCOMES", "many"),
        ("FUSELINE_RETENTION_OUTCOMES", "1.5"),
        ("FUSELINE_RETENTION_OUTCOMES", "-1"),
        ("FUSELINE_RETENTION_OUTCOME_DAYS", "nan"),
        ("FUSELINE_RETENTION_HISTORY_DAYS", "36501"),
        ("FUSELINE_RETENTION_COUNTS_DAYS", "1 day"),
        ("FUSELINE_RETENTION_PRODUCER_DAYS", "-0.5"),
        ("FUSELINE_RETENTION_DEAD_LETTER_DAYS", "a while"),
        ("FUSELINE_RETENTION_TOKEN_DAYS", "1e9"),
    ],
)
def test_a_setting_that_is_not_allowed_is_named(variable: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"{variable}.*0 \\(for ever\\)"):
        Retention.from_env({variable: value})


def test_settings_come_from_the_environment_or_are_the_defaults() -> None:
    assert Retention.from_env({"FUSELINE_RETENTION_OUTCOMES": ""}) == Retention()
    found = Retention.from_env(
        {"FUSELINE_RETENTION_OUTCOMES": "5", "FUSELINE_RETENTION_OUTCOME_DAYS": "0.5"}
    )
    assert found == Retention(outcomes=5, outcome_days=0.5)
