"""Pages of a timeline: every item once, in order, both ways, whatever comes meanwhile."""

import random
from collections.abc import Collection

import pytest

from fuseline.core.errors import ConfigError
from fuseline.core.events import Outcome, Result
from fuseline.events.backend import Backend
from fuseline.projections import history, scanning
from fuseline.projections.cursors import OLDEST, Place, decode_place, encode_place
from fuseline.projections.history import last_change
from fuseline.projections.paging import Page, page
from fuseline.projections.timeline import ALL, CHANGES, OUTCOMES, Item, Kind, query
from tests.projections.tally_support import (
    BEGIN,
    HOUR,
    fill,
    fold,
    lively_log,
    random_log,
)

KINDS: list[Collection[Kind]] = [
    ALL,
    CHANGES,
    OUTCOMES,
    {Kind.FAILURE, Kind.TIMEOUT},
    {Kind.NOT_SENT},
    {Kind.PROBE, Kind.TRANSITION},
    {Kind.CONFIG},
    {Kind.ABANDONED, Kind.OVERRIDE, Kind.REBUILT},
]


def in_order(items: list[Item]) -> list[Item]:
    return sorted(items, key=lambda item: (item.position, item.id))


async def older_pages(backend: Backend, **arguments) -> list[Page]:
    pages = [await page(backend, "a", **arguments)]
    while pages[-1].older is not None:
        pages.append(await page(backend, "a", before=pages[-1].older, **arguments))
    return pages


async def newer_pages(backend: Backend, **arguments) -> list[Page]:
    pages = [await page(backend, "a", after=OLDEST, **arguments)]
    while pages[-1].has_newer:
        pages.append(await page(backend, "a", after=pages[-1].newer, **arguments))
    return pages


async def check_both_ways(backend: Backend, limit: int, **arguments) -> None:
    expected = in_order(await query(backend, "a", limit=1_000_000, **arguments))
    older = await older_pages(backend, limit=limit, **arguments)
    newer = await newer_pages(backend, limit=limit, **arguments)
    backwards = [item for one in reversed(older) for item in one.items]
    forwards = [item for one in newer for item in one.items]
    assert in_order(backwards) == expected
    assert in_order(forwards) == expected
    assert [i.position for i in forwards if i.kind not in CHANGES] == [
        i.position for i in expected if i.kind not in CHANGES
    ]
    for one in older[:-1] + newer[:-1]:
        assert len(one.items) == limit or one.partial
    for one in older[1:]:  # and back again from any page
        if one.items:
            back = await page(backend, "a", after=one.newer, limit=limit, **arguments)
            assert not back.items or back.items[0].position >= one.items[-1].position


@pytest.mark.parametrize("seed", range(6))
async def test_pages_hold_every_item_once(
    backend: Backend, redis_url: str, namespace: str, seed: int
) -> None:
    chance = random.Random(seed)
    log = lively_log(chance, 2500)
    await fill(backend, "a", log[:2000])
    await fold(backend, redis_url, namespace, "a")
    await fill(backend, "a", log[2000:])
    await check_both_ways(backend, 70)
    await fold(backend, redis_url, namespace, "a")
    for kinds in KINDS:
        limit = chance.choice([1, 7, 50, 1000]) if kinds not in (ALL, OUTCOMES) else 97
        since = chance.choice([0, chance.choice(log)[0]])
        until = chance.choice([None, since + chance.randrange(1, 3_000_000)])
        await check_both_ways(backend, limit, kinds=kinds, since_ms=since, until_ms=until)


@pytest.mark.parametrize("seed", range(6))
async def test_rare_kinds_are_found_by_the_counts(
    backend: Backend, redis_url: str, namespace: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scanning, "_PLAIN", 50)
    monkeypatch.setattr(scanning, "_WORTH_SPLITTING", 20)
    monkeypatch.setattr(scanning, "_HOURS_AT_ONCE", 5)
    if seed % 2:
        monkeypatch.setattr(scanning, "_PAGE", 30)
        monkeypatch.setattr(scanning, "MAX_SCANNED", 200)
        monkeypatch.setattr(scanning, "_MOST_HOURS", 12)
    chance = random.Random(seed)
    log = random_log(chance, 3000)
    await fill(backend, "a", log[:2500])
    await fold(backend, redis_url, namespace, "a")
    if seed == 4:  # as an earlier release left it
        await backend.wire.call("DEL", backend.keys.agent("a").counts)
        await backend.wire.call("HDEL", backend.keys.agent("a").circuit, "tally")
    await fill(backend, "a", log[2500:])
    for kinds in ({Kind.NOT_SENT}, {Kind.FAILURE, Kind.TIMEOUT}, {Kind.PROBE}, {Kind.TRANSITION}):
        since = chance.choice([0, chance.choice(log)[0]])
        await check_both_ways(backend, chance.choice([1, 5, 60]), kinds=kinds, since_ms=since)


async def test_a_needle_is_found_without_reading_the_hay(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    log = [(BEGIN + n * 1000, 0, Outcome(0, Result.SUCCESS, 3)) for n in range(20_000)]
    for n in (3, 4000, 4001, 15_000):
        log[n][2].result = Result.FAILURE
    await fill(backend, "a", log)
    await fold(backend, redis_url, namespace, "a")
    scan = await page(backend, "a", kinds={Kind.FAILURE}, limit=3)
    assert [item.at_ms for item in scan.items] == [log[n][0] for n in (4000, 4001, 15_000)]
    assert scan.older is not None
    rest = await page(backend, "a", kinds={Kind.FAILURE}, before=scan.older)
    assert [item.at_ms for item in rest.items] == [log[3][0]]
    assert (rest.older, rest.partial) == (None, False)


async def test_nothing_is_lost_or_shown_twice_while_events_come(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    chance = random.Random(3)
    log = lively_log(chance, 2000)
    await fill(backend, "a", log[:1500])
    await fold(backend, redis_url, namespace, "a")
    first = await page(backend, "a", limit=20)
    seen, cursor, at = [], first.older, 1500
    while cursor is not None:
        if at < 2000:
            await fill(backend, "a", log[at : at + 50])
            at += 50
            if at % 100:
                await fold(backend, redis_url, namespace, "a")
        one = await page(backend, "a", before=cursor, limit=200)
        seen = one.items + seen
        cursor = one.older
    await fold(backend, redis_url, namespace, "a")
    newer, cursor, more = [], first.newer, True
    while more:
        one = await page(backend, "a", after=cursor, limit=33)
        newer += one.items
        cursor, more = one.newer, one.has_newer
    everything = await query(backend, "a", limit=10_000)
    assert in_order(seen + first.items + newer) == in_order(everything)
    again = await page(backend, "a", after=cursor)
    assert (again.items, again.has_newer) == ([], False)


async def test_what_is_too_far_to_look_at_once_is_looked_at_by_and_by(
    backend: Backend, redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "_MOST_READ", 10)
    monkeypatch.setattr(scanning, "MAX_SCANNED", 60)
    log = lively_log(random.Random(4), 1500)
    await fill(backend, "a", log)
    await fold(backend, redis_url, namespace, "a")
    pages = await older_pages(backend, kinds={Kind.CONFIG}, limit=5)
    assert any(one.partial for one in pages)
    for kinds in KINDS:
        await check_both_ways(backend, 5, kinds=kinds)


async def test_changes_written_long_after_they_took_effect_are_in_their_place(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    log = lively_log(random.Random(5), 1500)  # folded a long time after
    await fill(backend, "a", log)
    await fold(backend, redis_url, namespace, "a")
    items = await query(backend, "a", limit=10_000, kinds=CHANGES)
    for item in items[:: len(items) // 40]:
        found = await last_change(backend, backend.keys.agent("a"), item.at_ms)
        known = [i for i in items if i.at_ms <= item.at_ms]
        assert f"{found[0]}-{found[1]}" == known[-1].id


async def test_an_empty_timeline_is_one_empty_page(backend: Backend) -> None:
    found = await page(backend, "a")
    assert (found.items, found.older, found.has_newer, found.partial) == ([], None, False, False)
    await fill(backend, "a", random_log(random.Random(1), 10))
    later = await page(backend, "a", after=found.newer, kinds=OUTCOMES)
    assert later.items == await query(backend, "a", kinds=OUTCOMES)


@pytest.mark.parametrize(
    "cursor",
    ["", "x", "?", "!!!!", "MS0xLTEtMQ", "é", encode_place(Place((0, 0), (0, 0))) + "A", "A" * 500],
)
async def test_a_cursor_that_is_none_is_refused(backend: Backend, cursor: str) -> None:
    with pytest.raises(ConfigError, match=r"^cursor: "):
        await page(backend, "a", before=cursor)


async def test_cursors_come_back_as_they_went() -> None:
    for place in (Place((0, 0), (0, 0)), Place((BEGIN, 7), (HOUR, scanning.MAX_SEQ))):
        assert decode_place(encode_place(place)) == place


@pytest.mark.parametrize(
    ("field", "arguments"),
    [
        ("limit", {"limit": 0}),
        ("limit", {"limit": 1001}),
        ("since_ms", {"since_ms": -1}),
        ("until_ms", {"since_ms": 5, "until_ms": 4}),
        ("cursor", {"before": OLDEST, "after": OLDEST}),
    ],
)
async def test_what_is_not_allowed_is_named(backend: Backend, field: str, arguments: dict) -> None:
    with pytest.raises(ConfigError, match=f"^{field}: "):
        await page(backend, "a", **arguments)
