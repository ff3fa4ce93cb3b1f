"""Reading the log: ranges, pages, and tailing from an id."""

import asyncio
from contextlib import aclosing

import pytest

from fuseline.core.events import Outcome, Result
from fuseline.events import log
from fuseline.events.log import read, read_all, tail
from tests.logbook import append, open_backend


def some(count: int) -> list[Outcome]:
    return [Outcome(0, Result.SUCCESS, duration_ms=n) for n in range(count)]


async def test_a_range_holds_both_its_ends(redis_url: str, namespace: str) -> None:
    async with open_backend(redis_url, namespace) as backend:
        await append(backend, "a", some(5))
        keys = backend.keys.agent("a")
        entries = await read(backend, keys)
        ids = [f"{ms}-{seq}" for ms, seq, _ in entries]
        assert await read(backend, keys, ids[1], ids[3]) == entries[1:4]
        assert await read(backend, keys, f"({ids[1]}", ids[3]) == entries[2:4]
        assert [page async for page in read_all(backend, keys)] == [entries]


async def test_pages_follow_one_another_without_a_gap(
    redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_PAGE", 7)
    async with open_backend(redis_url, namespace) as backend:
        keys = backend.keys.agent("a")
        for number, count in enumerate((1, 6, 7, 8, 21)):
            await append(backend, "a", some(count), producer=1 + number)
            whole = await read(backend, keys)
            pages = [page async for page in read_all(backend, keys)]
            assert [entry for page in pages for entry in page] == whole
            assert {len(page) for page in pages[:-1]} <= {7}


async def test_a_reader_that_stops_leaves_no_command_behind(
    redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "_PAGE", 2)
    async with open_backend(redis_url, namespace) as backend:
        await append(backend, "a", some(9))
        keys = backend.keys.agent("a")
        tasks = asyncio.all_tasks()
        async with aclosing(read_all(backend, keys)) as pages:
            first = await anext(pages)
            assert asyncio.all_tasks() > tasks  # the next page is on its way
        assert asyncio.all_tasks() == tasks
        assert (await read(backend, keys))[:2] == first


async def test_a_cancelled_reader_leaves_no_command_behind(redis_url: str, namespace: str) -> None:
    async with open_backend(redis_url, namespace) as backend:
        await append(backend, "a", some(9))
        keys = backend.keys.agent("a")
        tasks = asyncio.all_tasks()
        async with aclosing(read_all(backend, keys)) as pages:
            reading = asyncio.ensure_future(anext(pages))
            await asyncio.sleep(0)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        assert asyncio.all_tasks() == tasks
        assert len(await read(backend, keys)) == 9


async def test_tailing_from_an_id_gives_what_is_there_and_what_comes(
    redis_url: str, namespace: str
) -> None:
    async with open_backend(redis_url, namespace) as backend:
        await append(backend, "a", some(2))
        keys = backend.keys.agent("a")
        first, second = await read(backend, keys)
        async with aclosing(tail(backend, keys, f"{first[0]}-{first[1]}")) as pages:
            assert await anext(pages) == [second]
            coming = asyncio.ensure_future(anext(pages))
            await append(backend, "a", some(1), first=3)
            assert await coming == (await read(backend, keys))[2:]


async def test_tailing_without_an_id_begins_now(redis_url: str, namespace: str) -> None:
    async with open_backend(redis_url, namespace) as backend:
        await append(backend, "a", some(2))
        keys = backend.keys.agent("a")
        async with aclosing(tail(backend, keys, block_seconds=0.05)) as pages:
            coming = asyncio.ensure_future(anext(pages))
            first = 3
            while not coming.done():  # until the tail has begun and sees one
                await append(backend, "a", some(1), first=first)
                first += 1
                await asyncio.sleep(0.001)
            assert 1 <= len(await coming) < first
            assert (await coming)[0] not in (await read(backend, keys))[:2]
