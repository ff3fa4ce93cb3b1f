"""Logs with a past: entries under ids of their own, and counting them the plain way."""

import contextlib
import random
from collections.abc import Sequence

from fuseline.core.circuit import Circuit, CircuitState
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import (
    AnyEvent,
    ConfigChanged,
    Mode,
    Outcome,
    OverrideSet,
    ProbeStarted,
    Result,
    Tick,
    UnreadableEvent,
)
from fuseline.core.fold import fold_in_place, initial
from fuseline.events.backend import Backend
from fuseline.events.codec import encode_event
from fuseline.events.log import Entry
from fuseline.projections.leases import lease_call
from fuseline.projections.tally import Sum
from tests.logbook import folded, log_of
from tests.projections.support import projecting, until_folded

HOUR = 3_600_000
BEGIN = 1_700_000_000_000 // HOUR * HOUR
"""A full hour in the past."""


async def fill(backend: Backend, agent: str, entries: Sequence[Entry]) -> None:
    """Writes entries under their ids, and tells the projector."""
    keys = backend.keys.agent(agent)
    shard = backend.keys.shards[keys.shard]
    for start in range(0, len(entries), 1000):
        await backend.wire.call_many(
            [
                ("XADD", keys.events, f"{ms}-{seq}", "e", _encoded(event))
                for ms, seq, event in entries[start : start + 1000]
            ]
        )
    await backend.wire.call("SADD", shard.dirty, agent)
    await backend.wire.call("XADD", shard.wake, "*", "a", agent)


def _encoded(event: AnyEvent) -> bytes:
    return event.raw if isinstance(event, UnreadableEvent) else encode_event(event)


async def fold(backend: Backend, url: str, namespace: str, agent: str) -> None:
    """Lets a projector fold everything, and ends it."""
    done = False
    while not done:  # it may have been ended between writing a tick and folding it
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(projecting(url, namespace))
            await until_folded(backend, agent)
        await fence(backend, agent)
        done = await folded(backend, agent)


async def fence(backend: Backend, agent: str) -> None:
    """What an ended projector has sent and the server has not yet carried out is refused."""
    shard = backend.keys.shards[backend.keys.shard_of(agent)]
    token = await backend.fcall(*lease_call(shard, "nobody", 0, by_force=True))
    await backend.fcall("release", (shard.lease,), (token,))


def random_event(chance: random.Random) -> AnyEvent:
    """Mostly successes; now and then anything else that a log holds."""
    pick = chance.random()
    if pick < 0.03:
        return ProbeStarted(0, 1000, 1)
    if pick < 0.05:
        return Tick()
    result = Result.SUCCESS if pick < 0.8 else Result(chance.randrange(6))
    duration = int(chance.expovariate(1 / 200)) if pick < 0.9 else chance.randrange(1 << 20)
    return Outcome(99, result, duration)


def random_log(chance: random.Random, count: int, begin_ms: int = BEGIN) -> list[Entry]:
    """Entries in bursts, trickles and long silences; many share a ms."""
    entries: list[Entry] = []
    ms, seq, gap = begin_ms, 0, 1.0
    while len(entries) < count:
        if chance.random() < 0.02:
            gap = chance.choice([0.3, 5, 50, 700, 5_000, 40_000, 500_000, 4_000_000])
            if chance.random() < 0.3:  # exactly at the border of a unit
                ms += -ms % chance.choice([10_000, 60_000, 600_000, HOUR])
                seq = -1 if not entries or entries[-1][0] < ms else seq
        step = int(chance.expovariate(1 / gap))
        seq = 0 if step else seq + 1
        ms += step
        entries.append((ms, seq, random_event(chance)))
    return entries


async def recount(
    backend: Backend, agent: str, from_ms: int, to_ms: int, bucket_ms: int
) -> dict[int, Sum]:
    """The counts by bucket, entry by entry."""
    totals: dict[int, Sum] = {}
    for entry in await log_of(backend, agent):
        if from_ms <= entry[0] < to_ms:
            start = from_ms + (entry[0] - from_ms) // bucket_ms * bucket_ms
            total = totals.setdefault(start, Sum())
            total.counts[_place(entry[2])] += 1
            event = entry[2]
            if isinstance(event, Outcome) and event.result <= Result.TIMEOUT:
                total.longest_ms = max(total.longest_ms, event.duration_ms)
                number = plain_bin(event.duration_ms)
                total.bins[number] = total.bins.get(number, 0) + 1
    return totals


def plain_bin(duration_ms: int) -> int:
    """Bins as they are meant: single ms below 16, then eight equal parts of each octave."""
    if duration_ms < 16:
        return duration_ms
    octave, low = 0, 16
    while duration_ms >= 2 * low:
        octave, low = octave + 1, 2 * low
    return 16 + octave * 8 + (duration_ms - low) * 8 // low


def _place(event: AnyEvent) -> int:
    if isinstance(event, Outcome):
        return int(event.result)
    return 6 if isinstance(event, ProbeStarted) else 7


def lively_log(chance: random.Random, count: int, begin_ms: int = BEGIN) -> list[Entry]:
    """A log as workers make it: outcomes of the epoch they saw, probes, settings, overrides.

    Some outcomes are late, some of an epoch that is over.
    """
    circuit = initial()
    entries: list[Entry] = []
    ms, seq, revision, trouble = begin_ms, 0, 0, 0.1
    while len(entries) < count:
        step = int(chance.expovariate(1 / chance.choice([1, 20, 400, 3000])))
        ms, seq = ms + step, 0 if step else seq + 1
        if chance.random() < 0.01:
            trouble = chance.choice([0.02, 0.3, 0.9])
        event: AnyEvent
        pick = chance.random()
        if pick < 0.004 or not entries:
            revision += 1
            event = ConfigChanged(revision, random_config(chance).to_wire(), "ann", "tuning")
        elif pick < 0.007:
            mode = chance.choice(list(Mode))
            reset = mode is Mode.AUTO and chance.random() < 0.5
            event = OverrideSet(mode, "bob", "a drill", chance.choice([0, 5000]), reset)
        elif pick < 0.01:
            event = UnreadableEvent(b"\xff", "")
        elif pick < 0.03 or (circuit.next_deadline_ms <= ms and pick < 0.5):
            event = Tick()
        elif circuit.state is CircuitState.HALF_OPEN and pick < 0.4:
            event = ProbeStarted(circuit.epoch, chance.choice([50, 5000]), 1)
        else:
            event = _lively_outcome(chance, circuit, trouble)
        entries.append((ms, seq, event))
        fold_in_place(circuit, entries[-1:])
    return entries


def _lively_outcome(chance: random.Random, circuit: Circuit, trouble: float) -> Outcome:
    failed = chance.choice([Result.FAILURE, Result.TIMEOUT])
    result = failed if chance.random() < trouble else Result.SUCCESS
    if chance.random() < 0.05:
        result = Result(chance.randrange(6))
    permit = None
    if circuit.probes and chance.random() < 0.8:
        permit = chance.choice(sorted(circuit.probes))
    return Outcome(
        max(0, circuit.epoch - (chance.random() < 0.1)),
        result,
        int(chance.expovariate(1 / 60)),
        age_ms=chance.choice([0, 0, 0, 3, 500, 20_000]),
        worker=chance.randrange(1, 4),
        failure_kind="Boom" if result in (Result.FAILURE, Result.TIMEOUT) else "",
        permit=permit,
    )


def random_config(chance: random.Random) -> CircuitBreakerConfig:
    return CircuitBreakerConfig(
        failure_threshold=chance.choice([None, 2, 5, 12]),
        failure_rate_threshold=chance.choice([None, 0.2, 0.5]),
        minimum_calls=chance.choice([1, 5, 20]),
        window_size_seconds=chance.choice([1.0, 10.0, 90.0]),
        timeout_seconds=chance.choice([0.5, 5.0]),
        slow_call_seconds=chance.choice([None, 0.05, 0.2]),
        slow_call_rate_threshold=chance.choice([0.3, 0.8]),
        half_open_max_calls=chance.choice([1, 3]),
    )
