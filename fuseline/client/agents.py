"""Agents of the registry."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import Any

from fuseline.client.operation import Operation
from fuseline.client.transport import Transport, Values
from fuseline.schemas.agent_bodies import AgentCreate, AgentPatch, AgentReplace
from fuseline.schemas.agents import AgentList, AgentResponse, BreakerDefaults, TagList

LIST = Operation("listAgents", "GET", "/agents", AgentList)
GET = Operation("getAgent", "GET", "/agents/{name}", AgentResponse)
GET_NEWER = Operation("getAgent", "GET", "/agents/{name}", AgentResponse, statuses=(200, 304))
CREATE = Operation("createAgent", "POST", "/agents", AgentResponse)
REPLACE = Operation("replaceAgent", "PUT", "/agents/{name}", AgentResponse)
CHANGE = Operation("changeAgent", "PATCH", "/agents/{name}", AgentResponse)
DELETE = Operation("deleteAgent", "DELETE", "/agents/{name}", type(None))
DEFAULTS = Operation("getDefaults", "GET", "/defaults", BreakerDefaults)
TAGS = Operation("listTags", "GET", "/tags", TagList)


class Agents:
    """`client.agents`. Each method raises `ClientError`; see `fuseline.client.errors`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(
        self,
        *,
        search: str | None = None,
        tags: Sequence[str] = (),
        protocol: str | None = None,
        sort: str = "name",
        limit: int = 100,
        cursor: str | None = None,
    ) -> AgentList:
        """A page of the registry.

        Args:
            search: part of the name, description or address.
            tags: only agents with all of these.
            protocol: only agents of this protocol.
            sort: name, created_at or updated_at; with - before it: descending.
            limit: agents of a page.
            cursor: `next_cursor` of the page before.
        """
        query = {
            "search": search,
            "tag": tuple(tags),
            "protocol": protocol,
            "sort": sort,
            "limit": limit,
            "cursor": cursor,
        }
        return await self._transport.call(LIST, query=query)

    async def iterate(
        self,
        *,
        search: str | None = None,
        tags: Sequence[str] = (),
        protocol: str | None = None,
        sort: str = "name",
        page_size: int = 100,
    ) -> AsyncGenerator[AgentResponse]:
        """All agents that `list` has, page after page."""
        cursor = None
        while True:
            page = await self.list(
                search=search,
                tags=tags,
                protocol=protocol,
                sort=sort,
                limit=page_size,
                cursor=cursor,
            )
            for agent in page.items:
                yield agent
            cursor = page.next_cursor
            if cursor is None:
                return

    async def get(self, name: str) -> AgentResponse:
        """One agent."""
        return await self._transport.call(GET, path={"name": name})

    async def get_newer(self, name: str, revision: int) -> AgentResponse | None:
        """One agent, if it has another revision than this one; None: it has not changed."""
        answer = await self._transport.send(
            GET_NEWER, path={"name": name}, headers={"If-None-Match": _etag(revision)}
        )
        return None if answer.status_code == 304 else GET_NEWER.decode(answer.content)

    async def create(self, document: AgentCreate, *, reason: str = "") -> AgentResponse:
        """Registers an agent.

        Args:
            document: its name, and what is not at its default.
            reason: why; it stands in the history.
        """
        query = {"reason": reason or None}
        return await self._transport.call(CREATE, query=query, body=document)

    async def replace(
        self, name: str, document: AgentReplace, *, revision: int | None = None, reason: str = ""
    ) -> AgentResponse:
        """Changes all of an agent.

        Args:
            name: of the agent.
            document: what is not named goes back to its default.
            revision: as it was read; another one by now is `PreconditionFailed`. None: whatever
                stands there is replaced.
            reason: why; it stands in the history.
        """
        return await self._change(REPLACE, name, document, revision, reason)

    async def change(
        self, name: str, document: AgentPatch, *, revision: int | None = None, reason: str = ""
    ) -> AgentResponse:
        """Changes what the document names: objects merge, None takes a member back.

        Args:
            name: of the agent.
            document: in `circuit_breaker_config`, "default" takes a setting back.
            revision: see `replace`.
            reason: why; it stands in the history.
        """
        return await self._change(CHANGE, name, document, revision, reason)

    async def delete(self, name: str, *, reason: str, revision: int | None = None) -> None:
        """Takes an agent out of the registry; its history stays.

        Args:
            name: of the agent.
            reason: why; it stands in the history.
            revision: see `replace`.
        """
        await self._transport.call(
            DELETE, path={"name": name}, query={"reason": reason}, headers=if_match(revision)
        )

    async def defaults(self) -> BreakerDefaults:
        """What applies where an agent names nothing."""
        return await self._transport.call(DEFAULTS)

    async def tags(self) -> TagList:
        """All tags in use, and the agents of each."""
        return await self._transport.call(TAGS)

    async def _change(
        self,
        operation: Operation[AgentResponse],
        name: str,
        document: Values,
        revision: int | None,
        reason: str,
    ) -> AgentResponse:
        return await self._transport.call(
            operation,
            path={"name": name},
            query={"reason": reason or None},
            headers=if_match(revision),
            body=document,
        )


def _etag(revision: int) -> str:
    return f'"{revision}"'


def if_match(revision: int | None) -> dict[str, Any]:
    """The header of a change that is meant for a revision; none for None."""
    return {"If-Match": None if revision is None else _etag(revision)}
