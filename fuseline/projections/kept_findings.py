"""What can be wrong with retention: removals that are not noted, an archive that stands still."""

from __future__ import annotations

from fuseline.core.errors import BackendError
from fuseline.events.archived import load_forgotten, waiting_since
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.removed import find_strays
from fuseline.projections.explain import seconds
from fuseline.projections.findings import Finding, Level, some
from fuseline.schemas.moments import iso

_WAITS_DAYS = 2.0
"""Entries that wait longer for the archive are told of; one is run at least once a day."""


async def archive(backend: Backend, agents: list[AgentKeys]) -> Finding:
    """Whether what waits for the archive gets there; until then nothing of it is trimmed."""
    try:
        waiting = await waiting_since(backend, agents)
        given_up = await load_forgotten(backend)
    except BackendError as error:
        return Finding("archive", Level.PROBLEM, str(error), "remove the foreign key")
    past = ""
    if given_up:
        last = given_up[-1]
        past = f"; the one before was given up {iso(last.at_ms)} by {last.actor}: {last.reason}"
    if waiting is None:
        return Finding("archive", Level.OK, f"nobody archives{past}")
    now_ms = await backend.learn_time()
    oldest_ms = min(waiting.values(), default=now_ms)
    days = (now_ms - oldest_ms) / 86_400_000
    if days > _WAITS_DAYS:
        late = [name for name, at in waiting.items() if now_ms - at > _WAITS_DAYS * 86_400_000]
        return Finding(
            "archive",
            Level.WARNING,
            f"entries of {some(late)} wait for the archive, the oldest for {days:.0f} days; until "
            f"they are there nothing from then on is trimmed{past}",
            "run `fuseline archive`; `fuseline archive --off` if nobody is to archive any more, "
            "`--forget` if the archive is lost",
        )
    late_seconds = max(0, now_ms - oldest_ms) / 1000
    text = f"the oldest entry waits for {seconds(late_seconds)}" if waiting else "all is archived"
    return Finding("archive", Level.OK, f"{text}{past}")


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
