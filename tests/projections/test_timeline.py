"""The timeline: history and log in the order of the fold."""

import asyncio
from contextlib import aclosing

import pytest

from fuseline.core.circuit import CircuitState, Transition
from fuseline.core.errors import ConfigError, WrongKeyTypeError
from fuseline.core.events import Mode, OverrideSet, Result
from fuseline.events.agents import configure, override
from fuseline.events.backend import Backend
from fuseline.projections.explain import explain
from fuseline.projections.following import follow, mark
from fuseline.projections.past import state_at
from fuseline.projections.reasons import why
from fuseline.projections.revisions import ConfigBook
from fuseline.projections.store import load_circuits
from fuseline.projections.timeline import (
    ALL,
    CHANGES,
    Item,
    Kind,
    newest_first,
    parse_kinds,
    query,
)
from tests.logbook import failing
from tests.projections.support import projecting, registered, until_folded, until_state


@pytest.fixture
async def story(backend: Backend, redis_url: str, namespace: str) -> Backend:
    """Agent `a`: two successes, three failures, open for 50 ms, half open."""
    async with projecting(redis_url, namespace):
        producer = await registered(backend, "a", failing(3, timeout_seconds=0.05))
        await producer.succeed(2)
        await producer.fail(3)
        await until_state(backend, "a", "half_open")
    return backend


def kinds(items: list[Item]) -> list[Kind]:
    return [item.kind for item in items]


async def test_a_transition_stands_behind_the_event_that_caused_it(story: Backend) -> None:
    items = await query(story, "a")
    assert kinds(items) == [
        Kind.CONFIG, Kind.SUCCESS, Kind.SUCCESS, *[Kind.FAILURE] * 3,
        Kind.TRANSITION, Kind.TRANSITION,
    ]  # fmt: skip
    opened, half_open = items[-2].content, items[-1].content
    assert isinstance(opened, Transition)
    assert isinstance(half_open, Transition)
    assert opened.event_id == items[-3].id
    assert half_open.to_state is CircuitState.HALF_OPEN
    assert half_open.at_ms == opened.open_until_ms
    assert [item.position for item in items] == sorted(item.position for item in items)


async def test_what_time_decided_comes_before_the_events_of_that_ms(story: Backend) -> None:
    half_open = (await query(story, "a"))[-1]
    assert half_open.position < (half_open.at_ms, 0, 0)


async def test_a_span_of_time_and_a_limit(story: Backend) -> None:
    items = await query(story, "a")
    opened = items[-2].at_ms
    assert await query(story, "a", until_ms=items[0].at_ms - 1) == []
    assert await query(story, "a", limit=0) == []
    assert await query(story, "a", limit=3) == items[-3:]
    assert await query(story, "a", since_ms=opened + 1) == items[-1:]
    before = await query(story, "a", until_ms=opened - 1)
    assert before == [item for item in items if item.at_ms < opened]


async def test_kinds_narrow_it(story: Backend) -> None:
    assert kinds(await query(story, "a", kinds={Kind.TRANSITION})) == [Kind.TRANSITION] * 2
    assert kinds(await query(story, "a", kinds={Kind.SUCCESS})) == [Kind.SUCCESS] * 2
    assert kinds(await query(story, "a", kinds=CHANGES, limit=1)) == [Kind.TRANSITION]


async def test_long_timelines_are_read_page_by_page(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with projecting(redis_url, namespace):
        producer = await registered(backend, "a", failing(None))
        for _ in range(3):
            await producer.succeed(700)
        await until_folded(backend, "a")
    items = await query(backend, "a", limit=5000)
    assert len(items) == 2101
    positions = [item.position for item in items]
    assert positions == sorted(set(positions))
    sent = backend.commands_sent
    async with aclosing(newest_first(backend, "a")) as newest:
        async for item in newest:
            assert item == items[-1]
            break
    assert backend.commands_sent - sent == 2


async def test_following_holds_events_back_until_they_are_folded(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    producer = await registered(backend, "a", failing(3))
    async with projecting(redis_url, namespace):
        await until_folded(backend, "a")
        begin = await mark(backend, "a")
        came: list[Item] = []
        async with aclosing(follow(backend, "a", begin)) as news:
            sending = asyncio.create_task(producer.fail(5))
            async for items in news:
                came += items
                if len(came) >= 6:
                    break
            await sending
    assert kinds(came) == [*[Kind.FAILURE] * 3, Kind.TRANSITION, *[Kind.FAILURE] * 2]


async def test_following_goes_on_while_nobody_folds(backend: Backend) -> None:
    producer = await registered(backend, "a", failing(3))
    await producer.fail(2)
    async with aclosing(follow(backend, "a", await mark(backend, "a"))) as news:
        async for items in news:
            assert kinds(items) == [Kind.FAILURE] * 2
            break


async def test_the_settings_of_each_revision_are_found(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with projecting(redis_url, namespace):
        await registered(backend, "a", failing(3))
        await configure(backend, "a", failing(7), revision=1, actor="ann")
        await configure(backend, "a", failing(9), revision=2, actor="ann")
        await until_folded(backend, "a")
    book = ConfigBook(backend, "a")
    found = [await book.get(revision) for revision in (1, 2, 3, 4)]
    assert [config and config.failure_threshold for config in found] == [3, 7, 9, None]


async def test_a_key_of_another_program_is_told(backend: Backend) -> None:
    await registered(backend, "a", failing(3))
    await backend.wire.call("SET", backend.keys.agent("a").history, "foreign")
    with pytest.raises(WrongKeyTypeError):
        await query(backend, "a")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ALL),
        ("all", ALL),
        ("failures", {Kind.FAILURE, Kind.TIMEOUT}),
        ("failure", {Kind.FAILURE}),
        ("transitions, Probe", {Kind.TRANSITION, Kind.PROBE}),
        ("config,timeouts", {Kind.CONFIG, Kind.TIMEOUT}),
        ("changes", CHANGES),
    ],
)
def test_kinds_as_text(text: str, expected: set[Kind]) -> None:
    assert parse_kinds(text) == expected


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(ConfigError, match="kinds: 'colour' is not allowed"):
        parse_kinds("failure,colour")


async def test_the_state_at_each_moment_is_that_of_the_fold(story: Backend) -> None:
    items = await query(story, "a")
    opened, half_open = items[-2], items[-1]
    states = [
        (await state_at(story, "a", ms)).circuit.state
        for ms in (opened.at_ms - 1, opened.at_ms, half_open.at_ms - 1, half_open.at_ms)
    ]
    closed, is_open = CircuitState.CLOSED, CircuitState.OPEN
    if items[-3].at_ms == items[0].at_ms:  # all in one ms
        closed = states[0]
    assert states == [closed, is_open, is_open, CircuitState.HALF_OPEN]
    past = await state_at(story, "a", items[0].at_ms - 1)
    assert (past.events, past.missing) == (0, 0)


async def test_why_names_the_override_first(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with projecting(redis_url, namespace):
        producer = await registered(backend, "a", failing(2))
        await producer.fail(2)
        await override(backend, "a", OverrideSet(Mode.FORCED_CLOSED, "ann", "we need it", 60_000))
        await until_folded(backend, "a")
    (circuit,) = await load_circuits(backend, [backend.keys.agent("a")])
    assert circuit is not None
    assert await why(backend, "a", circuit) == (
        "Forced closed for 1 min by ann: we need it. Open, because 2 failures in a row "
        "(threshold 2); last failure Boom; open for 1 min"
    )


async def test_every_change_has_its_words(story: Backend) -> None:
    for item in await query(story, "a", kinds=CHANGES):
        assert explain(item.content, None)  # type: ignore[arg-type]
        assert explain(item.content, failing(3))  # type: ignore[arg-type]


def test_results_and_kinds_have_the_same_names() -> None:
    assert {result.name for result in Result} <= {kind.name for kind in Kind}
