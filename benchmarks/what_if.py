"""What-if over 1,000,000 events, and 200 settings tried on 100,000: reading and folding apart.

The plain fold of the same entries stands beside them, as the yardstick of the machine.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks import fuseline_parts as parts
from benchmarks import timeline_logs as logs
from benchmarks.report import Target, table, targets
from fuseline.cli.collector import relax
from fuseline.core.fold import fold_in_place, initial
from fuseline.core.what_if.comparing import WhatIf
from fuseline.core.what_if.search import Cost, Search, ranked, settings_to_try
from fuseline.events.backend import Backend
from fuseline.events.log import Entry, read_all
from fuseline.events.settings import BackendSettings
from fuseline.projections.what_if import propose, what_if

WHAT_IF_SECONDS, PROPOSE_SECONDS = 2.0, 10.0
STRICTER = {"failure_threshold": 4, "timeout_seconds": 60.0}
LOGS = {"month": logs.month, "hour": logs.hour}


class Watch:
    """Seconds since it was made.

    Those of this process alone stand beside those of the wall: they are what a busy machine does
    not change.
    """

    def __init__(self) -> None:
        self._wall, self._own = time.perf_counter(), time.process_time()

    def read(self) -> tuple[float, float]:
        """By the wall, and of this process."""
        return time.perf_counter() - self._wall, time.process_time() - self._own


async def read(backend: Backend, agent: str) -> list[list[Entry]]:
    """The pages of a log."""
    return [page async for page in read_all(backend, backend.keys.agent(agent))]


async def reading(backend: Backend, agent: str) -> tuple[float, float]:
    """Seconds of reading a log, a page in memory at a time."""
    watch = Watch()
    async for _ in read_all(backend, backend.keys.agent(agent)):
        pass
    return watch.read()


def folded(pages: list[list[Entry]]) -> dict[str, tuple[float, float]]:
    """Seconds of folding pages that are in memory: plainly, and both ways at once."""
    found = {}
    watch = Watch()
    circuit = initial()
    for page in pages:
        fold_in_place(circuit, page)
    found["plain fold"] = watch.read()
    watch = Watch()
    asked = WhatIf(initial(), STRICTER, pages[0][0][0], pages[-1][-1][0] + 1)
    for page in pages:
        asked.take(page)
    asked.finish()
    found["what-if fold"] = watch.read()
    return found


def searched(pages: list[list[Entry]]) -> tuple[tuple[float, float], int]:
    """Seconds of trying settings on pages that are in memory, and how many settings."""
    watch = Watch()
    search = Search(initial(), pages[0][0][0], pages[-1][-1][0] + 1)
    for page in pages:
        search.take(page)
    search.finish()
    patches = settings_to_try(search.record.recorded.circuit.config)
    trials = ranked(list(search.trials(patches, Cost())))
    return watch.read(), len(trials)


async def run(url: str, *, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the JSON part."""
    relax()  # as commands do
    events, few = (50_000, 10_000) if quick else (1_000_000, 100_000)
    backend = await Backend.open(
        BackendSettings(url=url, namespace=parts.NAMESPACE, timeout_seconds=60)
    )
    rows: list[list[str]] = []
    result: dict[str, Any] = {}
    slowest_what_if = slowest_search = 0.0
    try:
        for name, make in LOGS.items():
            await logs.write(backend, name, make(events))
            pages = await read(backend, name)
            figures = folded(pages)
            until_ms = pages[-1][-1][0] + 1
            del pages
            figures["reading"] = await reading(backend, name)
            watch = Watch()
            await what_if(backend, name, STRICTER, logs.BEGIN, until_ms)
            figures["what-if, reading included"] = watch.read()
            slowest_what_if = max(slowest_what_if, figures["what-if, reading included"][0])
            few_name = f"few-{name}"
            await logs.write(backend, few_name, make(few))
            pages = await read(backend, few_name)
            figures["search, in memory"], tried = searched(pages)
            watch = Watch()
            await propose(backend, few_name, logs.BEGIN, pages[-1][-1][0] + 1, Cost())
            figures["search, reading included"] = watch.read()
            slowest_search = max(slowest_search, figures["search, reading included"][0])
            result[name] = figures | {"settings": tried}
            for label, (wall, own) in figures.items():
                count = few * tried if "search" in label else events
                rows.append([name, label, f"{wall:.2f}", f"{own:.2f}", f"{count / wall:,.0f}"])
    finally:
        await backend.close()
    print(f"\nWhat-if over {events:,} events, {tried} settings over {few:,}\n")
    print(table(["log", "", "s", "s of the process", "events/s"], rows, markdown=True))
    met = [
        Target(
            "what-if, reading included",
            f"{slowest_what_if:.2f} s",
            f"<= {WHAT_IF_SECONDS:g} s",
            slowest_what_if <= WHAT_IF_SECONDS,
        ),
        Target(
            "proposals, reading included",
            f"{slowest_search:.2f} s",
            f"<= {PROPOSE_SECONDS:g} s",
            slowest_search <= PROPOSE_SECONDS,
        ),
    ]
    print("\n" + targets(met))
    return result | {"targets": [target.row() for target in met]}
