"""Listing agents: filters, orders, and pages that stay right while agents come and go."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Sequence
from enum import StrEnum
from typing import Any

import msgspec
from msgspec import Struct

from fuseline.core.agent import AgentRecord
from fuseline.core.errors import ConfigError
from fuseline.events.agents import decode_record
from fuseline.events.glance import About, Glance, glance_at

MAX_LIMIT = 500
DEFAULT_LIMIT = 50
_MAX_TEXT = 200
_MAX_CURSOR = 2000
_MAX_TAGS = 32


class Sort(StrEnum):
    """What a list is ordered by; the name decides among equals."""

    NAME = "name"
    NAME_DOWN = "-name"
    UPDATED = "updated_at"
    UPDATED_DOWN = "-updated_at"
    CREATED = "created_at"
    CREATED_DOWN = "-created_at"

    @property
    def downwards(self) -> bool:
        """Whether the greatest comes first."""
        return self.value.startswith("-")

    @classmethod
    def parse(cls, word: str) -> Sort:
        """The order of that name.

        Raises:
            ConfigError: there is none.
        """
        try:
            return cls(word)
        except ValueError:
            raise ConfigError("sort", word, f"one of {', '.join(cls)}") from None


class Filter(Struct, frozen=True, kw_only=True):
    """Which agents are listed; what is empty admits all.

    Attributes:
        search: part of the name, the description or the address (its query aside, which may hold a
            secret), in upper or lower case.
        tags: all of them.
        protocol: of the endpoint.

    Raises:
        ConfigError: a value is not allowed.
    """

    search: str = ""
    tags: Sequence[str] = ()
    protocol: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.search, str) or len(self.search) > _MAX_TEXT:
            raise ConfigError("search", self.search, f"at most {_MAX_TEXT} characters")
        if isinstance(self.tags, str) or len(self.tags) > _MAX_TAGS:
            raise ConfigError("tags", self.tags, f"at most {_MAX_TAGS} tags")


class Page(Struct, frozen=True, kw_only=True):
    """A part of a list.

    Attributes:
        records: in order.
        next_cursor: where the next page begins; None: this is the last one.
        total: how many agents the filter admits, on all pages.
        unreadable: names of records that this version cannot read; they are not in the list.
    """

    records: Sequence[AgentRecord]
    next_cursor: str | None
    total: int
    unreadable: Sequence[str] = ()


_Key = tuple[Any, ...]  # by what it is ordered; ends with the name
_Row = tuple[_Key, str, bytes]  # key, name, record as it is stored

_KEYS: dict[str, Callable[[str, About], _Key]] = {
    "name": lambda name, about: (name,),  # noqa: ARG005
    "updated_at": lambda name, about: (about.updated_ms, name),
    "created_at": lambda name, about: (about.created_ms, name),
}


class Shelf:
    """Records as they were read last, so that only what has changed is decoded again."""

    def __init__(self) -> None:
        self._glances: dict[str, tuple[bytes, Glance | None]] = {}
        self._records: dict[str, tuple[bytes, AgentRecord]] = {}

    def glances(self, stored: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes, Glance]]:
        """What lists need of each record, and nothing of those that cannot be read."""
        known = self._glances
        found = []
        for name, raw in stored:
            one = known.get(name)
            if one is None or one[0] != raw:
                try:
                    one = raw, glance_at(raw)
                except msgspec.MsgspecError:
                    one = raw, None
                known[name] = one
            found.append((name, raw, one[1]))
        if len(known) > len(found):  # some are gone
            names = {name for name, _, _ in found}
            for name in known.keys() - names:
                del known[name]
                self._records.pop(name, None)
        return [(name, raw, glance) for name, raw, glance in found if glance is not None]

    @property
    def unreadable(self) -> list[str]:
        """Names among the last glances of records that are none."""
        return [name for name, (_, glance) in self._glances.items() if glance is None]

    def record(self, name: str, stored: bytes) -> AgentRecord | None:
        """The whole record; None if it cannot be read."""
        known = self._records.get(name)
        if known is None or known[0] != stored:
            try:
                known = stored, decode_record(name, stored)
            except (msgspec.MsgspecError, ValueError, TypeError):
                return None
            self._records[name] = known
        return known[1]


def page_of(
    stored: Iterable[tuple[str, bytes]],
    shelf: Shelf,
    chosen: Filter,
    sort: Sort = Sort.NAME,
    cursor: str | None = None,
    limit: int = DEFAULT_LIMIT,
) -> Page:
    """A page of the agents that a filter admits.

    A cursor names the last agent of the page before, not a position: agents that come or go
    meanwhile neither hide nor repeat another. One that changes its place, as by an update in a
    list by `updated_at`, is found at its new place.

    Raises:
        ConfigError: the limit or the cursor is not allowed.
    """
    if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= MAX_LIMIT:
        raise ConfigError("limit", limit, f"a whole number from 1 to {MAX_LIMIT}")
    after = None if cursor is None else _read_cursor(cursor, sort)
    rows = _rows(shelf.glances(stored), chosen, sort)
    total = len(rows)
    rows.sort(reverse=sort.downwards)
    if after is not None:
        rows = [row for row in rows if (row[0] < after if sort.downwards else row[0] > after)]
    part = rows[:limit]
    read = [(name, shelf.record(name, raw)) for _, name, raw in part]
    return Page(
        records=[record for _, record in read if record is not None],
        next_cursor=_cursor(part[-1][0], sort) if len(rows) > limit else None,
        total=total,
        unreadable=[*shelf.unreadable, *(name for name, record in read if record is None)],
    )


def tags_of(stored: Iterable[tuple[str, bytes]], shelf: Shelf) -> dict[str, list[str]]:
    """The agents of each tag, both in alphabetical order."""
    found: dict[str, list[str]] = {}
    for name, _, glance in sorted(shelf.glances(stored), key=lambda row: row[0]):
        for tag in glance.about.tags:
            found.setdefault(tag, []).append(name)
    return dict(sorted(found.items()))


def _rows(glances: Iterable[tuple[str, bytes, Glance]], chosen: Filter, sort: Sort) -> list[_Row]:
    text, tags = chosen.search.strip().casefold(), frozenset(chosen.tags)
    key_of = _KEYS[sort.value.removeprefix("-")]
    rows: list[_Row] = []
    for name, stored, glance in glances:
        where, about = glance.endpoint, glance.about
        if chosen.protocol is not None and (where is None or where.protocol != chosen.protocol):
            continue
        if tags and not tags.issubset(about.tags):
            continue
        if text and not (
            text in name.casefold()
            or text in about.description.casefold()
            or (where is not None and text in where.url.partition("?")[0].casefold())
        ):
            continue
        rows.append((key_of(name, about), name, stored))
    return rows


def _cursor(key: tuple[Any, ...], sort: Sort) -> str:
    raw = msgspec.json.encode([sort.value, *key])
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _read_cursor(cursor: str, sort: Sort) -> tuple[Any, ...]:
    shape = tuple[str, str] if sort in (Sort.NAME, Sort.NAME_DOWN) else tuple[str, int, str]
    try:
        if len(cursor) > _MAX_CURSOR:
            raise ValueError
        raw = base64.b64decode(
            cursor.encode("ascii") + b"=" * (-len(cursor) % 4), altchars=b"-_", validate=True
        )
        found: tuple[Any, ...] = msgspec.json.decode(raw, type=shape)
        if found[0] != sort.value:
            raise ValueError
    except (ValueError, TypeError, binascii.Error, msgspec.MsgspecError, AttributeError):
        raise ConfigError(
            "cursor", str(cursor)[:100], f"the cursor of a page sorted by {sort.value}, unchanged"
        ) from None
    return found[1:]
