"""What was trimmed and is archived answers as it did before."""

import random
from pathlib import Path
from typing import Any

import pytest

from fuseline.archive.archiving import stop_archiving
from fuseline.archive.reading import ArchiveReader, reader_from_env
from fuseline.archive.store import VARIABLE, ArchiveError, Store
from fuseline.core.circuit import Transition
from fuseline.events.backend import Backend
from fuseline.events.streams import read_stream
from fuseline.projections.bands import bands
from fuseline.projections.counts import bucket_counts
from fuseline.projections.cursors import OLDEST
from fuseline.projections.evidence import evidence
from fuseline.projections.origin import load_origin
from fuseline.projections.paging import Page, page
from fuseline.projections.past import state_at
from fuseline.projections.timeline import Kind, query
from fuseline.projections.what_if import what_if
from fuseline.schemas.moments import iso
from tests.archive.support import archive, trim
from tests.cli.support import environment, run
from tests.projections.tally_support import BEGIN, fill, fold, lively_log

AGENT = "billing"
PATCH = {"failure_threshold": 3, "timeout_seconds": 2.0}
FAILED = frozenset({Kind.FAILURE, Kind.TIMEOUT, Kind.TRANSITION})


async def made(backend: Backend, url: str, seed: int, count: int = 1500) -> int:
    """A folded log of one agent; returns the time of its last entry."""
    log = lively_log(random.Random(seed), count)
    await fill(backend, AGENT, log)
    shard = backend.keys.shards[backend.keys.shard_of(AGENT)]
    await backend.wire.call("HSET", shard.agents, AGENT, b"1 \x91\x90")
    await fold(backend, url, backend.keys.namespace_name, AGENT)
    return log[-1][0]


def read_from(backend: Backend, store: Store) -> None:
    backend.older = ArchiveReader(store.url, backend.keys.namespace_name)


async def walked(backend: Backend, limit: int, *, back: bool, **asked: Any) -> list[Page]:
    """All pages of a timeline, by their cursors."""
    pages: list[Page] = []
    cursor: str | None = None if back else OLDEST
    while True:
        way = {"before" if back else "after": cursor}
        found = await page(backend, AGENT, limit=limit, **way, **asked)  # type: ignore[arg-type]
        pages.append(found)
        if not (found.older if back else found.has_newer):
            return pages
        cursor = found.older if back else found.newer


async def answers(backend: Backend, last_ms: int, seed: int) -> dict[str, Any]:
    """Everything that is asked of a past, as it is answered now."""
    chance = random.Random(seed)
    moments = sorted(chance.randrange(BEGIN, last_ms) for _ in range(5))
    until_ms = last_ms + 10_000
    found: dict[str, Any] = {"query": await query(backend, AGENT, limit=10_000)}
    for limit in (7, 200):
        for name, asked in (("all", {}), ("failed", {"kinds": FAILED, "since_ms": moments[1]})):
            for back in (True, False):
                pages = await walked(backend, limit, back=back, **asked)
                items = [item for one in (pages[::-1] if back else pages) for item in one.items]
                found[f"pages {limit} {name} {back}"] = items
        found[f"newest {limit}"] = await page(backend, AGENT, limit=limit)
        found[f"middle {limit}"] = await page(backend, AGENT, limit=limit, until_ms=moments[2])
    for moment in moments:
        found[f"state {moment}"] = (await state_at(backend, AGENT, moment)).circuit
        for patch in ({}, PATCH):
            asked_ = await what_if(backend, AGENT, patch, moment, until_ms)
            found[f"what if {moment} {len(patch)}"] = (asked_.comparison, asked_.complete)
    whole = await what_if(backend, AGENT, PATCH, BEGIN - 1000, until_ms)
    found["what if whole"] = whole
    found["bands"] = await bands(backend, AGENT, BEGIN - 1000, until_ms, 5000)
    found["counts"] = await bucket_counts(backend, AGENT, BEGIN, until_ms, 600_000)
    for item in found["query"]:
        if isinstance(item.content, Transition):
            found[f"explain {item.id}"] = await evidence(backend, AGENT, item.id)
    return found


@pytest.mark.parametrize("seed", range(2))
async def test_every_answer_is_the_same_as_before_trimming(
    backend: Backend, store: Store, redis_url: str, seed: int
) -> None:
    last_ms = await made(backend, redis_url, seed)
    before = await answers(backend, last_ms, seed)
    assert sum(name.startswith("explain") for name in before) > 5
    await archive(backend, store, AGENT)
    await trim(backend, AGENT, outcomes=200, history_days=1e-9)
    agent = backend.keys.agent(AGENT)
    assert await backend.wire.call("XLEN", agent.events) < 300
    assert (await load_origin(backend, agent)).history_ms > 0
    trimmed = await query(backend, AGENT, limit=10_000)
    assert len(trimmed) < len(before["query"]) / 2
    read_from(backend, store)
    after = await answers(backend, last_ms, seed)
    assert after.keys() == before.keys()
    for name, answer in before.items():
        assert after[name] == answer, name


async def test_a_page_asked_for_before_goes_on_across_the_seam(
    backend: Backend, store: Store, redis_url: str
) -> None:
    await made(backend, redis_url, 3)
    whole = await query(backend, AGENT, limit=10_000)
    first = await page(backend, AGENT, limit=150)
    read_from(backend, store)
    await archive(backend, store, AGENT)
    items = list(first.items)
    older, kept = first.older, 1000
    while older is not None:
        kept = max(60, kept - 200)
        await trim(backend, AGENT, outcomes=kept)  # between any two pages
        found = await page(backend, AGENT, limit=150, before=older)
        items = found.items + items
        older = found.older
    assert items == whole
    # And forward again from a cursor in the archive.
    newer = found.newer
    back = list(found.items)
    while True:
        found = await page(backend, AGENT, limit=90, after=newer)
        back += found.items
        newer = found.newer
        if not found.has_newer:
            break
    assert back == whole


async def test_without_the_archive_a_range_begins_where_the_server_begins(
    backend: Backend,
    store: Store,
    redis_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    last_ms = await made(backend, redis_url, 1)
    await archive(backend, store, AGENT)
    await trim(backend, AGENT, outcomes=200)
    plain = await query(backend, AGENT, limit=10_000)
    asked = await what_if(backend, AGENT, PATCH, BEGIN, last_ms)
    assert not asked.complete
    # Where nothing is, where nobody answers, and no place at all.
    monkeypatch.setenv("AWS_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "nobody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "nothing")
    for url in (str(tmp_path / "nowhere"), "s3://bucket/path", "nonsense://"):
        backend.older = ArchiveReader(url, backend.keys.namespace_name)
        assert await query(backend, AGENT, limit=10_000) == plain
        assert await what_if(backend, AGENT, PATCH, BEGIN, last_ms) == asked
    assert not (tmp_path / "nowhere").exists()
    assert reader_from_env({}, "x") is None
    assert reader_from_env({VARIABLE: store.url}, "x") is not None


async def test_a_gap_in_the_archive_is_not_read_over(
    backend: Backend, store: Store, redis_url: str
) -> None:
    last_ms = await made(backend, redis_url, 2)
    whole = await query(backend, AGENT, limit=10_000)
    await trim(backend, AGENT, outcomes=900)  # before anybody archives
    lost_to = (await load_origin(backend, backend.keys.agent(AGENT))).position
    await archive(backend, store, AGENT)
    await trim(backend, AGENT, outcomes=100)
    read_from(backend, store)
    kept = [item for item in whole if item.position[:2] > lost_to or item.position[2]]
    assert await query(backend, AGENT, limit=10_000) == kept
    asked = await what_if(backend, AGENT, PATCH, BEGIN, last_ms)
    assert not asked.complete
    assert lost_to[0] < asked.comparison.since_ms
    origin_ms = (await load_origin(backend, backend.keys.agent(AGENT))).position[0]
    assert asked.comparison.since_ms < origin_ms
    # Trimmed beyond what is archived: nothing of the archive joins what is kept.
    await stop_archiving(backend)
    log = lively_log(random.Random(9), 300, last_ms + 1)
    await fill(backend, AGENT, log)
    await fold(backend, redis_url, backend.keys.namespace_name, AGENT)
    await trim(backend, AGENT, outcomes=50)
    read_from(backend, store)
    start = (await load_origin(backend, backend.keys.agent(AGENT))).position
    left = await query(backend, AGENT, limit=10_000, kinds=frozenset(Kind) - {Kind.REBUILT})
    assert all(item.position[:2] > start for item in left if not item.position[2])


async def test_a_damaged_segment_is_named(backend: Backend, store: Store, redis_url: str) -> None:
    last_ms = await made(backend, redis_url, 4)
    await archive(backend, store, AGENT)
    await trim(backend, AGENT, outcomes=200)
    assert store.folder is not None
    file = sorted((store.folder).rglob("events/**/*.parquet"))[2]
    whole = file.read_bytes()
    for data in (whole[:-1], None):
        if data is None:
            file.unlink()
        else:
            file.write_bytes(data)
        read_from(backend, store)
        with pytest.raises(ArchiveError, match=file.name):
            await query(backend, AGENT, limit=10_000)
        with pytest.raises(ArchiveError, match=file.name):
            await what_if(backend, AGENT, PATCH, BEGIN, last_ms)
        # What does not reach so far is answered.
        assert len(await query(backend, AGENT, limit=10)) == 10
        file.write_bytes(whole)
    assert await query(backend, AGENT, limit=10_000)


async def test_ranges_of_ids_are_those_of_the_server(
    backend: Backend, store: Store, redis_url: str
) -> None:
    await made(backend, redis_url, 5, 400)
    agent = backend.keys.agent(AGENT)
    whole = await backend.wire.call("XRANGE", agent.events, "-", "+")
    ids = [own.decode() for own, _ in whole]
    chance = random.Random(5)
    places = [chance.choice(ids) for _ in range(12)]
    forms = ["-", "+", *places, *(f"({one}" for one in places), *(p.split("-")[0] for p in places)]
    asked = [
        (start, end, count, newest)
        for start in forms
        for end in chance.sample(forms, 6)
        for count in (1, 30, 1000)
        for newest in (True, False)
        if start != "+" and end != "-"
    ]

    async def plain(start: str, end: str, count: int, newest: bool) -> list[Any]:
        name, pair = ("XREVRANGE", (end, start)) if newest else ("XRANGE", (start, end))
        found: list[Any] = await backend.wire.call(name, agent.events, *pair, "COUNT", count)
        return found

    before = [await plain(*one) for one in asked]
    await archive(backend, store, AGENT, rows=30)
    await trim(backend, AGENT, outcomes=120)
    read_from(backend, store)
    for (start, end, count, newest), answer in zip(asked, before, strict=True):
        found = await read_stream(backend, agent, "events", start, end, count, newest_first=newest)
        assert [(own, fields) for own, fields in found] == [
            (own, fields) for own, fields in answer
        ], (start, end, count, newest)


async def test_commands_read_the_archive_that_the_environment_names(
    backend: Backend, store: Store, redis_url: str, namespace: str
) -> None:
    await made(backend, redis_url, 6)
    whole = await query(backend, AGENT, limit=10_000)
    moment = whole[len(whole) // 4].at_ms
    circuit = (await state_at(backend, AGENT, moment)).circuit
    await archive(backend, store, AGENT)
    await trim(backend, AGENT, outcomes=100, history_days=1e-9)
    plain = environment(
        REDIS_URL=redis_url,
        FUSELINE_NAMESPACE=namespace,
        FUSELINE_SHARDS=str(len(backend.keys.shards)),
    )
    with_archive = plain | {VARIABLE: store.url}

    def asked(*arguments: str, env: dict[str, str]) -> Any:
        ended = run(*arguments, "--json", env=env)
        assert not ended.code, ended.err
        return ended.document

    items = asked("timeline", AGENT, "-n", "5000", env=with_archive)["items"]
    assert [item["id"] for item in items] == [item.id for item in whole]
    state = asked("state", AGENT, "--at", iso(moment), env=with_archive)
    assert (state["epoch"], state["calls"], state["failures"]) == (
        *(circuit.epoch, circuit.calls, circuit.failures),
    )
    assert state["trimmed_before_ms"] is None
    state = asked("state", AGENT, "--at", iso(moment), env=plain)
    assert state["trimmed_before_ms"] is not None
    assert store.folder is not None
    for file in store.folder.rglob("events/**/*.parquet"):
        file.write_bytes(b"")
    ended = run("timeline", AGENT, "-n", "5000", env=with_archive)
    assert ended.code == 1
    assert ".parquet was changed" in ended.err
