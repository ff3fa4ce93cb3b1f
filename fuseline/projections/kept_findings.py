"""What can be wrong with retention: removals that are not noted, an archive that stands still."""

from __future__ import annotations

from fuseline.core.errors import BackendError
from fuseline.core.retention import DAY_MS
from fuseline.events.archived import load_forgotten, waiting_since
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.removed import find_strays
from fuseline.projections.explain import seconds
from fuseline.projections.findings import Finding, Level, some
from fuseline.schemas.moments import iso

_WAITS_DAYS = 2.0
"""Entries that wait longer for the archive are told of; one is run at least once a day."""


async def archive(backend: Backend, agents: list[AgentKeys]) -> list[Finding]:
    """Whether what waits for the archive gets there; until then nothing of it is trimmed."""
    try:
        waiting = await waiting_since(backend, agents)
        given_up = await load_forgotten(backend)
    except BackendError as error:
        return [Finding("archive", Level.PROBLEM, str(error), "remove the foreign key")]
    found = [_waiting(waiting, await backend.learn_time())]
    if given_up:
        last = given_up[-1]
        text = f"one was given up {iso(last.at_ms)} by {last.actor}: {last.reason}"
        found.append(Finding("archive", Level.OK, text))
    return found


def _waiting(waiting: dict[str, int] | None, now_ms: int) -> Finding:
    if waiting is None:
        return Finding("archive", Level.OK, "nobody archives")
    if not waiting:
        return Finding("archive", Level.OK, "all is archived")
    days = (now_ms - min(waiting.values())) / DAY_MS
    if days <= _WAITS_DAYS:
        text = f"the oldest entry waits for {seconds(max(0.0, days) * 86_400)}"
        return Finding("archive", Level.OK, text)
    late = [name for name, at_ms in waiting.items() if now_ms - at_ms > _WAITS_DAYS * DAY_MS]
    return Finding(
        "archive",
        Level.WARNING,
        f"entries of {some(late)} wait for the archive, the oldest for {days:.0f} days; until they "
        "are there nothing from then on is trimmed",
        "run `fuseline archive`; `fuseline archive --off` if nobody is to archive any more, "
        "`--forget` if the archive is lost",
    )


async def removed(backend: Backend, left: list[AgentKeys]) -> Finding:
    """Agents that have left the registry, and whether retention knows of them."""
    try:
        strays = await find_strays(backend)
    except BackendError as error:
        fix = "look with a user that may SCAN"
        return Finding("removed", Level.WARNING, f"cannot be looked for: {error}", fix)
    if strays:
        return Finding(
            "removed",
            Level.WARNING,
            f"no removal of {some([agent.name for agent in strays])} is noted, though they are not "
            "registered: what is left of them stays for ever",
            "`fuseline rebuild` notes it; then retention sees to it",
        )
    if not left:
        return Finding("removed", Level.OK, "no removed agents")
    names = some([agent.name for agent in left])
    return Finding("removed", Level.OK, f"{len(left)} removed agents still have a past: {names}")
