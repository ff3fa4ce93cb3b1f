"""The feed: how workers learn of transitions and other changes of a circuit's view."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

import anyio

from fuseline.core.circuit import Circuit
from fuseline.core.errors import BackendError
from fuseline.events.backend import Backend
from fuseline.events.clock import ServerClock
from fuseline.events.codec import parse_id
from fuseline.events.streams import last_entries
from fuseline.events.wire import Command
from fuseline.projections.codec import decode_circuit
from fuseline.projections.leases import projected_shards
from fuseline.telemetry import instruments
from fuseline.telemetry.logs import get_logger

BLOCK_SECONDS = 1.0
PROJECTOR_AWAY_SECONDS = 3.0
"""Without any lease for this long a shard counts as unprojected."""

_RETRY_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5)

_log = get_logger("feed")


def record_lag(clock: ServerClock, circuit: Circuit) -> None:
    """Records how long after its last event a circuit has become known here."""
    instruments.feed_lag.record(max(0.0, (clock.now_ms() - circuit.last_ms) / 1000))


OnView = Callable[[str, Circuit, bool], bool]


class FeedReader:
    """Tails the feeds of all shards and hands each changed circuit on, in order.

    Args:
        backend: the namespace.
        on_view: called with the agent, its circuit, and whether it was folded anew (then it may
            stand at an earlier checkpoint than before and counts nevertheless); returns whether
            that is news.
        on_gap: called with a shard whose feed has been missed in part, or that may have lost
            something: its server was away, or is another by now. Load its circuits again.
        on_health: called with whether the server answers and which shards nobody projects,
            whenever that changes.
    """

    def __init__(
        self,
        backend: Backend,
        on_view: OnView,
        on_gap: Callable[[int], None],
        on_health: Callable[[bool, frozenset[int]], None],
    ) -> None:
        self._backend = backend
        self._wire = backend.make_wire(BLOCK_SECONDS)
        self._on_view, self._on_gap, self._on_health = on_view, on_gap, on_health
        self._positions: list[int] = []
        self._health: tuple[bool, frozenset[int]] = (True, frozenset())
        self._projected_at = [monotonic()] * len(backend.keys.shards)
        self._checked_at = 0.0
        self._unsure = False  # the server was away since the last check
        self._moves = backend.moves

    async def start(self) -> None:
        """Notes where the feeds end now; what comes later is handed on by `run`."""
        self._positions = await self._ends()

    async def run(self) -> None:
        """Reads until cancelled; outlives an absent server."""
        attempt = 0
        try:
            while True:
                try:
                    moved = self._moves != self._backend.moves
                    if moved or monotonic() - self._checked_at >= BLOCK_SECONDS:
                        await self._check()
                    await self._read()
                    attempt = 0
                except BackendError as error:
                    if attempt == 0:
                        _log.warning("server_away", error=str(error))
                    self._report(available=False, unprojected=self._health[1])
                    self._checked_at = 0.0
                    self._unsure = True
                    await anyio.sleep(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
                    attempt += 1
        finally:
            with anyio.CancelScope(shield=True):
                await self._backend.drop_wire(self._wire)

    async def _read(self) -> None:
        shards = self._backend.keys.shards
        command: Command = (
            "XREAD", "COUNT", 500, "BLOCK", int(BLOCK_SECONDS * 1000), "STREAMS",
            *(shard.feed for shard in shards), *(f"{at}-0" for at in self._positions),
        )  # fmt: skip
        by_key = {shard.feed.encode(): shard.shard for shard in shards}
        for key, entries in await self._wire.call(*command) or ():
            shard = by_key[key]
            if parse_id(entries[0][0])[0] != self._positions[shard] + 1:
                _log.warning("feed_gap", shard=shard)
                self._on_gap(shard)
            for raw_id, fields in entries:
                self._positions[shard] = parse_id(raw_id)[0]
                values = dict(zip(fields[::2], fields[1::2], strict=True))
                try:
                    circuit = decode_circuit(values[b"b"])
                except BackendError as error:
                    _log.error("feed_entry_unreadable", shard=shard, error=str(error))
                    continue
                anew = values.get(b"r") == b"1"
                if self._on_view(values[b"a"].decode(), circuit, anew) and not anew:
                    record_lag(self._backend.clock, circuit)

    async def _check(self) -> None:
        """Notices a feed that went back (the server lost data) and shards nobody projects.

        A server that takes over from another may lack the last of what that one had acknowledged,
        and the feeds need not show it: they may have grown again, or lack nothing themselves.
        """
        moves = self._backend.moves
        unsure = self._unsure or moves != self._moves
        await self._backend.learn_time(self._wire)
        now = monotonic()
        # Ends alone do not tell: by now a feed made anew may be as long as the old one was.
        anew = await self._backend.check_namespace(self._wire)
        for shard, end in enumerate(await self._ends()):
            if anew or end < self._positions[shard]:
                _log.warning("feed_went_back", shard=shard)
                self._positions[shard] = end
                self._on_gap(shard)
            elif unsure:
                self._on_gap(shard)
        for shard in await projected_shards(self._backend, self._wire):
            self._projected_at[shard] = now
        self._checked_at, self._unsure, self._moves = now, False, moves
        unprojected = frozenset(
            shard
            for shard, seen in enumerate(self._projected_at)
            if now - seen > PROJECTOR_AWAY_SECONDS
        )
        self._report(available=True, unprojected=unprojected)

    async def _ends(self) -> list[int]:
        feeds = [keys.feed for keys in self._backend.keys.shards]
        last = await last_entries(self._wire, feeds)
        return [parse_id(entry[0])[0] if entry else 0 for entry in last]

    def _report(self, *, available: bool, unprojected: frozenset[int]) -> None:
        if (available, unprojected) != self._health:
            self._health = (available, unprojected)
            _log.info("health", server=available, unprojected_shards=sorted(unprojected))
            self._on_health(available, unprojected)
