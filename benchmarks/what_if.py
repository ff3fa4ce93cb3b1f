"""What-if over 1,000,000 events, and 200 settings tried on 100,000: reading and folding apart.

The plain fold of the same entries stands beside them, as the yardstick of the machine.
"""

from __future__ import annotations

import time
from typing import Any

from benchmarks import fuseline_parts as parts
from benchmarks import timeline_logs as logs
from benchmarks.report import Target, table, targets
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


async def read(backend: Backend, agent: str) -> tuple[list[list[Entry]], float]:
    """The pages of a log, and the seconds that reading took."""
    begin = time.perf_counter()
    pages = [page async for page in read_all(backend, backend.keys.agent(agent))]
    return pages, time.perf_counter() - begin


def folded(pages: list[list[Entry]]) -> dict[str, float]:
    """Seconds of folding pages that are in memory: plainly, and both ways at once."""
    found = {}
    begin = time.perf_counter()
    circuit = initial()
    for page in pages:
        fold_in_place(circuit, page)
    found["plain fold"] = time.perf_counter() - begin
    begin = time.perf_counter()
    asked = WhatIf(initial(), STRICTER, pages[0][0][0], pages[-1][-1][0] + 1)
    for page in pages:
        asked.take(page)
    asked.finish()
    found["what-if fold"] = time.perf_counter() - begin
    return found


def searched(pages: list[list[Entry]]) -> tuple[float, int]:
    """Seconds of trying settings on pages that are in memory, and how many settings."""
    begin = time.perf_counter()
    search = Search(initial(), pages[0][0][0], pages[-1][-1][0] + 1)
    for page in pages:
        search.take(page)
    search.finish()
    patches = settings_to_try(search.record.recorded.circuit.config)
    trials = ranked(list(search.trials(patches, Cost())))
    return time.perf_counter() - begin, len(trials)


async def run(url: str, *, quick: bool = False) -> dict[str, Any]:
    """Measure, print, and return the JSON part."""
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
            pages, seconds = await read(backend, name)
            figures = {"reading": seconds, **folded(pages)}
            until_ms = pages[-1][-1][0] + 1
            del pages
            begin = time.perf_counter()
            await what_if(backend, name, STRICTER, logs.BEGIN, until_ms)
            figures["what-if, whole"] = time.perf_counter() - begin
            slowest_what_if = max(slowest_what_if, figures["what-if, whole"])
            few_name = f"few-{name}"
            await logs.write(backend, few_name, make(few))
            pages, _ = await read(backend, few_name)
            figures["search, in memory"], tried = searched(pages)
            begin = time.perf_counter()
            await propose(backend, few_name, logs.BEGIN, pages[-1][-1][0] + 1, Cost())
            figures["search, whole"] = time.perf_counter() - begin
            slowest_search = max(slowest_search, figures["search, whole"])
            result[name] = figures | {"settings": tried}
            for label, value in figures.items():
                count = few * tried if "search" in label else events
                rows.append([name, label, f"{value:.2f}", f"{count / value:,.0f}"])
    finally:
        await backend.close()
    print(f"\nWhat-if over {events:,} events, {tried} settings over {few:,}\n")
    print(table(["log", "", "s", "events folded/s"], rows, markdown=True))
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
