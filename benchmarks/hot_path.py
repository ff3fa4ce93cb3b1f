"""What one guarded call costs: CLOSED with a no-op callee, and rejected in OPEN.

All subjects run in one process and one event loop, in interleaved rounds of alternating order, so
a slow moment of the machine falls on all of them. Each figure is the median of the rounds.
"""

from __future__ import annotations

import asyncio
import gc
from dataclasses import asdict, dataclass, field
from time import perf_counter_ns
from typing import Any

from benchmarks.memory import Growth, measure_growth
from benchmarks.peers import installed
from benchmarks.report import Target, middle, percentile, table, targets
from benchmarks.subjects import Callee, Settings, Store, Subject, noop

BATCH = 100  # calls between two pauses
PAUSE = 0.0005  # seconds in which background work runs, untimed; no caller saturates a breaker
CALLS_IN_MEMORY = 10_000  # in one round, alone and again in batches
CALLS_OVER_REDIS = 500
FLAT = 4.0  # megabytes a process may breathe without growing


@dataclass
class Figures:
    """Rounds of one subject in one state, in microseconds a call."""

    p50: list[float] = field(default_factory=list)
    p99: list[float] = field(default_factory=list)
    mean: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)

    def medians(self) -> dict[str, float]:
        """The median round of each figure."""
        return {name: round(middle(values), 3) for name, values in asdict(self).items()}


@dataclass
class Measured:
    """One subject with all its rounds."""

    subject: Subject
    closed: Figures = field(default_factory=Figures)
    opened: Figures = field(default_factory=Figures)

    @property
    def calls(self) -> int:
        """Calls in one round."""
        return CALLS_OVER_REDIS if self.subject.store is Store.REDIS else CALLS_IN_MEMORY

    def document(self) -> dict[str, Any]:
        """The subject's part of the JSON."""
        kind = type(self.subject)
        return {
            "subject": kind.key,
            "version": kind.version(),
            "decides": kind.store.value,
            "note": kind.note,
            "closed_us": self.closed.medians(),
            "open_us": self.opened.medians(),
        }


async def one_round(figures: Figures, subject: Subject, call: Callee, calls: int) -> int:
    """Time ``calls`` calls one by one, as many in batches, as many without a pause.

    Returns how many of the ``calls`` timed one by one were rejected. A rejection is caught right
    where the call is awaited, in CLOSED too, where the ``try`` costs nothing.
    """
    rejection = subject.rejection
    gc.collect()
    single: list[int] = []
    rejected = 0
    for done in range(calls):
        begin = perf_counter_ns()
        try:
            await call()
        except rejection:
            rejected += 1
        single.append(perf_counter_ns() - begin)
        if done % BATCH == 0:
            await asyncio.sleep(PAUSE)
    await subject.settle()
    spent = 0
    for _ in range(calls // BATCH):
        begin = perf_counter_ns()
        await batch(call, rejection)
        spent += perf_counter_ns() - begin
        await asyncio.sleep(PAUSE)
    await subject.settle()
    whole = perf_counter_ns()
    for _ in range(calls // BATCH):
        await batch(call, rejection)
        await asyncio.sleep(0)
    await subject.settle()
    whole = perf_counter_ns() - whole
    figures.p50.append(percentile(single, 0.50) / 1000)
    figures.p99.append(percentile(single, 0.99) / 1000)
    figures.mean.append(spent / calls / 1000)
    figures.busy.append(whole / calls / 1000)
    return rejected


async def batch(call: Callee, rejection: type[Exception]) -> None:
    """A hundred calls, admitted or rejected."""
    for _ in range(BATCH):
        try:  # noqa: SIM105 - a context manager would be measured too
            await call()
        except rejection:
            pass


def check(subject: Subject, rejected: int, wanted: int) -> None:
    """Figures of calls that went another way than they should are worth nothing."""
    if rejected != wanted:
        raise RuntimeError(f"{subject.key} rejected {rejected} calls instead of {wanted}")


async def measure(url: str, rounds: int) -> list[Measured]:
    """All subjects side by side, CLOSED first, then tripped and OPEN."""
    subjects = [Measured(kind(Settings())) for kind in installed()]
    for one in subjects:
        await one.subject.setup(url)
    guards = {id(one): one.subject.guard(noop) for one in subjects}
    for one in subjects:  # warm: connections, caches, first load of a circuit
        await one_round(Figures(), one.subject, guards[id(one)], BATCH)
    for number in range(rounds):
        for one in subjects if number % 2 == 0 else reversed(subjects):
            rejected = await one_round(one.closed, one.subject, guards[id(one)], one.calls)
            check(one.subject, rejected, 0)
    guarded = [one for one in subjects if one.subject.store is not Store.NONE]
    for one in guarded:
        await one.subject.trip()
    for number in range(rounds):
        for one in guarded if number % 2 == 0 else reversed(guarded):
            rejected = await one_round(one.opened, one.subject, guards[id(one)], one.calls)
            check(one.subject, rejected, one.calls)
    for one in subjects:
        await one.subject.close()
    return subjects


def rows(found: list[Measured]) -> list[list[str]]:
    """The table's rows, with the ratio of each subject to fuseline (or to the fastest peer)."""
    reference = next((one for one in found if one.subject.key == "fuseline"), None)
    reference = reference or fastest_in_memory(found)
    lines = []
    for one in found:
        closed, opened = one.closed.medians(), one.opened.medians()
        has_open = bool(one.opened.mean)
        lines.append(
            [
                f"{one.subject.key} {one.subject.version()}".strip(),
                *(f"{closed[name]:.2f}" for name in ("p50", "p99", "mean", "busy")),
                f"{1e6 / closed['mean']:,.0f}",
                f"{closed['mean'] / middle(reference.closed.mean):.2f}",
                *(f"{opened[name]:.2f}" if has_open else "" for name in ("p50", "p99", "mean")),
            ]
        )
    return lines


def fastest_in_memory(found: list[Measured]) -> Measured:
    """The peer to beat on one process."""
    peers = [one for one in found if one.subject.store is Store.MEMORY]
    return min(peers, key=lambda one: middle(one.closed.mean))


def promised(found: list[Measured], growth: list[Growth]) -> list[Target]:
    """The hot path's targets; nothing without fuseline."""
    ours = next((one for one in found if one.subject.key == "fuseline"), None)
    if ours is None:
        return []
    mine, rejecting = middle(ours.closed.mean), middle(ours.opened.mean)
    in_all, refusing = middle(ours.opened.busy) / middle(ours.closed.busy), middle(ours.opened.p50)
    p50, fastest = middle(ours.closed.p50), fastest_in_memory(found)
    over = mine / middle(fastest.closed.mean)
    result = [
        Target(f"CLOSED call, to {fastest.subject.key}", f"{over:.2f}x", "<= 2x", over <= 2),
        Target("CLOSED call p50", f"{p50:.2f} us", "<= 1.5 us", p50 <= 1.5),
        Target("OPEN, to CLOSED, caller's", f"{rejecting / mine:.2f}x", "<= 1x", rejecting <= mine),
        Target("OPEN, to CLOSED, in all", f"{in_all:.2f}x", "<= 1x", in_all <= 1),
        Target("OPEN rejection p50", f"{refusing:.2f} us", "<= 1 us", refusing <= 1),
    ]
    for one in found:
        below = middle(one.closed.mean) / mine
        if one.subject.store is Store.REDIS:
            wanted, met = ">= 150x", below >= 150
        elif one.subject.package == "interlock-cb":
            wanted, met = ">= 1x", below >= 1
        else:
            continue
        result.append(Target(f"CLOSED call, below {one.subject.key}", f"{below:.1f}x", wanted, met))
    result += [
        Target(
            f"memory over {grown.rejections:,} rejections",
            f"{grown.megabytes:+.1f} MB",
            f"<= {FLAT} MB",
            grown.megabytes <= FLAT,
        )
        for grown in growth
        if grown.subject == "fuseline"
    ]
    return result


async def run(url: str, *, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the JSON part."""
    found = await measure(url, rounds=3 if quick else 11)
    head = [
        "us a call",
        "p50",
        "p99",
        "mean",
        "busy",
        "calls/s",
        "ratio",
        "OPEN p50",
        "p99",
        "mean",
    ]
    print("\nHot path: CLOSED with a no-op callee, then rejections in OPEN\n")
    print(table(head, rows(found)))
    growth = [
        await measure_growth(kind, url, 100_000 if quick else 1_000_000)
        for kind in installed()
        if kind.key in ("fuseline", "circuitbreaker", "purgatory", "interlock-cb")
    ]
    print("\nMemory over rejections (resident size, a fresh process each)\n")
    print(
        table(
            ["subject", "rejections", "growth"],
            [[g.subject, f"{g.rejections:,}", f"{g.megabytes:+.1f} MB"] for g in growth],
        )
    )
    met = promised(found, growth)
    if met:
        print("\n" + targets(met))
    return {
        "subjects": [one.document() for one in found],
        "memory": [asdict(grown) for grown in growth],
        "targets": [asdict(target) for target in met],
    }
