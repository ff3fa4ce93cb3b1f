"""Places in the feeds: what an event id says, so that a client can go on from there."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable

from msgspec import Struct

from fuseline.api.stream.entries import Entry

_MAX_LENGTH = 8192
_ID = re.compile(r"[0-9a-f]{1,16}(\.[0-9a-f]{1,15})+")


class Place(Struct, frozen=True):
    """A place in the feeds as a client names it.

    Attributes:
        incarnation: of the namespace.
        numbers: of the last entry seen, for each shard.
        check: what `check_of` makes of these entries; a feed that lost its end and grew again has
            the same numbers and other entries.
    """

    incarnation: str
    numbers: tuple[int, ...]
    check: int


class Position:
    """Where the feeds have been followed up to; moves on with each entry."""

    def __init__(self, incarnation: str, numbers: Iterable[int], marks: Iterable[int]) -> None:
        self.incarnation = incarnation
        self.numbers = list(numbers)
        self.marks = list(marks)

    def move(self, entry: Entry) -> None:
        """Takes note of an entry."""
        self.numbers[entry.shard] = entry.number
        self.marks[entry.shard] = entry.mark

    def copy(self) -> Position:
        """An independent copy."""
        return Position(self.incarnation, self.numbers, self.marks)

    def covers(self, numbers: Iterable[int]) -> bool:
        """Whether every shard has been followed up to these entries at least."""
        return all(own >= other for own, other in zip(self.numbers, numbers, strict=True))

    def is_at(self, place: Place) -> bool:
        """Whether nothing has happened since a place."""
        return place == Place(self.incarnation, tuple(self.numbers), check_of(self.marks))

    @property
    def id(self) -> str:
        """As an event id; `read_place` reads it."""
        numbers = ".".join(f"{number:x}" for number in self.numbers)
        return f"{self.incarnation}.{numbers}.{check_of(self.marks):x}"


def check_of(marks: Iterable[int]) -> int:
    """One number for the entries at a place."""
    return zlib.crc32(b"".join(mark.to_bytes(4, "little") for mark in marks))


def read_place(text: str, shards: int) -> Place | None:
    """Reads an event id; None if it is none of a namespace with so many shards."""
    if len(text) > _MAX_LENGTH or not _ID.fullmatch(text):
        return None
    incarnation, *numbers, check = text.split(".")
    if len(numbers) != shards:
        return None
    return Place(incarnation, tuple(int(number, 16) for number in numbers), int(check, 16))
