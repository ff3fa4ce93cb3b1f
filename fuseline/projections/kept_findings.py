"""What retention can be wrong about: removed agents that nobody wrote down."""

from __future__ import annotations

from fuseline.core.errors import BackendError
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys
from fuseline.events.removed import find_strays
from fuseline.projections.findings import Finding, Level, some


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
