"""Readers that need a log for long: what they have not read is not trimmed meanwhile."""

from __future__ import annotations

import secrets
from time import monotonic
from types import TracebackType
from typing import Self

import anyio

from fuseline.core.errors import BackendError
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys, ShardKeys
from fuseline.events.wire import Wire
from fuseline.telemetry.logs import get_logger

READER_MS = 60_000
"""How long a lease lasts without renewal; so long a reader that has died holds a log."""

_RELEASE_SECONDS = 1.0

_log = get_logger("readers")


class ReaderLease:
    """Keeps the entries after a position from being trimmed while it is entered.

    `move` has to be called at least every `READER_MS`; it also says what is no longer needed.

    Args:
        backend: the namespace.
        log: of which agent, or of all agents of which shard.
        position: id of the last entry that is not needed; "0-0": all are.
        wire: connection to use.

    Raises:
        BackendError: the server does not take the lease.
    """

    def __init__(
        self,
        backend: Backend,
        log: AgentKeys | ShardKeys,
        position: str = "0-0",
        wire: Wire | None = None,
    ) -> None:
        self._backend = backend
        self._key = backend.keys.shards[log.shard].readers
        name = log.name if isinstance(log, AgentKeys) else ""
        self._name = f"{name}:{secrets.token_hex(8)}"
        self._position = position
        self._wire = wire
        self._moved_at = 0.0

    async def __aenter__(self) -> Self:
        await self.move(self._position)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with anyio.move_on_after(_RELEASE_SECONDS, shield=True):
            try:
                await self._set("", 0)
            except BackendError as failed:  # it runs out by itself
                _log.info("reader_not_released", error=str(failed))

    async def move(self, position: str) -> None:
        """Everything up to an id has been read; the lease begins anew."""
        await self._set(position, READER_MS)
        self._moved_at = monotonic()

    async def renew(self, position: str) -> None:
        """`move`, if the last time is long enough ago to be worth a command."""
        if monotonic() - self._moved_at > READER_MS / 4000:
            await self.move(position)

    async def _set(self, position: str, life_ms: int) -> None:
        await self._backend.fcall(
            "reader", (self._key,), (self._name, position, life_ms), self._wire
        )
