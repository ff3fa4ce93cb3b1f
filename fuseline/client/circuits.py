"""Circuits: how they stand, and an operator's word over them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from datetime import datetime
from typing import Any

from fuseline.client.operation import Operation
from fuseline.client.timeline import Moment, Timeline
from fuseline.client.transport import Transport, text_of
from fuseline.core.states import CircuitState
from fuseline.schemas.circuits import (
    CircuitDetail,
    CircuitList,
    CircuitSummary,
    ModeName,
    Override,
    OverrideAnswer,
    StateAt,
)
from fuseline.schemas.shadow import ShadowAnswer, ShadowAsk
from fuseline.schemas.what_if import ProposalsAnswer, ProposalsAsk, WhatIfAnswer, WhatIfAsk

LIST = Operation("listCircuits", "GET", "/circuits", CircuitList)
GET = Operation("getCircuit", "GET", "/circuits/{name}", CircuitDetail)
OVERRIDE = Operation("overrideCircuit", "POST", "/circuits/{name}/override", OverrideAnswer)
WHAT_IF = Operation("askWhatIf", "POST", "/circuits/{name}/what-if", WhatIfAnswer)
PROPOSALS = Operation("proposeSettings", "POST", "/circuits/{name}/proposals", ProposalsAnswer)
SHADOW = Operation("getShadow", "GET", "/circuits/{name}/shadow", ShadowAnswer)
SET_SHADOW = Operation("setShadow", "PUT", "/circuits/{name}/shadow", ShadowAnswer)
END_SHADOW = Operation("endShadow", "DELETE", "/circuits/{name}/shadow", ShadowAnswer)
STATE_AT = Operation("getCircuitAt", "GET", "/circuits/{name}/state", StateAt)

_FOLDING_SECONDS = 60.0
"""How long a range may take that the API folds for one answer, beside what any answer may."""


class Circuits(Timeline):
    """`client.circuits`. Each method raises `ClientError`; see `fuseline.client.errors`."""

    def __init__(self, transport: Transport) -> None:
        super().__init__(transport)

    async def list(
        self,
        *,
        states: Sequence[CircuitState | ModeName | str] = (),
        search: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> CircuitList:
        """A page of circuits, the ones in most trouble first.

        Args:
            states: only circuits in these states or modes.
            search: part of the name.
            limit: circuits of a page.
            cursor: `next_cursor` of the page before.
        """
        query = {"state": tuple(states), "search": search, "limit": limit, "cursor": cursor}
        return await self._transport.call(LIST, query=query)

    async def iterate(
        self,
        *,
        states: Sequence[CircuitState | ModeName | str] = (),
        search: str | None = None,
        page_size: int = 100,
    ) -> AsyncGenerator[CircuitSummary]:
        """All circuits that `list` has, page after page."""
        cursor = None
        while True:
            page = await self.list(states=states, search=search, limit=page_size, cursor=cursor)
            for circuit in page.items:
                yield circuit
            cursor = page.next_cursor
            if cursor is None:
                return

    async def get(self, name: str) -> CircuitDetail:
        """One circuit, and why it stands as it does."""
        return await self._transport.call(GET, path={"name": name})

    async def state_at(self, name: str, at: datetime | int | str) -> StateAt:
        """A circuit as it was at an instant.

        Args:
            name: of the agent.
            at: a time with zone, ms since 1970, or an age like "-5m".
        """
        return await self._transport.call(STATE_AT, path={"name": name}, query={"at": at})

    async def what_if(
        self,
        name: str,
        settings: Mapping[str, Any],
        *,
        since: Moment = "-1d",
        until: Moment | None = None,
    ) -> WhatIfAnswer:
        """What other settings would have made of a range; changes nothing.

        Args:
            name: of the agent.
            settings: that would have been others, by name.
            since: where the range begins.
            until: where it ends; None: now.
        """
        ask = WhatIfAsk(settings=dict(settings), since=text_of(since), until=_maybe(until))
        return await self._transport.call(
            WHAT_IF, path={"name": name}, body=ask, wait_seconds=_FOLDING_SECONDS
        )

    async def proposals(
        self,
        name: str,
        *,
        since: Moment = "-1d",
        until: Moment | None = None,
        failure_cost: float = 1.0,
        refusal_cost: float = 1.0,
        limit: int = 10,
    ) -> ProposalsAnswer:
        """Settings that would have cost least in a range; changes nothing, takes some seconds.

        Args:
            name: of the agent.
            since: where the range begins.
            until: where it ends; None: now.
            failure_cost: of a call that is let through and fails.
            refusal_cost: of a call that would have succeeded and is refused.
            limit: proposals of the answer.
        """
        ask = ProposalsAsk(
            since=text_of(since),
            until=_maybe(until),
            failure_cost=failure_cost,
            refusal_cost=refusal_cost,
            limit=limit,
        )
        return await self._transport.call(
            PROPOSALS, path={"name": name}, body=ask, wait_seconds=_FOLDING_SECONDS
        )

    async def shadow(self, name: str, *, compare: bool = True) -> ShadowAnswer:
        """What is folded beside an agent's circuit, and how that did since it was set.

        Args:
            name: of the agent.
            compare: also fold what happened since then, for the figures.
        """
        return await self._transport.call(
            SHADOW,
            path={"name": name},
            query={"compare": compare},
            wait_seconds=_FOLDING_SECONDS,
        )

    async def set_shadow(self, name: str, settings: Mapping[str, Any], reason: str) -> ShadowAnswer:
        """Folds other settings beside an agent's own from now on; callers see nothing of it.

        Args:
            name: of the agent.
            settings: what would be others, by name.
            reason: why; it stands in the history.
        """
        ask = ShadowAsk(settings=dict(settings), reason=reason)
        return await self._transport.call(SET_SHADOW, path={"name": name}, body=ask)

    async def end_shadow(self, name: str, reason: str) -> ShadowAnswer:
        """Ends the shadow of an agent; what it would have done stays in the history."""
        return await self._transport.call(END_SHADOW, path={"name": name}, query={"reason": reason})

    async def override(self, name: str, word: Override) -> OverrideAnswer:
        """Writes an operator's word; answers when it is in force, or after two seconds."""
        return await self._transport.call(OVERRIDE, path={"name": name}, body=word)

    async def force_open(
        self, name: str, reason: str, *, expires_in_seconds: float | None = None
    ) -> OverrideAnswer:
        """Refuses all calls to an agent.

        Args:
            name: of the agent.
            reason: why; it stands in the history.
            expires_in_seconds: for how long; None: until it is changed.
        """
        return await self._force(ModeName.FORCED_OPEN, name, reason, expires_in_seconds)

    async def force_closed(
        self, name: str, reason: str, *, expires_in_seconds: float | None = None
    ) -> OverrideAnswer:
        """Admits all calls to an agent; see `force_open`."""
        return await self._force(ModeName.FORCED_CLOSED, name, reason, expires_in_seconds)

    async def hand_back(self, name: str, reason: str, *, reset: bool = False) -> OverrideAnswer:
        """Lets the circuit decide again.

        Args:
            name: of the agent.
            reason: why; it stands in the history.
            reset: also close it, with an empty window.
        """
        word = Override(mode=ModeName.AUTO, reason=reason, reset=reset)
        return await self.override(name, word)

    async def _force(
        self, mode: ModeName, name: str, reason: str, expires_in_seconds: float | None
    ) -> OverrideAnswer:
        word = Override(mode=mode, reason=reason, expires_in_seconds=expires_in_seconds)
        return await self.override(name, word)


def _maybe(moment: Moment | None) -> str | None:
    return None if moment is None else text_of(moment)
