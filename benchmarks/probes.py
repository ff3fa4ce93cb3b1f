"""What happens to probes when many processes share one breaker: six scripts, real processes.

The same scripts drive every library through its adapter; the table is ready for the comparison
page. Short times throughout: OPEN lasts 1 s, a probe's lease (where there is one) 2 s.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from typing import Any

from benchmarks.children import Child, ChildError, children, soon
from benchmarks.peers import (
    AiobreakerRedis,
    AiobreakerRedisPackage,
    AsyncbreakerRedis,
    InterlockRedis,
    PurgatoryRedis,
    PybreakerRedis,
)
from benchmarks.report import table
from benchmarks.subjects import Fuseline, Subject

TIMEOUT = 1.0
LEASE = 2.0
LIMIT = 3
PROCESSES = 8
CALLERS = 50
CAP = 12.0
MARGIN = 0.8  # past OPEN's end: pollers have looked, whole-second clocks have turned
SUBJECTS: tuple[type[Subject], ...] = (
    Fuseline,
    InterlockRedis,
    PurgatoryRedis,
    PybreakerRedis,
    AsyncbreakerRedis,
    AiobreakerRedis,
    AiobreakerRedisPackage,
)
Cell = tuple[str, Any]  # what the table says, and the figure behind it


def settings(limit: int, *, timeout: float = TIMEOUT, lease: float = LEASE) -> dict[str, Any]:
    """A fresh agent for every script, so none meets another's leftovers."""
    name = f"probe-{uuid.uuid4().hex[:10]}"
    return {"name": name, "threshold": 3, "timeout": timeout, "limit": limit, "lease": lease}


async def ready(workers: list[Child], chosen: dict[str, Any]) -> None:
    """All processes hold the breaker and have made one good call through it."""
    for worker in workers:
        await worker.ask("open", **chosen)
        await worker.ask("call")


async def until_half_open(worker: Child) -> None:
    """Trip it and wait until OPEN is over."""
    await worker.ask("trip")
    await asyncio.sleep(TIMEOUT + MARGIN)


async def burst_at_half_open(kind: type[Subject], url: str) -> Cell:
    """8 processes x 50 callers at one moment: how many reach the callee?"""
    async with children("benchmarks.probe_worker", PROCESSES, kind.key, url) as workers:
        await ready(workers, settings(LIMIT))
        await until_half_open(workers[0])
        at_ns = soon(0.4)
        for worker in workers:
            # The callee outlasts the burst: nobody is admitted because a probe had ended.
            await worker.send("burst", callers=CALLERS, hold=1.0, at_ns=at_ns)
        answers = [await worker.answer() for worker in workers]
    reached = sum(answer["reached"] for answer in answers)
    strange = sorted({name for answer in answers for name in answer["strange"]})
    return f"{reached}" + (f" ({', '.join(strange)})" if strange else ""), reached


def recovery(answer: dict[str, Any], state: str) -> Cell:
    """The cell for a time to recovery."""
    seconds = answer["seconds"]
    if seconds is None:
        return f"not within {CAP:.0f} s, {answer['rejected']} rejected", None
    return f"{seconds:.1f} s ({state} meanwhile)" if seconds >= 0.1 else "at once", seconds


async def cancelled_probe(kind: type[Subject], url: str) -> Cell:
    """The only probe is cancelled; then a caller every 0.2 s: when is one let through?"""
    async with children("benchmarks.probe_worker", 2, kind.key, url) as (holder, caller):
        await ready([holder, caller], settings(1))
        await until_half_open(holder)
        if not (await holder.ask("start", call="probe"))["admitted"]:
            return "no probe was admitted", None
        await holder.ask("end", call="probe", how="cancel")
        state = (await caller.ask("state"))["state"]
        return recovery(await caller.ask("steady", every=0.2, cap=CAP), state)


async def killed_probe(kind: type[Subject], url: str) -> Cell:
    """The process of the only probe is killed; then a caller every 0.2 s."""
    async with children("benchmarks.probe_worker", 2, kind.key, url) as (holder, caller):
        await ready([holder, caller], settings(1))
        await until_half_open(holder)
        if not (await holder.ask("start", call="probe"))["admitted"]:
            return "no probe was admitted", None
        await holder.kill()
        state = (await caller.ask("state"))["state"]
        return recovery(await caller.ask("steady", every=0.2, cap=CAP), state)


async def result_of_round_one(kind: type[Subject], url: str) -> Cell:
    """A probe of round 1 succeeds in round 2, whose limit is 2: does it count there?

    Round 1 ends because another probe fails; where one failure does not end a round (interlock),
    because calls begun before the trip fail late in a third process.
    """
    async with children("benchmarks.probe_worker", 3, kind.key, url) as (first, second, third):
        await ready([first, second, third], settings(2, lease=10.0))
        for number in range(3):
            await third.ask("start", call=f"early-{number}")
        await until_half_open(first)
        if not (await first.ask("start", call="round-1"))["admitted"]:
            return "no probe was admitted", None
        await second.ask("call", how="fail")
        await asyncio.sleep(0.1)
        for number in range(3):
            await third.ask("end", call=f"early-{number}", how="fail")
        await asyncio.sleep(0.1)
        if (state := (await first.ask("state"))["state"]) != "OPEN":
            return f"no second round ({state})", None
        await asyncio.sleep(TIMEOUT + MARGIN)
        if not (await second.ask("start", call="round-2"))["admitted"]:
            return "no probe of round 2 was admitted", None
        await first.ask("end", call="round-1", how="ok")
        await asyncio.sleep(0.3)
        early = (await second.ask("state"))["state"]
        await second.ask("end", call="round-2", how="ok")
        await asyncio.sleep(0.3)
        late = (await second.ask("state"))["state"]
    if early == "CLOSED":
        return "closes round 2 alone", True
    return ("counted", True) if late == "CLOSED" else ("no effect", False)


async def new_process(kind: type[Subject], url: str) -> Cell:
    """A process that has never seen the circuit starts while it is OPEN: first 20 calls."""
    chosen = settings(1, timeout=30.0, lease=30.0)
    async with children("benchmarks.probe_worker", 2, kind.key, url) as (old, new):
        await ready([old], chosen)
        await old.ask("trip")
        await new.ask("open", **chosen)
        reached = (await new.ask("burst", callers=20, hold=0.05))["reached"]
    return f"{reached} of 20", reached


async def cancelled_calls(kind: type[Subject], url: str) -> Cell:
    """Three calls cancelled by their callers at a threshold of three: the state after."""
    async with children("benchmarks.probe_worker", 1, kind.key, url) as (worker,):
        await ready([worker], settings(1))
        for _ in range(3):
            await worker.ask("call", how="cancel")
        await asyncio.sleep(0.2)
        state = (await worker.ask("state"))["state"]
    return f"{state}", state


SCRIPTS: dict[str, Callable[[type[Subject], str], Awaitable[Cell]]] = {
    f"{PROCESSES} x {CALLERS} callers at HALF_OPEN, limit {LIMIT}: admitted": burst_at_half_open,
    "its only probe cancelled: next call admitted after": cancelled_probe,
    f"its probe's process killed (lease {LEASE:.0f} s): after": killed_probe,
    "a round-1 success arriving in round 2 (limit 2)": result_of_round_one,
    "a new process's first burst while OPEN: admitted": new_process,
    "three cancelled calls, threshold three": cancelled_calls,
}


async def script(name: str, kind: type[Subject], url: str, rounds: int) -> Cell:
    """One cell; the burst is repeated, because a race may be won by luck."""
    run = SCRIPTS[name]
    try:
        if run is not burst_at_half_open:
            return await run(kind, url)
        cells = [await run(kind, url) for _ in range(rounds)]
    except ChildError as error:
        return f"failed: {error}", None
    admitted = [cell[1] for cell in cells]
    low, high = min(admitted), max(admitted)
    errors = sorted({cell[0].partition(" ")[2] for cell in cells} - {""})
    said = f"{low}" if low == high else f"{low} to {high}"
    return " ".join([said, *errors]), admitted


async def run(url: str, *, quick: bool = False) -> dict[str, Any]:
    """Run every script for every installed subject, print the table, return the JSON part."""
    kinds = [kind for kind in SUBJECTS if kind.installed()]
    kinds = kinds[:4] if quick else kinds
    cells: dict[str, dict[str, Cell]] = {name: {} for name in SCRIPTS}
    for kind in kinds:
        for name in SCRIPTS:
            cells[name][kind.key] = await script(name, kind, url, rounds=1 if quick else 10)
            print(f"{kind.key}: {name}: {cells[name][kind.key][0]}", flush=True)
    head = ["", *(f"{kind.key} {kind.version()}".strip() for kind in kinds)]
    rows = [[name, *(found[kind.key][0] for kind in kinds)] for name, found in cells.items()]
    print("\nProbes over several processes\n")
    print(table(head, rows, markdown=True))
    notes = [f"{kind.key}: {kind.note}." for kind in kinds if kind.note]
    print("\n" + "\n".join(notes))
    return {
        "versions": {kind.key: kind.version() for kind in kinds},
        "scripts": {
            name: {key: {"says": cell[0], "figure": cell[1]} for key, cell in found.items()}
            for name, found in cells.items()
        },
    }
