"""Evidence names the events behind the figures of each transition, and bands the states between."""

import random
from itertools import pairwise

import pytest

from fuseline.core.circuit import Cause, CircuitState, ModeChanged, Transition
from fuseline.core.errors import ConfigError
from fuseline.core.events import ConfigChanged, Mode, Outcome, OverrideSet, Result
from fuseline.core.fold import fold_in_place, initial
from fuseline.events.agents import configure, override
from fuseline.events.backend import Backend
from fuseline.events.log import Entry
from fuseline.projections.bands import Band, bands
from fuseline.projections.evidence import MAX_EVENTS, Evidence, evidence
from fuseline.projections.timeline import CHANGES, Item, Kind, query
from tests.logbook import append, failing, failure, log_of, outcome
from tests.projections.support import projecting, registered, until_folded, until_state
from tests.projections.tally_support import BEGIN, fill, fold, lively_log


def figure(found: Evidence) -> tuple[int, int] | None:
    """The count that a transition tells, and how many events of the evidence make it."""
    change = found.item.content
    assert isinstance(change, Transition)
    figures = change.figures
    results = [i.content.result for i in found.events if isinstance(i.content, Outcome)]
    match change.cause:
        case Cause.CONSECUTIVE_FAILURES:
            return figures.consecutive_failures, found.total
        case Cause.FAILURE_RATE:
            return figures.failures, found.total
        case Cause.SLOW_CALL_RATE:
            return figures.slow, found.total
        case Cause.PROBES_SUCCEEDED | Cause.PROBE_FAILED:
            return figures.probe_successes, results.count(Result.SUCCESS)
        case Cause.PROBES_INCONCLUSIVE:
            unsaid = [r for r in results if r > Result.TIMEOUT]
            vanished = [i for i in found.events if i.kind is Kind.PROBE]
            return figures.probes_inconclusive, len(unsaid) + len(vanished)
    return None


@pytest.mark.parametrize("seed", range(10))
async def test_the_evidence_is_as_much_as_the_figures_say(
    backend: Backend, redis_url: str, namespace: str, seed: int
) -> None:
    log = lively_log(random.Random(seed), 3000)
    await fill(backend, "a", log)
    await fold(backend, redis_url, namespace, "a")
    items = await query(backend, "a", kinds={Kind.TRANSITION}, limit=10_000)
    causes = set()
    for item in items:
        change = item.content
        assert isinstance(change, Transition)
        found = await evidence(backend, "a", item.id)
        assert found is not None
        assert found.item == item
        assert found == await evidence(backend, "a", change.epoch)
        assert found.config is not None
        assert found.configured is None or found.configured.revision == change.revision
        told = figure(found)
        if told is not None:
            assert found.complete
            assert told[0] == told[1], (item, found.events)
            causes.add(change.cause)
            assert found.events[-1].position <= (item.at_ms, 1 << 64, 0)
            if change.cause in (Cause.CONSECUTIVE_FAILURES, Cause.PROBE_FAILED):
                assert change.event_id == found.events[-1].id
        if change.cause is Cause.OPEN_TIME_OVER:
            assert found.opened is not None
            assert isinstance(found.opened.content, Transition)
            assert found.opened.content.to_state is CircuitState.OPEN
    assert len(causes) >= 4


async def test_only_outcomes_that_counted_are_evidence(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    config = failing(3, window_size_seconds=60.0)
    log: list[Entry] = [
        (BEGIN, 0, ConfigChanged(1, config.to_wire(), "ann", "registered")),
        (BEGIN + 1, 0, failure(worker=1)),
        (BEGIN + 2, 0, outcome()),  # ends the streak
        (BEGIN + 3, 0, failure(worker=2, trace=b"t" * 24)),
        (BEGIN + 4, 0, failure(epoch=7)),
        (BEGIN + 100_000, 0, failure(age_ms=90_000)),  # older than the window
        (BEGIN + 100_001, 0, failure(worker=1)),
        (BEGIN + 100_002, 0, outcome(Result.IGNORED)),
        (BEGIN + 100_003, 0, outcome(Result.TIMEOUT, worker=2)),
    ]
    await fill(backend, "a", log)
    await fold(backend, redis_url, namespace, "a")
    found = await evidence(backend, "a", 1)
    assert found is not None
    assert [event.at_ms - BEGIN for event in found.events] == [3, 100_001, 100_003]
    assert found.configured is not None
    assert (found.configured.actor, found.config) == ("ann", config)


async def test_a_window_full_of_failures_is_cut_and_counted(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    config = failing(None, failure_rate_threshold=0.5, minimum_calls=1000)
    log: list[Entry] = [(BEGIN, 0, ConfigChanged(1, config.to_wire(), "ann", ""))]
    log += [(BEGIN + n, 0, failure() if n % 2 else outcome()) for n in range(1, 1002)]
    await fill(backend, "a", log)
    await fold(backend, redis_url, namespace, "a")
    found = await evidence(backend, "a", 1)
    assert found is not None
    assert (found.total, len(found.events), found.complete) == (501, MAX_EVENTS, True)
    assert found.events[-1].at_ms == BEGIN + 1001


async def test_an_override_is_told_by_its_own_id_and_workers_by_their_names(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    async with projecting(redis_url, namespace):
        await registered(backend, "a", failing(2))
        await append(backend, "a", [failure(worker=1, seq=n) for n in (1, 2)], name="crew-1")
        await until_state(backend, "a", "open")
        await override(backend, "a", OverrideSet(Mode.FORCED_CLOSED, "bob", "we need it"))
        await override(backend, "a", OverrideSet(Mode.AUTO, "bob", "all well", 0, True))
        await configure(backend, "a", failing(9), revision=1, actor="ann", reason="calmer")
        await until_folded(backend, "a")
    found = await evidence(backend, "a", 1)
    assert found is not None
    assert found.workers == {1: "crew-1"}
    changed = await query(backend, "a", kinds={Kind.OVERRIDE})
    forced = await evidence(backend, "a", changed[0].id)
    assert forced is not None
    assert isinstance(forced.item.content, ModeChanged)
    assert (forced.item.content.actor, forced.item.content.reason) == ("bob", "we need it")
    assert forced.config == failing(2)
    reset = await evidence(backend, "a", 2)
    assert reset is not None
    assert isinstance(reset.item.content, Transition)
    assert (reset.item.content.cause, reset.item.content.actor) == (Cause.RESET, "bob")
    assert (reset.events, reset.complete) == ([], True)


async def test_evidence_that_is_gone_is_told(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    log = lively_log(random.Random(2), 2000)
    await fill(backend, "a", log)
    await fold(backend, redis_url, namespace, "a")
    items = await query(backend, "a", kinds={Kind.TRANSITION}, limit=10_000)
    first = next(
        i for i in items if isinstance(i.content, Transition) and i.content.figures.calls > 1
    )
    await backend.wire.call("XTRIM", backend.keys.agent("a").events, "MAXLEN", "=", 10)
    found = await evidence(backend, "a", first.id)
    assert found is not None
    assert (found.events, found.complete) == ([], False)


@pytest.mark.parametrize("transition", ["", "x", "1-x", "-1", -1, 0, "1-" + "9" * 30, "٣", "1.5"])
async def test_what_is_no_transition_is_refused(backend: Backend, transition: str | int) -> None:
    with pytest.raises(ConfigError, match=r"^transition: "):
        await evidence(backend, "a", transition)


@pytest.mark.parametrize("transition", ["1-1", 1, "77"])
async def test_what_the_history_does_not_have_is_none(
    backend: Backend, transition: str | int
) -> None:
    assert await evidence(backend, "a", transition) is None


# --- bands ---


def naive_bands(changes: list[Item], since: int, until: int) -> list[Band]:
    now = (CircuitState.CLOSED, Mode.AUTO)
    points = [(since, now)]
    for item in changes:
        change = item.content
        if isinstance(change, Transition):
            now = (change.to_state, now[1])
        elif isinstance(change, ModeChanged):
            now = (now[0], change.mode)
        points.append((max(item.at_ms, since), now))
    points.append((until, now))
    result: list[Band] = []
    for (start, state), (end, _) in pairwise(points):
        end = min(end, until)
        if start >= end:
            continue
        if result and (result[-1].state, result[-1].mode) == state:
            start = result.pop().from_ms
        result.append(Band(*state, start, end))
    return result


@pytest.mark.parametrize("seed", range(5))
async def test_bands_are_the_states_between_the_changes(
    backend: Backend, redis_url: str, namespace: str, seed: int
) -> None:
    chance = random.Random(seed)
    log = lively_log(chance, 2000)
    await fill(backend, "a", log)
    await fold(backend, redis_url, namespace, "a")
    changes = await query(backend, "a", kinds=CHANGES, limit=100_000)
    first, last = log[0][0], log[-1][0]
    for _ in range(30):
        since = chance.randrange(first - 1000, last)
        until = since + 1 + int(10 ** chance.uniform(0, 7))
        found = await bands(backend, "a", since, until)
        assert not found.truncated
        assert found.bands == naive_bands(changes, since, until)
        few = await bands(backend, "a", since, until, 3)
        if few.truncated:
            assert few.bands[1:] == found.bands[len(found.bands) - len(few.bands) + 1 :]
            assert few.bands[0].to_ms == few.bands[1].from_ms if len(few.bands) > 1 else True
        else:
            assert few.bands == found.bands
    at = chance.choice(log)[0]
    circuit = initial()
    fold_in_place(circuit, [e for e in await log_of(backend, "a") if e[0] <= at])
    (band,) = (await bands(backend, "a", at, at + 1)).bands
    assert (band.state, band.mode) == (circuit.state, circuit.mode)


async def test_an_agent_without_a_history_is_closed(backend: Backend) -> None:
    found = await bands(backend, "a", 5, 10)
    assert found.bands == [Band(CircuitState.CLOSED, Mode.AUTO, 5, 10)]
    with pytest.raises(ConfigError, match=r"^limit: "):
        await bands(backend, "a", 5, 10, 0)
