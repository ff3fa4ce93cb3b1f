"""Shadows as the API shows them: what is folded beside a circuit, and how it did."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from fuseline.core.states import CircuitState
from fuseline.schemas.circuits import Millis
from fuseline.schemas.what_if import WhatIfAnswer


class ShadowAsk(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which settings are folded along from now on.

    Attributes:
        settings: that would be others; the rest follows what is in force. "default" takes a
            setting's default.
        reason: why; it stands in the history.
    """

    settings: dict[str, Any]
    reason: Annotated[
        str, Meta(min_length=1, max_length=500, examples=["stricter, before we switch"])
    ]


class Shadow(Struct, frozen=True, kw_only=True):
    """What is folded beside a circuit.

    Attributes:
        settings: that would be others, by name.
        since_ms: when it was set.
        event_id: of the event that set it.
        actor: who did.
        reason: why.
        state: in which it would be now, if nobody had called where nobody saw it.
        state_since_ms: since when.
        open_until_ms: until when, if that is open; else 0.
        known: whether it would be in that state whatever became of calls that nobody saw.
    """

    settings: dict[str, Any]
    since_ms: Millis
    event_id: str
    actor: str
    reason: str
    state: CircuitState
    state_since_ms: Millis
    open_until_ms: int
    known: bool


class ShadowAnswer(Struct, frozen=True, kw_only=True):
    """The shadow of an agent.

    Attributes:
        agent: name of the agent.
        shadow: what is folded along; null: nothing is.
        comparison: what happened since it was set, and what would have; null without a shadow, if
            it was not asked for, or if nothing can be said.
        problem: why nothing can be said; "" if something can.
        in_force: whether a projector has folded the change yet; false: it is in the log and waits.
    """

    agent: str
    shadow: Shadow | None
    comparison: WhatIfAnswer | None = None
    problem: str = ""
    in_force: bool = True
