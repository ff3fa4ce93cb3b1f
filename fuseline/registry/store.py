"""The registry of a namespace: agents read, made, changed, removed and listed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from fuseline.core.agent import AgentRecord
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import AgentNotFoundError, RevisionConflictError
from fuseline.core.texts import check_text
from fuseline.events.agents import change, enroll, read_agent, remove
from fuseline.events.backend import Backend
from fuseline.events.glance import read_stored
from fuseline.events.wire import Wire
from fuseline.registry import edit
from fuseline.registry.document import Document, document_of
from fuseline.registry.errors import AgentExistsError, StaleRevisionError
from fuseline.registry.listing import DEFAULT_LIMIT, Filter, Page, Shelf, Sort, page_of, tags_of

_ATTEMPTS = 20


class Registry:
    """Agents of a namespace as documents; every change is an event with its actor.

    Args:
        backend: the namespace, opened.
        defaults: of the breaker's settings, for those that a document leaves out.
    """

    def __init__(self, backend: Backend, defaults: CircuitBreakerConfig) -> None:
        self.backend = backend
        self.defaults = defaults
        self._shelf = Shelf()
        self._lists: Wire | None = None

    async def get(self, name: str) -> AgentRecord:
        """One agent.

        Raises:
            AgentNotFoundError: it is not registered.
            ConfigError: no agent can have this name.
        """
        record = await read_agent(self.backend, name)
        if record is None:
            raise AgentNotFoundError(name)
        return record

    def document(self, record: AgentRecord) -> Document:
        """The record as it is shown; see `document.document_of`."""
        return document_of(record, self.defaults)

    async def create(self, document: Any, actor: str, reason: str = "") -> AgentRecord:
        """Registers a new agent.

        Raises:
            DocumentError: values that are not allowed.
            AgentExistsError: there is one of that name.
        """
        actor, reason = _said(actor, reason)
        record = edit.created(document, self.defaults)
        made, is_new = await enroll(self.backend, record, actor=actor, reason=reason)
        if not is_new:
            raise AgentExistsError(made.name, made)
        return made

    async def replace(
        self, name: str, document: Any, actor: str, reason: str = "", revision: int | None = None
    ) -> AgentRecord:
        """Replaces what the registry says of an agent; see `edit.replaced`.

        A document that says what stands already changes nothing, the revision included.

        Args:
            name: of the agent.
            document: all of it; absent members go to their defaults.
            actor: who says it.
            reason: why; may be empty.
            revision: the one it is based on; None: whatever stands, the last change wins.

        Raises:
            AgentNotFoundError: it is not registered.
            StaleRevisionError: it stands at another revision.
            DocumentError: values that are not allowed.
        """
        return await self._change(name, edit.replaced, document, actor, reason, revision)

    async def patch(
        self, name: str, document: Any, actor: str, reason: str = "", revision: int | None = None
    ) -> AgentRecord:
        """Changes some members of an agent; see `edit.patched`.

        Args and Raises: as `replace`.
        """
        return await self._change(name, edit.patched, document, actor, reason, revision)

    async def delete(
        self, name: str, actor: str, reason: str = "", revision: int | None = None
    ) -> AgentRecord:
        """Takes an agent out of the registry; its log and its history stay.

        Args:
            name: of the agent.
            actor: who says it.
            reason: why; may be empty.
            revision: the one that is meant to go; None: whatever stands.

        Returns:
            What stood there.

        Raises:
            AgentNotFoundError: it is not registered.
            StaleRevisionError: it stands at another revision.
        """
        actor, reason = _said(actor, reason)
        for _ in range(_ATTEMPTS):
            record = await self._at(name, revision)
            try:
                await remove(
                    self.backend, name, revision=record.revision, actor=actor, reason=reason
                )
            except RevisionConflictError:
                continue
            return record
        raise StaleRevisionError(await self.get(name), revision)

    async def list(
        self,
        chosen: Filter | None = None,
        sort: Sort = Sort.NAME,
        cursor: str | None = None,
        limit: int = DEFAULT_LIMIT,
    ) -> Page:
        """A page of the agents; see `listing.page_of`."""
        stored = await self._stored()
        return page_of(stored, self._shelf, chosen or Filter(), sort, cursor, limit)

    async def tags(self) -> dict[str, Sequence[str]]:
        """The names of the agents of each tag, both in alphabetical order."""
        return {**tags_of(await self._stored(), self._shelf)}

    async def everything(self) -> dict[str, AgentRecord]:
        """All agents that this version can read, by name and in its order."""
        found = sorted(await self._stored())
        records = ((name, self._shelf.record(name, raw)) for name, raw in found)
        return {name: record for name, record in records if record is not None}

    async def _stored(self) -> Sequence[tuple[str, bytes]]:
        # A connection of its own: megabytes would be in the way of what others ask.
        if self._lists is None:
            self._lists = self.backend.make_wire()
        return await read_stored(self.backend, self._lists)

    async def _at(self, name: str, revision: int | None) -> AgentRecord:
        record = await self.get(name)
        if revision is not None and record.revision != revision:
            raise StaleRevisionError(record, revision)
        return record

    async def _change(
        self,
        name: str,
        edited: Callable[[AgentRecord, Any, CircuitBreakerConfig], AgentRecord],
        document: Any,
        actor: str,
        reason: str,
        revision: int | None,
    ) -> AgentRecord:
        actor, reason = _said(actor, reason)
        for _ in range(_ATTEMPTS):
            before = await self._at(name, revision)
            after = edited(before, document, self.defaults)
            if after.same_settings(before):
                return before
            try:
                return await change(self.backend, before, after, actor=actor, reason=reason)
            except RevisionConflictError:
                continue  # with a revision, the next reading says so
        raise StaleRevisionError(await self.get(name), revision)


def _said(actor: str, reason: str) -> tuple[str, str]:
    return check_text("actor", actor), check_text("reason", reason) if reason else ""
