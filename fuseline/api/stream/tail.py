"""Following the feeds of all shards: entries in order, and whether they continue."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

from fuseline.api.stream.entries import Entry, number_and_mark, read_entry
from fuseline.api.stream.errors import FeedBrokenError
from fuseline.api.stream.place import Position
from fuseline.events.backend import Backend
from fuseline.events.streams import last_entries
from fuseline.events.wire import Command, translate
from fuseline.projections.feed import PROJECTOR_AWAY_SECONDS
from fuseline.projections.leases import projected_shards
from fuseline.telemetry.logs import get_logger

BLOCK_SECONDS = 1.0
_COUNT = 100

OnHealth = Callable[[bool, frozenset[int]], None]

_log = get_logger("stream")


class FeedTail:
    """Reads the feeds from a position on.

    The reader of the bridge keeps views and may skip; here each entry counts, so a feed is also
    compared by content with what was read: one that lost its end and grew again has the numbers of
    before.

    Args:
        backend: the namespace.
        on_health: called with whether the server answers and which shards nobody projects,
            whenever that changes.
    """

    def __init__(self, backend: Backend, on_health: OnHealth) -> None:
        self._backend = backend
        self._wire = backend.make_wire(BLOCK_SECONDS)
        self._on_health = on_health
        self._read_up_to = Position("", (), ())
        self._checked_at = 0.0
        self._moves = backend.moves
        self._projected_at = [monotonic()] * len(backend.keys.shards)
        self.server = True
        self.unprojected: frozenset[int] = frozenset()

    async def end(self) -> Position:
        """Where the feeds end now.

        Raises:
            BackendError: the server cannot say.
        """
        await self._backend.learn_time(self._wire)
        await self._backend.check_namespace(self._wire)
        feeds = [keys.feed for keys in self._backend.keys.shards]
        last = await last_entries(self._wire, feeds)
        ends = [number_and_mark(entry) if entry else (0, 0) for entry in last]
        numbers, marks = zip(*ends, strict=True)
        return Position(self._backend.incarnation, numbers, marks)

    def begin(self, position: Position) -> None:
        """What comes after a position is read next."""
        self._read_up_to = position.copy()
        self._checked_at = 0.0

    async def read(self) -> list[Entry]:
        """The next entries; none if none came for a while.

        Raises:
            FeedBrokenError: the feeds do not continue from what was read.
            BackendError: the server does not answer; may be called again.
        """
        moved = self._moves != self._backend.moves
        if moved or monotonic() - self._checked_at >= BLOCK_SECONDS:
            await self._check()
        shards = self._backend.keys.shards
        at = self._read_up_to.numbers
        command: Command = (
            "XREAD", "COUNT", _COUNT, "BLOCK", int(BLOCK_SECONDS * 1000), "STREAMS",
            *(shard.feed for shard in shards), *(f"{number}-0" for number in at),
        )  # fmt: skip
        by_key = {shard.feed.encode(): shard.shard for shard in shards}
        found = []
        for key, entries in await self._wire.call(*command) or ():
            shard = by_key[key]
            for raw in entries:
                entry = read_entry(shard, raw)
                if entry.number != at[shard] + 1:
                    _log.warning("stream_feed_gap", shard=shard)
                    raise FeedBrokenError("gap")
                self._read_up_to.move(entry)
                found.append(entry)
        return found

    def away(self) -> None:
        """The server does not answer; when it does again, the feeds are checked first."""
        self._checked_at = 0.0
        self._report(server=False, unprojected=self.unprojected)

    async def _check(self) -> None:
        """Notices data that is not what was read, and shards nobody projects."""
        moves = self._backend.moves
        await self._backend.learn_time(self._wire)
        await self._backend.check_namespace(self._wire)
        if self._backend.incarnation != self._read_up_to.incarnation:
            raise FeedBrokenError("data_loss")
        at = self._read_up_to
        seen = [keys for keys in self._backend.keys.shards if at.numbers[keys.shard]]
        replies = await self._wire.call_many(
            [("XRANGE", k.feed, f"{at.numbers[k.shard]}-0", "+", "COUNT", 1) for k in seen]
        )
        for keys, reply in zip(seen, replies, strict=True):
            if isinstance(reply, Exception):
                raise translate(reply) from reply
            number, mark = number_and_mark(reply[0]) if reply else (0, 0)
            if (number, mark) != (at.numbers[keys.shard], at.marks[keys.shard]):
                _log.warning("stream_feed_is_another", shard=keys.shard)
                raise FeedBrokenError("gap" if number > at.numbers[keys.shard] else "data_loss")
        now = monotonic()
        for shard in await projected_shards(self._backend, self._wire):
            self._projected_at[shard] = now
        self._checked_at, self._moves = now, moves
        unprojected = frozenset(
            shard
            for shard, seen_at in enumerate(self._projected_at)
            if now - seen_at > PROJECTOR_AWAY_SECONDS
        )
        self._report(server=True, unprojected=unprojected)

    def _report(self, *, server: bool, unprojected: frozenset[int]) -> None:
        if (server, unprojected) != (self.server, self.unprojected):
            self.server, self.unprojected = server, unprojected
            self._on_health(server, unprojected)

    async def close(self) -> None:
        """Gives the connection back."""
        await self._backend.drop_wire(self._wire)
