"""What a client has missed, read from the feeds; exactly that, or not at all."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

from fuseline.api.stream.entries import Entry, number_and_mark, read_entry, split
from fuseline.api.stream.errors import FeedBrokenError
from fuseline.api.stream.place import Place, Position, check_of
from fuseline.events.backend import Backend
from fuseline.events.wire import Wire, translate

_PAGE = 100


class Replay:
    """The entries between a client's place and where the stream is now.

    Shard after shard, a page at a time, so that a client far behind costs no memory.

    Args:
        backend: the namespace.
        wire: the connection to read on.
        place: what the client has seen.
        until: where it goes on by itself; every number is at least that of `place`.
    """

    def __init__(self, backend: Backend, wire: Wire, place: Place, until: Position) -> None:
        self._backend = backend
        self._wire = wire
        self._place = place
        self._until = until
        self._reached: Position | None = None  # once the place is known to be in the feeds

    async def read(self, most: int) -> AsyncGenerator[tuple[list[Entry], str], None]:
        """Runs of entries in which no agent stands twice, each with the id after it.

        May be called again after an error; it goes on where it was.

        Raises:
            FeedBrokenError: what was missed is not there any more.
            BackendError: the server does not answer.
        """
        if self._reached is None:
            self._reached = await self._find()
        reached, until = self._reached, self._until
        for keys in self._backend.keys.shards:
            shard = keys.shard
            while reached.numbers[shard] < until.numbers[shard]:
                page = await self._wire.call(
                    "XRANGE", keys.feed, f"{reached.numbers[shard] + 1}-0",
                    f"{until.numbers[shard]}-0", "COUNT", _PAGE,
                )  # fmt: skip
                entries = [read_entry(shard, raw) for raw in page]
                numbers = [entry.number for entry in entries]
                first = reached.numbers[shard] + 1
                if not numbers or numbers != list(range(first, first + len(numbers))):
                    raise FeedBrokenError("gap")
                for run in split(entries, most):
                    for entry in run:
                        reached.move(entry)
                    yield run, reached.id

    async def _find(self) -> Position:
        """The place, if its entries are those that the client has seen."""
        place, until = self._place, self._until
        behind = [
            keys
            for keys in self._backend.keys.shards
            if 0 < place.numbers[keys.shard] < until.numbers[keys.shard]
        ]
        replies: list[Any] = []
        if behind:
            replies = await self._wire.call_many(
                [
                    ("XRANGE", keys.feed, f"{place.numbers[keys.shard]}-0", "+", "COUNT", 1)
                    for keys in behind
                ]
            )
        marks = [
            mark if seen == end else 0
            for seen, end, mark in zip(place.numbers, until.numbers, until.marks, strict=True)
        ]
        for keys, reply in zip(behind, replies, strict=True):
            if isinstance(reply, Exception):
                raise translate(reply) from reply
            number, mark = number_and_mark(reply[0]) if reply else (0, 0)
            if number != place.numbers[keys.shard]:
                raise FeedBrokenError("gap" if number else "data_loss")
            marks[keys.shard] = mark
        if check_of(marks) != place.check:
            raise FeedBrokenError("data_loss")
        return Position(place.incarnation, place.numbers, marks)
