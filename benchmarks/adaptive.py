"""Adaptive thresholds against the fixed defaults: false openings, and how late outages are noticed.

Pure: made-up traffic with known outages runs through the fold of either breaker, which decides what
calls there are at all. Nothing is timed, so the machine does not matter; the seeds are fixed.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from benchmarks.report import Target, middle, table, targets
from fuseline.core.circuit import Circuit, CircuitState, Transition
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Outcome, ProbeStarted, Result
from fuseline.core.fold import advance, fold_in_place, initial

BEGIN = 1_700_000_000_000 // 86_400_000 * 86_400_000
DAY_MS, HOUR_MS = 86_400_000, 3_600_000
WARM_MS = DAY_MS
"""The first day is for learning, and for neither breaker counted."""

FIXED = CircuitBreakerConfig()
ADAPTIVE = CircuitBreakerConfig(adaptive=True)


@dataclass(frozen=True)
class Traffic:
    """How an agent is called, how often it fails, and how bad its outages are."""

    name: str
    per_minute: float
    usual: Callable[[int], float]  # failure rate by ms of the day
    outage: float  # failure rate while one lasts


def always(rate: float) -> Callable[[int], float]:
    return lambda _: rate


def nights(day: float, night: float) -> Callable[[int], float]:
    """One rate from 6 to 22 o'clock, another one at night."""
    return lambda ms: day if 6 * HOUR_MS <= ms < 22 * HOUR_MS else night


SET = (
    Traffic("steady 0.1 %, dies", 60, always(0.001), 1.0),
    Traffic("steady 1 %, half fails", 60, always(0.01), 0.5),
    Traffic("steady 2 %, a third fails", 120, always(0.02), 0.33),
    Traffic("steady 5 %, a quarter fails", 120, always(0.05), 0.25),
    Traffic("flaky 10 %, half fails", 60, always(0.10), 0.5),
    Traffic("flaky 20 %, dies", 60, always(0.20), 1.0),
    Traffic("flaky 30 %, 80 % fails", 60, always(0.30), 0.8),
    Traffic("5 % by day, 25 % by night, 70 % fails", 60, nights(0.05, 0.25), 0.7),
    Traffic("rare calls (6/min), 10 %, dies", 6, always(0.10), 1.0),
    Traffic("rare calls (6/min), 25 %, dies", 6, always(0.25), 1.0),
)


@dataclass
class Found:
    """What one breaker did with one agent's traffic."""

    false: int = 0
    days: float = 0.0
    delays: list[float] = field(default_factory=list)  # seconds; an outage not noticed: its length
    missed: int = 0

    def add(self, other: Found) -> None:
        self.false += other.false
        self.days += other.days
        self.delays += other.delays
        self.missed += other.missed


def outages(rng: random.Random, days: int) -> list[tuple[int, int]]:
    """One of 5 to 20 minutes in every six hours of the days that count."""
    found = []
    for begin in range(BEGIN + WARM_MS, BEGIN + days * DAY_MS, 6 * HOUR_MS):
        start = begin + rng.randrange(HOUR_MS, 5 * HOUR_MS)
        found.append((start, start + rng.randrange(5 * 60_000, 20 * 60_000)))
    return found


def play(traffic: Traffic, config: CircuitBreakerConfig, seed: int, days: int) -> Found:
    """One agent's life: the breaker decides which calls are made."""
    rng = random.Random(seed)
    bad = outages(rng, days)
    circuit = initial(config)
    now, end = BEGIN, BEGIN + days * DAY_MS
    opened: list[int] = []
    at_outage = 0
    mean_ms = 60_000 / traffic.per_minute
    while now < end:
        now += max(1, round(rng.expovariate(1 / mean_ms)))
        while at_outage < len(bad) and bad[at_outage][1] <= now:
            at_outage += 1
        in_outage = at_outage < len(bad) and bad[at_outage][0] <= now
        rate = traffic.outage if in_outage else traffic.usual(now % DAY_MS)
        if _call(circuit, now, failed=rng.random() < rate):
            opened.append(now)
    return _judge(opened, bad, days)


def _call(circuit: Circuit, now: int, *, failed: bool) -> bool:
    """One call, if the circuit lets it through; whether it opened a closed circuit."""
    if circuit.next_deadline_ms <= now:
        twin, _ = advance(circuit, now)
        for name in circuit.__struct_fields__:
            setattr(circuit, name, getattr(twin, name))
    permit = None
    if circuit.state is CircuitState.OPEN:
        return False
    if circuit.state is CircuitState.HALF_OPEN:
        if not circuit.probe_places:
            return False
        seq = circuit.last_seq + 1 if circuit.last_ms == now else 0
        fold_in_place(circuit, [(now, seq, ProbeStarted(circuit.epoch, 60_000))])
        permit = circuit.checkpoint
    seq = circuit.last_seq + 1 if circuit.last_ms == now else 0
    result = Result.FAILURE if failed else Result.SUCCESS
    changes = fold_in_place(circuit, [(now, seq, Outcome(circuit.epoch, result, 5, permit=permit))])
    return any(
        isinstance(change, Transition)
        and change.from_state is CircuitState.CLOSED
        and change.to_state is CircuitState.OPEN
        for change in changes
    )


def _judge(opened: list[int], bad: list[tuple[int, int]], days: int) -> Found:
    """An opening is false unless it falls into an outage, or into the window after it."""
    grace = round(FIXED.window_size_seconds * 1000)
    found = Found(days=days - WARM_MS / DAY_MS)
    for begin, end in bad:
        first = next((at for at in opened if begin <= at < end), None)
        found.delays.append(((first or end) - begin) / 1000)
        found.missed += first is None
    found.false = sum(
        at >= BEGIN + WARM_MS and not any(begin <= at < end + grace for begin, end in bad)
        for at in opened
    )
    return found


async def run(_url: str, *, quick: bool = False) -> dict[str, Any]:
    """The evaluation set under both settings."""
    days, seeds = (3, range(1)) if quick else (6, range(3))
    rows: list[list[str]] = []
    sums = {"fixed": Found(), "adaptive": Found()}
    figures: dict[str, Any] = {}
    for traffic in SET:
        one = {"fixed": Found(), "adaptive": Found()}
        for seed in seeds:
            one["fixed"].add(play(traffic, FIXED, seed, days))
            one["adaptive"].add(play(traffic, ADAPTIVE, seed, days))
        cells = [traffic.name]
        for name, found in one.items():
            sums[name].add(found)
            cells += [
                f"{found.false / found.days:.2f}",
                f"{middle(found.delays):.0f}",
                f"{sum(found.delays) / len(found.delays):.0f}",
                f"{found.missed} of {len(found.delays)}",
            ]
        rows.append(cells)
        figures[traffic.name] = {
            name: {
                "false_per_day": found.false / found.days,
                "delay_mean_seconds": sum(found.delays) / len(found.delays),
                "missed": found.missed,
            }
            for name, found in one.items()
        }
    header = ["traffic", *[f"{name}: {what}" for name in ("fixed", "adaptive") for what in _WHAT]]
    print("\nFixed defaults against adaptive thresholds\n")
    print(table(header, rows, markdown=True))
    fixed, adaptive = sums["fixed"], sums["adaptive"]
    mean = {name: sum(one.delays) / len(one.delays) for name, one in sums.items()}
    met = [
        Target(
            "false openings, adaptive to fixed",
            f"{adaptive.false} to {fixed.false}",
            "at most half",
            adaptive.false * 2 <= fixed.false,
        ),
        Target(
            "mean delay of noticing an outage",
            f"{mean['adaptive']:.0f} s to {mean['fixed']:.0f} s",
            "not later",
            mean["adaptive"] <= mean["fixed"],
        ),
        Target(
            "outages not noticed",
            f"{adaptive.missed} to {fixed.missed}",
            "not more",
            adaptive.missed <= fixed.missed,
        ),
    ]
    print("\n" + targets(met))
    return {**figures, "targets": [target.row() for target in met]}


_WHAT = ("false a day", "median s", "mean s", "missed")
