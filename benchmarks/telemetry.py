"""What telemetry costs a guarded call: without, off, on in a trace that is not sampled, and on.

Each kind in a process of its own, because providers are set once; their rounds alternate, and a
ratio is the median over pairs of rounds. Two processes of one kind differ by some percent, so there
are several generations of them. A no-op callee shows the breaker's own part (`on` makes a
stand-in for a span and hands it on; the real span is made later, off the hot path), an agent over
HTTP on loopback what a caller notices. `without` is `CircuitBreaker.call` with the lines about
telemetry taken out of its source.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any

from benchmarks.children import Child, children
from benchmarks.report import Target, middle, table, targets

CHILD = "benchmarks.telemetry_child"
AGENT = "benchmarks.executor_agent"
KINDS = ("without", "off", "unsampled", "on")
REFERENCE = {"without": "without", "off": "without", "unsampled": "off", "on": "off"}
OFF_COSTS = 1.03
ON_COSTS = 2.0

Rounds = dict[str, list[dict[str, float]]]


async def measure(members: dict[str, Child], rounds: int, calls: int) -> Rounds:
    """Rounds of all kinds, in alternating order."""
    found: Rounds = {kind: [] for kind in members}
    for number in range(rounds):
        for kind in members if number % 2 == 0 else reversed(members):
            found[kind].append(await members[kind].ask("measure", calls=calls))
    return found


def ratio(found: Rounds, kind: str, over: str) -> float:
    """The median over pairs of rounds."""
    pairs = zip(found[kind], found[over], strict=True)
    return middle(one["p50"] / other["p50"] for one, other in pairs)


async def scene(url: str, agent: str, rounds: int, calls: int) -> Rounds:
    """All kinds, connected, measured and closed."""
    async with AsyncExitStack() as stack:
        started = await stack.enter_async_context(children(CHILD, len(KINDS)))
        members = dict(zip(KINDS, started, strict=True))
        for kind, member in members.items():
            await member.ask("begin", url=url, kind=kind, agent=agent)
        found = await measure(members, rounds, calls)
        for member in members.values():
            await member.ask("end")
    return found


async def run(url: str, *, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the JSON part."""
    rounds, generations = (5, 1) if quick else (7, 7)
    document: dict[str, Any] = {}
    met: list[Target] = []
    async with AsyncExitStack() as stack:
        (agent,) = await stack.enter_async_context(children(AGENT, 1))
        address = f"http://127.0.0.1:{(await agent.ask('listen'))['port']}"
        for callee, where, calls in (("no-op", "", 5000), ("HTTP", address, 300)):
            found: Rounds = {kind: [] for kind in KINDS}
            for _ in range(generations):
                for kind, more in (await scene(url, where, rounds, calls)).items():
                    found[kind] += more
            rows = []
            for kind in KINDS:
                over = ratio(found, kind, REFERENCE[kind])
                p50, p99 = (middle(one[name] for one in found[kind]) for name in ("p50", "p99"))
                rows.append([kind, f"{p50:.2f}", f"{p99:.2f}", f"{over:.3f}", REFERENCE[kind]])
                document[f"{callee}/{kind}"] = {"p50_us": p50, "p99_us": p99, "ratio": over}
                if kind == "off":
                    met.append(_target(callee, "off", over, OFF_COSTS))
                elif kind != "without":
                    met.append(_target(callee, kind, over, ON_COSTS))
            print(f"\nTelemetry: a guarded call, {callee} callee\n")
            print(table(["us a call", "p50", "p99", "ratio", "to"], rows))
    print("\n" + targets(met))
    return document | {"targets": [target.what for target in met if target.met]}


def _target(callee: str, kind: str, over: float, wanted: float) -> Target:
    what = f"{callee} callee, {kind}, to {REFERENCE[kind]}"
    return Target(what, f"{over:.3f}x", f"< {wanted:g}x", over < wanted)
