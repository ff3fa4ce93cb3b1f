"""The book in Redis: loaded when a process begins to notify, written under its lease."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from fuseline.alerts.book import Book, Told
from fuseline.alerts.model import Incident, Notice, Subject, Track
from fuseline.alerts.records import load_channels, load_rules
from fuseline.core.errors import BackendError
from fuseline.events.backend import Backend
from fuseline.events.keys import AlertKeys
from fuseline.events.wire import Wire, translate

MOST_INCIDENTS = 10_000
"""Incidents that are kept; beyond, the oldest that are over go."""

MOST_DELIVERIES = 5_000

_PRUNED_AT_ONCE = 500
_BEGAN = ""  # no agent has this name

Write = tuple[str, str, Sequence[str | bytes | int]]
"""A command, the key it writes to, its other arguments."""

_encode = msgspec.msgpack.Encoder().encode
_tracks = msgspec.msgpack.Decoder(Track)
_incidents = msgspec.msgpack.Decoder(Incident)
_notices = msgspec.msgpack.Decoder(Notice)
_told = msgspec.msgpack.Decoder(Told)


class LeaseLostError(BackendError):
    """Another process notifies by now; nothing was written."""


class Ledger:
    """Reads and writes what a notifier knows.

    Args:
        backend: the namespace.
        wire: a connection of the notifier's own.
    """

    def __init__(self, backend: Backend, wire: Wire) -> None:
        self._backend = backend
        self._wire = wire
        self.keys: AlertKeys = backend.keys.alerts
        self.token = 0
        self.began_ms = 0

    async def load(self) -> Book:
        """All that is known, but for the agents' tags."""
        keys, call = self.keys, self._wire.call
        book = Book()
        # In this order: a channel is there before what names it.
        raw_outbox = await self._hash(keys.outbox)
        book.outbox = {name: _notices.decode(raw) for name, raw in raw_outbox.items()}
        book.rules = await load_rules(self._backend, self._wire)
        await self.load_channels(book)
        marks = await self._hash(keys.marks)
        self.began_ms = int(marks.pop(_BEGAN, b"0"))
        book.tracks = {name: _tracks.decode(raw) for name, raw in marks.items()}
        ids = await call("SMEMBERS", keys.standing)
        if ids:
            for raw in await call("HMGET", keys.incidents, *ids):
                if raw is not None:
                    incident = _incidents.decode(raw)
                    book.standing[incident.about] = incident
        for raw_about, raw in (await self._hash(keys.told)).items():
            name, _, subject = raw_about.partition(" ")
            book.told[name, subject] = _told.decode(raw)
        return book

    async def load_channels(self, book: Book) -> None:
        """Reads the channels again."""
        channels = await load_channels(self._backend, self._wire)
        book.channels = {name: stored.channel for name, stored in channels.items()}

    async def load_outbox(self, book: Book) -> None:
        """Adds notices that others have put there: tests.

        One that was claimed is this process's own; it may have been delivered since it was read.
        """
        for name, raw in (await self._hash(self.keys.outbox)).items():
            notice = _notices.decode(raw)
            if not notice.attempts:
                book.outbox.setdefault(name, notice)

    async def incidents(self, ids: Sequence[str]) -> list[Incident]:
        """Incidents by id; those that are not kept any more are left out."""
        if not ids:
            return []
        found = await self._wire.call("HMGET", self.keys.incidents, *ids)
        return [_incidents.decode(raw) for raw in found if raw is not None]

    async def begin(self, began_ms: int, tracks: dict[str, Track]) -> None:
        """Notes when anybody first notified in this namespace, and how the agents stood."""
        self.began_ms = began_ms
        await self.write([("HSET", self.keys.marks, (_BEGAN, began_ms)), *self.marks(tracks)])

    async def write(self, writes: Iterable[Write]) -> None:
        """Carries commands out in one step.

        Raises:
            LeaseLostError: another process notifies by now.
        """
        listed = list(writes)
        if not listed:
            return
        names = [self.keys.lease, *dict.fromkeys(key for _, key, _ in listed)]
        args: list[str | bytes | int] = [self.token]
        for command, key, values in listed:
            args += (command, names.index(key) + 1, len(values), *values)
        reply = await self._backend.fcall("alerts_write", names, args, self._wire)
        if reply != b"OK":
            raise LeaseLostError("another process sends alerts by now")

    def marks(self, tracks: dict[str, Track]) -> list[Write]:
        """How far the histories of agents are worked off."""
        return [("HSET", self.keys.marks, (name, _encode(track))) for name, track in tracks.items()]

    def forgets(self, agents: Sequence[str], machines: Sequence[str]) -> list[Write]:
        """Agents of which nothing is left, and machines that no notifier runs on any more."""
        writes = ((self.keys.marks, agents), (self.keys.machines, machines))
        return [("HDEL", key, names) for key, names in writes if names]

    def changes(self, changed: Iterable[Incident]) -> list[Write]:
        """Incidents that began or ended."""
        writes: list[Write] = []
        for incident in {one.id: one for one in changed}.values():
            writes += incident_writes(self.keys, incident)
        return writes

    def told(self, book: Book, abouts: Iterable[Subject]) -> list[Write]:
        """The last incident of each rule and subject."""
        writes: list[Write] = []
        for about in dict.fromkeys(abouts):
            if (told := book.told.get(about)) is not None:
                writes.append(("HSET", self.keys.told, (" ".join(about), _encode(told))))
            else:
                writes.append(("HDEL", self.keys.told, (" ".join(about),)))
        return writes

    def notices(self, book: Book, ids: Iterable[str]) -> list[Write]:
        """Notices that were made or changed; those that are not in the outbox any more go."""
        writes: list[Write] = []
        for name in ids:
            if (notice := book.outbox.get(name)) is not None:
                writes.append(("HSET", self.keys.outbox, (name, _encode(notice))))
            else:
                writes.append(("HDEL", self.keys.outbox, (name,)))
        return writes

    async def prune(self) -> None:
        """Drops the oldest incidents that are over, when there are too many."""
        count = await self._wire.call("ZCARD", self.keys.order)
        if count <= MOST_INCIDENTS:
            return
        wanted = min(count - MOST_INCIDENTS, _PRUNED_AT_ONCE)
        ids = await self._wire.call("ZRANGE", self.keys.order, 0, wanted * 2)
        replies = await self._wire.call_many([("SISMEMBER", self.keys.standing, i) for i in ids])
        over = [i for i, stands in zip(ids, replies, strict=True) if stands == 0][:wanted]
        if over:
            await self.write([("HDEL", self.keys.incidents, over), ("ZREM", self.keys.order, over)])

    async def _hash(self, key: str) -> dict[str, bytes]:
        flat = await self._wire.call("HGETALL", key)
        return {name.decode(): raw for name, raw in zip(flat[::2], flat[1::2], strict=True)}


def incident_writes(keys: AlertKeys, incident: Incident) -> list[Write]:
    """What keeps an incident."""
    return [
        ("HSET", keys.incidents, (incident.id, _encode(incident))),
        ("ZADD", keys.order, (incident.opened_ms, incident.id)),
        ("SREM" if incident.resolved_ms else "SADD", keys.standing, (incident.id,)),
    ]


def delivery_write(keys: AlertKeys, record: dict[str, object]) -> Write:
    """What keeps an attempt."""
    values = ("MAXLEN", "~", MOST_DELIVERIES, "*", "d", msgspec.json.encode(record))
    return "XADD", keys.deliveries, values


async def write_unfenced(wire: Wire, writes: Sequence[Write]) -> None:
    """Carries commands out without a lease: for records that nobody else writes.

    Raises:
        BackendError: one was refused.
    """
    for reply in await wire.call_many([(name, key, *values) for name, key, values in writes]):
        if isinstance(reply, Exception):
            raise translate(reply) from reply
