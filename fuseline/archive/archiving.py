"""Archiving: each entry of logs and histories into one segment, exactly once, before it is trimmed.

A segment is three steps: its file, its manifest (only if nobody has written one of that number),
the position on the server. Killed between any two of them, the next run finds by the last manifest
what is archived: a file without one is written again or left over, and the position is caught up.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import anyio.to_thread
from msgspec import Struct

from fuseline.archive.chain import (
    KINDS,
    Head,
    Manifest,
    day_of,
    digest,
    encode_manifest,
    file_folder,
    file_path,
    load_head,
    manifest_path,
)
from fuseline.archive.store import ArchiveError, Store, TakenError
from fuseline.archive.tables import to_parquet
from fuseline.core.circuit import Circuit
from fuseline.core.errors import BackendError
from fuseline.core.fold import fold_in_place, initial
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.log import parse_entries
from fuseline.events.older import RawEntry
from fuseline.projections.codec import decode_circuit, encode_circuit
from fuseline.projections.origin import Origin, load_origin
from fuseline.projections.replay import id_after, log_info, refold
from fuseline.telemetry.logs import get_logger

SEGMENT_ROWS = 50_000
"""Entries of a segment at most."""

SEGMENT_HOURS = 6.0
"""While following, an entry waits at most so long for its segment to fill."""

_PAGE = 5000
_ORPHAN_SECONDS = 3600

OnEntries = Callable[[int], None]

_log = get_logger("archive")


class Archived(Struct):
    """What archiving came to.

    Attributes:
        segments: written.
        entries: in them.
    """

    segments: int = 0
    entries: int = 0


class _Batch(Struct):
    """The entries of the next segment, all of one day.

    Attributes:
        origin: where the kept log begins, if entries before these were trimmed and are lost.
        trimmed: of these or, of a history, of others such entries are lost.
        anew: see `Manifest`.
    """

    entries: list[RawEntry]
    trimmed: bool = False
    anew: bool = False
    origin: Origin | None = None


class Archiver:
    """Archives the agents of a namespace. Several may run; each segment is one's alone.

    Args:
        backend: the namespace.
        store: the archive.
        rows: entries of a segment at most.
    """

    def __init__(self, backend: Backend, store: Store, rows: int = SEGMENT_ROWS) -> None:
        self._backend = backend
        self._store = store
        self._rows = rows
        self._heads: dict[str, Head] = {}
        self._circuits: dict[str, Circuit | None] = {}  # at the ends of chains; None: not known
        self._namespace = backend.keys.namespace_name
        self.done = Archived()

    async def archive(
        self,
        agents: Sequence[AgentKeys],
        *,
        wait_hours: float = 0.0,
        on_entries: OnEntries | None = None,
    ) -> Archived:
        """One pass: everything that is folded, or that fills segments or has waited.

        Args:
            agents: whose.
            wait_hours: entries that do not fill a segment wait so long; 0: not at all.
            on_entries: told of progress.

        Raises:
            ArchiveError: the archive cannot be written, or is not the one written so far.
            BackendError: the server cannot say.
        """
        before = Archived(self.done.segments, self.done.entries)
        for agent in agents:
            head = self._heads.get(agent.name) or await self._open(agent)
            for kind in KINDS:
                while (batch := await self._next(agent, head, kind, wait_hours)) is not None:
                    head = await self._write(agent, head, kind, batch)
                    if on_entries is not None:
                        on_entries(len(batch.entries))
            self._heads[agent.name] = head
        return Archived(self.done.segments - before.segments, self.done.entries - before.entries)

    async def _open(self, agent: AgentKeys) -> Head:
        """Finds where the chain ends and brings the server's position there."""
        head = await load_head(self._store, self._namespace, agent.name)
        await self._catch_up(agent, head)
        await self._sweep(agent, head)
        self._circuits[agent.name] = await self._circuit_at(agent, head)
        return head

    async def _circuit_at(self, agent: AgentKeys, head: Head) -> Circuit | None:
        """What the archived log comes to; None if neither the chain nor the server knows."""
        if head.events == "0-0":
            return initial()
        try:
            return decode_circuit(head.circuit)
        except BackendError:
            pass  # an earlier release wrote it, or a later one
        if (await log_info(self._backend, agent)).missing:
            return None  # the archive may hold what the log has lost
        circuit = (await refold(self._backend, agent, head.events)).circuit
        return circuit if circuit.checkpoint == head.events else None

    async def _catch_up(self, agent: AgentKeys, head: Head) -> None:
        """The position on the server is never beyond the chain, and soon where it ends."""
        key = self._backend.keys.shards[agent.shard].archive
        known = ""
        while True:
            reply = await self._backend.fcall(
                "archived", (key,), (agent.name, known, head.position)
            )
            if reply[0] == b"OK":
                return
            known = reply[1].decode()
            events, history = known.split(" ")
            if id_after(events, head.events) or id_after(history, head.history):
                fresh = await load_head(self._store, self._namespace, agent.name)
                if fresh.number > head.number:  # another archiver is ahead
                    head = fresh
                    continue
                raise ArchiveError(
                    f"agent {agent.name!r} is archived up to {events}, but the archive "
                    f"{self._store.url} ends at {head.events}: is it another one? If the one of "
                    "before is lost, `fuseline archive --forget` lets another begin"
                )

    async def _sweep(self, agent: AgentKeys, head: Head) -> None:
        """Deletes what killed archivers have left, once it is old enough to be nobody's work."""
        before = time.time() - _ORPHAN_SECONDS
        for kind in KINDS:
            folder = file_folder(self._namespace, kind, agent.name)
            for path, written in await self._store.list(f"{folder}/"):
                first = path.rpartition("/")[2].partition("_")[0]
                if written < before and id_after(first, getattr(head, kind)):
                    _log.info("left_over_deleted", file=path)
                    await self._store.delete(path)

    async def _next(
        self, agent: AgentKeys, head: Head, kind: str, wait_hours: float
    ) -> _Batch | None:
        key, after, end = getattr(agent, kind), getattr(head, kind), "+"
        if kind == "events":
            checkpoint = await self._backend.wire.call("HGET", agent.circuit, "checkpoint")
            if checkpoint is None:
                return None
            end = checkpoint.decode()
            origin = await load_origin(self._backend, agent)  # before what goes on from it
        entries: list[RawEntry] = []
        start = f"({after}"
        while len(entries) < self._rows:
            count = min(_PAGE, self._rows - len(entries))
            page = await self._backend.wire.call("XRANGE", key, start, end, "COUNT", count)
            entries += [(own, fields) for own, fields in page]
            if len(page) < count:
                break
            start = f"({page[-1][0].decode()}"
        if not entries:
            return None
        day = day_of(entries[0][0].decode())
        own_day = [entry for entry in entries if day_of(entry[0].decode()) == day]
        is_full = len(own_day) < len(entries) or len(entries) == self._rows
        if not is_full and wait_hours > 0:
            waited_ms = self._backend.clock.now_ms() - parse_id(entries[0][0])[0]
            if waited_ms < wait_hours * 3_600_000:
                return None
        if kind == "history":
            origin = await load_origin(self._backend, agent)
        batch = _Batch(own_day)
        if kind == "events" and origin.trimmed and (after == "0-0" or id_after(origin.at, after)):
            batch.trimmed, batch.origin = True, origin
        elif kind == "history" and after == "0-0":
            # What a history has lost since it was archived is held; before that it is not known.
            batch.trimmed = origin.history_ms > 0
        elif after != "0-0" and not (origin.at if kind == "events" else origin.history_ms):
            first = await self._backend.wire.call("XRANGE", key, "-", "+", "COUNT", 1)
            batch.anew = bool(first) and id_after(first[0][0].decode(), after)
        return batch

    async def _write(self, agent: AgentKeys, head: Head, kind: str, batch: _Batch) -> Head:
        entries = batch.entries
        data = await anyio.to_thread.run_sync(to_parquet, kind, entries)
        circuit = self._circuits[agent.name]
        if kind == "events":
            circuit = await anyio.to_thread.run_sync(_folded_on, circuit, batch)
        first, last = entries[0][0].decode(), entries[-1][0].decode()
        sha256 = digest(data)
        path = file_path(self._namespace, kind, agent.name, f"{first}_{last}_{sha256[:8]}")
        manifest = Manifest(
            namespace=self._namespace,
            agent=agent.name,
            number=head.number + 1,
            previous=head.sha256,
            kind=kind,
            file=path,
            sha256=sha256,
            bytes=len(data),
            rows=len(entries),
            after=getattr(head, kind),
            first=first,
            last=last,
            trimmed=batch.trimmed,
            anew=batch.anew,
            events=last if kind == "events" else head.events,
            history=last if kind == "history" else head.history,
            circuit=b"" if circuit is None else encode_circuit(circuit),
        )
        raw = encode_manifest(manifest)
        await self._store.put(path, data)
        try:
            where = manifest_path(self._namespace, agent.name, manifest.number)
            await self._store.put(where, raw, create=True)
        except TakenError:
            # Another archiver was quicker. What it has named stays, also if it is this very file.
            head = await load_head(self._store, self._namespace, agent.name)
            await self._catch_up(agent, head)
            self._circuits[agent.name] = await self._circuit_at(agent, head)
            return head
        self.done.segments += 1
        self.done.entries += len(entries)
        self._circuits[agent.name] = circuit
        head = Head(
            manifest.number, digest(raw), manifest.events, manifest.history, manifest.circuit
        )
        await self._catch_up(agent, head)
        return head


def _folded_on(circuit: Circuit | None, batch: _Batch) -> Circuit | None:
    """The circuit after a batch of a log; the one before stays as it is."""
    if batch.origin is not None:
        circuit = batch.origin.circuit
    elif batch.anew:
        circuit = initial()
    if circuit is None:
        return None
    circuit = circuit.copy()
    fold_in_place(circuit, parse_entries(list(batch.entries)))
    return circuit


async def stop_archiving(backend: Backend) -> None:
    """Nothing is held for the archive any more; positions stay, for whoever goes on.

    Raises:
        BackendError: the server cannot be told.
    """
    for shard in backend.keys.shards:
        await backend.wire.call("HDEL", shard.archive, ":on")
