"""Logs with a past for the timeline's benchmark: valid events, under ids of their own.

A log cannot be written into the past through the recorder, so the entries are made here, as the
recorder encodes them; a real projector folds them then.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from fuseline.core.circuit import CircuitState
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import ConfigChanged, Outcome, ProbeStarted, Result, Tick
from fuseline.core.fold import fold_in_place, initial
from fuseline.events.backend import Backend
from fuseline.events.codec import encode_event
from fuseline.events.log import Entry

HOUR = 3_600_000
DAY = 24 * HOUR
BEGIN = 1_750_000_000_000 // DAY * DAY
_AT_ONCE = 2000


def month(count: int, seed: int = 1) -> Iterator[Entry]:
    """Traffic of 30 days: busy days, quiet nights, an incident now and then that opens."""
    chance = random.Random(seed)
    circuit = initial()
    mean_gap = 30 * DAY / count * 0.97
    ms, seq, bad_until, next_incident = BEGIN, 0, 0, BEGIN + DAY // 2
    config = CircuitBreakerConfig(failure_threshold=8, timeout_seconds=20)
    entry: Entry = (ms, seq, ConfigChanged(1, config.to_wire(), "benchmark", "registered"))
    for _ in range(count):
        fold_in_place(circuit, [entry])
        yield entry
        if ms >= next_incident:
            bad_until = ms + int(chance.expovariate(1 / 120_000))
            next_incident = ms + int(chance.expovariate(3 / DAY))
        gap = mean_gap / (1 + 0.8 * math.sin(ms % DAY / DAY * 2 * math.pi))
        step = int(chance.expovariate(1 / gap))
        if circuit.state is CircuitState.OPEN:
            step = max(1, circuit.open_until_ms - ms)
        ms, seq = ms + step, 0 if step else seq + 1
        if circuit.state is CircuitState.OPEN:
            entry = (ms, seq, Tick())
        elif circuit.state is CircuitState.HALF_OPEN and not circuit.probes:
            entry = (ms, seq, ProbeStarted(circuit.epoch, 120_000, 1))
        else:
            permit = next(iter(circuit.probes), None)
            entry = (ms, seq, _outcome(chance, circuit.epoch, ms < bad_until, permit, ms))


def hour(count: int, seed: int = 2) -> Iterator[Entry]:
    """One busy hour without trouble; one call in 10,000 fails."""
    chance = random.Random(seed)
    for number in range(count):
        result = Result.FAILURE if chance.random() < 1e-4 else Result.SUCCESS
        ms = BEGIN + number * HOUR // count
        duration = int(chance.lognormvariate(5, 1))
        yield ms, number, Outcome(0, result, duration, worker=1, seq=number + 1)


def _outcome(
    chance: random.Random, epoch: int, is_bad: bool, permit: str | None, ms: int
) -> Outcome:
    pick = chance.random()
    result = Result.SUCCESS
    if pick < (0.8 if is_bad else 0.002):
        result = Result.TIMEOUT if pick < 0.0005 else Result.FAILURE
    elif pick > 0.99995:
        result = Result.NOT_SENT
    duration = int(chance.lognormvariate(5, 1))
    kind = "http_503" if Result.SUCCESS < result <= Result.TIMEOUT else ""
    return Outcome(
        epoch, result, duration, worker=1, seq=ms, failure_kind=kind, permit=permit, trace=b"t" * 24
    )


async def write(backend: Backend, agent: str, entries: Iterator[Entry]) -> int:
    """Writes a log and says so to the projector; how many entries it has."""
    keys = backend.keys.agent(agent)
    total = 0
    commands = []
    for ms, seq, event in entries:
        commands.append(("XADD", keys.events, f"{ms}-{seq}", "e", encode_event(event)))
        if len(commands) == _AT_ONCE:
            total += len(await backend.wire.call_many(commands))
            commands = []
    if commands:
        total += len(await backend.wire.call_many(commands))
    await backend.wire.call("SADD", backend.keys.shards[keys.shard].dirty, agent)
    return total
