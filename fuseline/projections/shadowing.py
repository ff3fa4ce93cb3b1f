"""The shadow of an agent: how it stands, and how it did since it was set."""

from __future__ import annotations

from fuseline.core.errors import ConfigError, NotReproducedError
from fuseline.core.fold import advance
from fuseline.core.what_if.shadow import Shadow
from fuseline.events.backend import Backend
from fuseline.projections.codec import decode_circuit
from fuseline.projections.replay import OnEvents
from fuseline.projections.store import shadow_beside
from fuseline.projections.what_if import what_if
from fuseline.projections.what_if_documents import what_if_document
from fuseline.schemas import shadow as schemas
from fuseline.schemas.what_if import WhatIfAnswer


async def load_shadow(backend: Backend, name: str) -> Shadow | None:
    """What is folded beside an agent's circuit; None: nothing is.

    Raises:
        WrongKeyTypeError: the projection is no hash.
        BackendError: it cannot be read.
    """
    agent = backend.keys.agent(name)
    blob, raw = await backend.wire.call("HMGET", agent.circuit, "blob", "shadow")
    return None if blob is None or not raw else shadow_beside(decode_circuit(blob), raw)


async def compared(
    backend: Backend, name: str, shadow: Shadow, on_events: OnEvents | None = None
) -> tuple[WhatIfAnswer | None, str]:
    """What happened since a shadow was set, and what would have; or why nothing can be said.

    Raises:
        WrongKeyTypeError: a key is not what it should be.
        BackendUnavailableError: the server does not answer.
    """
    now_ms = await backend.learn_time()
    if now_ms <= shadow.since.at_ms:
        return None, "it was set this moment"
    try:
        found = await what_if(backend, name, shadow.patch, shadow.since.at_ms, now_ms, on_events)
    except (
        ConfigError,
        NotReproducedError,
    ) as error:  # too much to read, or no truth to begin with
        return None, str(error)
    return what_if_document(name, found), ""


def shadow_document(shadow: Shadow | None, now_ms: int) -> schemas.Shadow | None:
    """A shadow as it is shown."""
    if shadow is None:
        return None
    circuit = advance(shadow.circuits[0], now_ms)[0]
    return schemas.Shadow(
        settings=dict(shadow.patch),
        since_ms=shadow.since.at_ms,
        event_id=shadow.since.event_id,
        actor=shadow.since.actor,
        reason=shadow.since.reason,
        state=circuit.state,
        state_since_ms=circuit.since_ms,
        open_until_ms=circuit.open_until_ms if circuit.state == "open" else 0,
        known=shadow.is_known,
    )
