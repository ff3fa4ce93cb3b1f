"""How workers learn what logs have just beyond their projections; see `ahead`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
from redis.exceptions import ResponseError

from fuseline.core.circuit import Circuit
from fuseline.core.errors import BackendError
from fuseline.events.backend import Backend
from fuseline.events.streams import last_entries
from fuseline.projections.ahead import Ahead, parse_ahead
from fuseline.projections.feed import BLOCK_SECONDS, record_lag
from fuseline.telemetry.logs import get_logger

_RETRY_SECONDS = 0.5
_REFUSED_SECONDS = 5.0

_log = get_logger("ahead")


class AheadReader:
    """Tails what is told, on a connection of its own: one that waits for few keys is woken sooner.

    Nothing of this has to be complete: it only saves some ms. So what is told while the server is
    away, or cannot be read, is done without.

    Args:
        backend: the namespace.
        on_ahead: called with what is told; returns the circuit that it comes to if that is news.
    """

    def __init__(self, backend: Backend, on_ahead: Callable[[Ahead], Circuit | None]) -> None:
        self._backend = backend
        self._wire = backend.make_wire(BLOCK_SECONDS)
        self._on_ahead = on_ahead
        self._ends: dict[bytes, bytes] = {}
        self._session = anyio.CancelScope()

    async def start(self) -> None:
        """Notes what was told last; what comes later is handed on by `run`."""
        try:
            await self._note_ends()
        except BackendError:
            return  # `run` tries again, and says so

    async def run(self) -> None:
        """Reads until cancelled; outlives an absent server."""
        refused = False
        try:
            while True:
                try:
                    with anyio.CancelScope() as self._session:
                        if not self._ends:
                            await self._note_ends()
                        refused = False
                        while True:
                            await self._read()
                    await self._wire.close()
                except BackendError as error:
                    # That the server is away is said by the reader of the feed.
                    answered = isinstance(error.__cause__, ResponseError)
                    if answered and not refused:
                        _log.warning("ahead_unreadable", error=str(error))
                    refused = answered
                    await anyio.sleep(_REFUSED_SECONDS if answered else _RETRY_SECONDS)
                self._ends.clear()
        finally:
            with anyio.CancelScope(shield=True):
                await self._backend.drop_wire(self._wire)

    def begin_anew(self) -> None:
        """Hands on nothing more of what the server has told so far: it may have lost it."""
        self._session.cancel()

    async def _note_ends(self) -> None:
        keys = list(dict.fromkeys(shard.ahead for shard in self._backend.keys.shards))
        last = await last_entries(self._wire, keys)
        self._ends = {
            key.encode(): entry[0] if entry else b"0-0"
            for key, entry in zip(keys, last, strict=True)
        }

    async def _read(self) -> None:
        session = self._session
        block_ms = int(BLOCK_SECONDS * 1000)
        found = await self._wire.call(
            "XREAD", "BLOCK", block_ms, "STREAMS", *self._ends, *self._ends.values()
        )
        if session.cancel_called:
            return  # the reply was there already
        for key, entries in found or ():
            self._ends[key] = entries[-1][0]
            for _, fields in entries:
                self._hand_on(fields)

    def _hand_on(self, fields: list[Any]) -> None:
        try:
            circuit = self._on_ahead(parse_ahead(fields))
        except (BackendError, LookupError, ValueError) as error:
            _log.error("ahead_unreadable", error=str(error))
            return
        if circuit is not None:
            record_lag(self._backend.clock, circuit)
