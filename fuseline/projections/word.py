"""Waiting for the projector's word on an event that was just written."""

from __future__ import annotations

from time import monotonic

import anyio

from fuseline.events.backend import Backend
from fuseline.projections.replay import id_after

_POLL_SECONDS = 0.002
_MOST_SECONDS = 0.02


async def wait_until_folded(
    backend: Backend, agent: str, event_id: str, timeout_seconds: float
) -> bool:
    """Waits until the projection has passed an event; False if it does not in time.

    Raises:
        BackendUnavailableError: the server does not answer.
    """
    key = backend.keys.agent(agent).circuit
    deadline = monotonic() + timeout_seconds
    pause = _POLL_SECONDS
    while True:
        checkpoint = await backend.wire.call("HGET", key, "checkpoint")
        if checkpoint and not id_after(event_id, checkpoint.decode()):
            return True
        if monotonic() >= deadline:
            return False
        await anyio.sleep(pause)
        pause = min(_MOST_SECONDS, pause * 1.5)


async def last_control(backend: Backend, agent: str) -> str | None:
    """Id of the last change of settings, override or removal; None without one."""
    found = await backend.wire.call("HGET", backend.keys.agent(agent).circuit, "control")
    return found.decode() if found else None
