"""Changes of agents that are in force when a command returns."""

from __future__ import annotations

from collections.abc import Sequence

from fuseline.cli.exits import Exit, report_text
from fuseline.cli.force import WAIT_SECONDS
from fuseline.cli.options import Options
from fuseline.events.backend import Backend
from fuseline.projections.word import last_control, wait_until_folded


async def until_folded(backend: Backend, agents: Sequence[str], options: Options) -> Exit:
    """Waits until the last change of each agent is folded; says so if one is not."""
    for agent in agents:
        event_id = await last_control(backend, agent)
        if event_id and not await wait_until_folded(backend, agent, event_id, WAIT_SECONDS):
            report_text(
                "the changes are in the log, but no projector folds them; see `fuseline doctor`",
                "NotFoldedError",
                Exit.FAILED,
                as_json=options.as_json,
            )
            return Exit.FAILED
    return Exit.OK
