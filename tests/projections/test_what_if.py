"""What-if over real logs: the nearest start is right, and a strange history is told."""

import random
from typing import Any

import msgspec
import pytest

from fuseline.core.circuit import CircuitState, Transition
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import ConfigError, NotReproducedError
from fuseline.core.events import ConfigChanged
from fuseline.core.fold import initial
from fuseline.core.retention import Retention
from fuseline.core.what_if.comparing import Comparison, WhatIf
from fuseline.core.what_if.patch import checked_patch
from fuseline.core.what_if.search import Cost, Trial
from fuseline.events.backend import Backend
from fuseline.events.log import Entry
from fuseline.projections import what_if as module
from fuseline.projections.leases import lease_call
from fuseline.projections.timeline import Kind, query
from fuseline.projections.trimming import Trimmer
from fuseline.projections.what_if import propose, what_if
from fuseline.projections.what_if_start import find_start
from tests.logbook import log_of
from tests.projections.tally_support import BEGIN, fill, fold, lively_log

PATCH = {"failure_threshold": 3, "timeout_seconds": 2.0}


async def written(backend: Backend, url: str, namespace: str, seed: int) -> list[Entry]:
    log = lively_log(random.Random(seed), 1500)
    await fill(backend, "a", log)
    await fold(backend, url, namespace, "a")
    return log


def whole(log: list[Entry], patch: dict[str, Any], since_ms: int, until_ms: int) -> Comparison:
    asked = WhatIf(initial(), patch, since_ms, until_ms)
    asked.take(log)
    return asked.finish()


def moments(log: list[Entry], seed: int) -> list[int]:
    chance = random.Random(seed)
    return [BEGIN, *(log[chance.randrange(len(log))][0] for _ in range(5))]


@pytest.mark.parametrize("seed", range(4))
async def test_the_nearest_start_gives_what_the_whole_log_gives(
    backend: Backend, redis_url: str, namespace: str, seed: int
) -> None:
    log = await written(backend, redis_url, namespace, seed)
    until_ms = log[-1][0] + 10_000
    nearer = 0
    for since_ms in moments(log, seed):
        for patch in ({}, PATCH):
            progress: list[int] = []
            found = await what_if(backend, "a", patch, since_ms, until_ms, progress.append)
            assert found.comparison == whole(log, patch, since_ms, until_ms)
            assert found.complete
            assert found.begun_ms == log[0][0]
            assert sum(progress) == found.events
            nearer += found.events < len(log)
            if not patch:
                assert found.settings == found.recorded_settings
                assert found.comparison.unobserved == []
    assert nearer >= 2


@pytest.mark.parametrize("seed", range(3))
async def test_a_log_that_lost_its_beginning_tells_from_when_on_it_knows(
    backend: Backend, redis_url: str, namespace: str, seed: int
) -> None:
    log = await written(backend, redis_url, namespace, seed)
    first_ms, first_seq, _ = log[len(log) // 3]
    keys = backend.keys.agent("a")
    await backend.wire.call("XTRIM", keys.events, "MINID", f"{first_ms}-{first_seq}")
    found = await what_if(backend, "a", PATCH, BEGIN, log[-1][0] + 10_000)
    since_ms = found.comparison.since_ms
    assert not found.complete
    assert found.begun_ms is None
    assert since_ms >= first_ms
    asked = whole(log, PATCH, since_ms, found.comparison.until_ms)
    assert found.comparison.recorded == asked.recorded
    later = await what_if(backend, "a", PATCH, since_ms, log[-1][0] + 10_000)
    assert later.complete


async def test_a_history_that_the_log_does_not_give_is_no_base_for_a_guess(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    log = await written(backend, redis_url, namespace, 1)
    items = await query(backend, "a", kinds={Kind.TRANSITION}, limit=1000)
    opened = [
        item.content
        for item in items
        if isinstance(item.content, Transition) and item.content.to_state is CircuitState.OPEN
    ][-3]
    since_ms = (await find_start(backend, backend.keys.agent("a"), opened.at_ms - 1)).since_ms
    await backend.wire.call("XDEL", backend.keys.agent("a").events, opened.event_id)
    with pytest.raises(NotReproducedError, match="does not give its history again"):
        await what_if(backend, "a", {}, since_ms, log[-1][0] + 1)
    after = await what_if(backend, "a", {}, log[-1][0], log[-1][0] + 1)
    assert after.complete


async def test_what_has_not_been_folded_yet_is_not_missed(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    log = lively_log(random.Random(5), 600)
    await fill(backend, "a", log[:400])
    await fold(backend, redis_url, namespace, "a")
    await fill(backend, "a", log[400:])
    found = await what_if(backend, "a", {}, BEGIN, log[-1][0] + 1)
    assert found.comparison == whole(log, {}, BEGIN, log[-1][0] + 1)
    assert 0 < found.reproduced < found.comparison.total.openings.recorded * 3


async def test_the_proposals_are_what_each_of_them_would_have_been(
    backend: Backend, redis_url: str, namespace: str
) -> None:
    log = await written(backend, redis_url, namespace, 2)
    since_ms, until_ms = log[200][0], log[-1][0] + 1
    tried: list[int] = []
    cost = Cost(failure=2.0, refusal=0.5)
    found = await propose(backend, "a", since_ms, until_ms, cost, on_trials=tried.append)
    assert len(found.trials) == sum(tried) > 150
    assert found.trials == sorted(found.trials, key=lambda one: (one.cost_high, one.cost_low))
    for trial in random.Random(3).sample(found.trials, 12):
        alone = await what_if(backend, "a", trial.patch, since_ms, until_ms)
        assert trial.figures == alone.comparison.total
        failures, refused = trial.figures.failures, trial.figures.good_refused
        assert trial.cost_high <= 2 * failures.high + 0.5 * refused.high
        assert trial.cost_low >= 2 * failures.low + 0.5 * refused.low
    on_curve = [one for one in found.trials if one.on_curve]
    assert on_curve
    assert not any(beats(one, other) for one in found.trials for other in on_curve)
    (recorded,) = [one for one in found.trials if not one.patch]
    assert recorded.cost_low == recorded.cost_high == 2 * recorded.figures.failures.recorded


def beats(one: Trial, other: Trial) -> bool:
    """Whether it has fewer failures and fewer refusals at worst."""
    return (
        one.figures.failures.high < other.figures.failures.high
        and one.figures.good_refused.high < other.figures.good_refused.high
    )


async def test_ranges_that_are_none_and_too_long_ones_are_refused(
    backend: Backend, redis_url: str, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await written(backend, redis_url, namespace, 3)
    with pytest.raises(ConfigError, match="until_ms"):
        await what_if(backend, "a", {}, BEGIN + 5, BEGIN + 5)
    with pytest.raises(ConfigError, match="not in the future"):
        await what_if(backend, "a", {}, 1 << 46, 1 << 47)
    with pytest.raises(ConfigError, match="at most 400 days"):
        await what_if(backend, "a", {}, 5, log[-1][0] + 1)
    monkeypatch.setattr(module, "MAX_EVENTS", 1000)
    with pytest.raises(ConfigError, match="at most 1,000 events"):
        await what_if(backend, "a", {}, BEGIN, log[-1][0] + 1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"failure_threshold": 0}, "settings.failure_threshold: 0 is not allowed"),
        ({"failure_treshold": 3}, "settings.failure_treshold: 3 is not allowed; expected one of"),
        ({"max_concurrent_calls": 3}, "settings.max_concurrent_calls"),
    ],
)
def test_settings_that_cannot_be_tried_are_named(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        checked_patch(values, "settings.")


def test_settings_to_try_are_in_their_own_types_and_may_be_the_default() -> None:
    assert checked_patch({"failure_threshold": "default", "timeout_seconds": 3}) == {
        "failure_threshold": 5,
        "timeout_seconds": 3.0,
    }


@pytest.mark.parametrize("adaptive", [False, True])
async def test_a_trimmed_log_begins_where_its_origin_stands(
    backend: Backend, redis_url: str, namespace: str, adaptive: bool
) -> None:
    log = lively_log(random.Random(5), 1500)
    if adaptive:
        settings = CircuitBreakerConfig(adaptive=True, failure_rate_threshold=0.9)
        log[:0] = [(log[0][0] - 1, 0, ConfigChanged(1, settings.to_wire(), "ann"))]
        log = [one for n, one in enumerate(log) if n == 0 or not isinstance(one[2], ConfigChanged)]
    await fill(backend, "a", log)
    await fold(backend, redis_url, namespace, "a")
    log = await log_of(backend, "a")  # with the ticks
    until_ms = log[-1][0] + 10_000
    since_ms = log[900][0] + 1
    before = await what_if(backend, "a", {}, since_ms, until_ms)
    shard = backend.keys.shards[backend.keys.shard_of("a")]
    await backend.wire.call("HSETNX", shard.agents, "a", b"1 " + b"\x91\x90")
    token = await backend.fcall(*lease_call(shard, "trimmer", 0, by_force=True))
    kept = msgspec.structs.replace(Retention.forever(), outcomes=700)
    trimmer = Trimmer(backend, backend.wire, kept, 500)
    assert (await trimmer.trim_shard(shard, token)).entries > 500
    found = await what_if(backend, "a", {}, since_ms, until_ms)
    assert found.comparison.total == before.comparison.total
    assert found.comparison.recorded == before.comparison.recorded
    assert found.begun_ms == before.begun_ms == log[0][0]
    early = await what_if(backend, "a", {}, log[10][0], until_ms)
    assert not early.complete
    whole_log = await what_if(backend, "a", PATCH, since_ms, until_ms)
    assert whole_log.comparison.until_ms == found.comparison.until_ms
