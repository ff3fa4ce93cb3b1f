"""Importing an export: every key as it was, the ids of entries included; they are the clock."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
from msgspec import Struct

from fuseline.archive.file import ExportFileError, Record, read_records
from fuseline.core.errors import ConfigError, FuselineError
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.removed import scan
from fuseline.events.wire import Command, Wire, translate
from fuseline.projections.purging import note_removed

OnBytes = Callable[[int], None]
"""Called with the number of bytes of the file done since the last time; for progress bars."""

_FIELDS_AT_ONCE = 2000
_MARK = "importing"


class NotEmptyError(FuselineError):
    """The namespace to import into holds agents."""


class Imported(Struct):
    """What an import wrote.

    Attributes:
        agents: how many, those of an interrupted import of the same file included.
        entries: of logs and histories, written this time.
        resumed: agents that an interrupted import had written before.
        ahead_seconds: how far the newest entry lies before the clock of this server; above 0 new
            entries get ids of that time until the clock has caught up.
    """

    agents: int = 0
    entries: int = 0
    resumed: int = 0
    ahead_seconds: float = 0.0


def check_file(path: Path, on_bytes: OnBytes | None = None) -> str:
    """Reads a whole file and compares its checksum; returns it with the place of its end.

    Raises:
        ExportFileError: it is no export, is damaged, or is not complete; OSError where it cannot
            be read.
    """
    done = 0
    for _, end in read_records(path):
        if on_bytes is not None:
            on_bytes(end - done)
        done = end
    with path.open("rb") as file:  # the checksum is the last member; its bytes name the file
        file.seek(done)
        return f"{done} {file.read().hex()[-96:]}"


async def import_file(
    backend: Backend, path: Path, *, replace: bool = False, on_bytes: OnBytes | None = None
) -> Imported:
    """Writes what a file holds into a namespace; goes on with an import of it that was interrupted.

    Args:
        backend: the namespace; its name may be another than that of the file.
        path: the file.
        replace: also into a namespace that holds agents; those that are in the file are replaced.
        on_bytes: told of progress, twice through the file.

    Raises:
        ExportFileError: the file cannot be used; nothing was written.
        ConfigError: it has another number of shards than the namespace; nothing was written.
        NotEmptyError: the namespace holds agents; nothing was written.
        BackendError: the server refuses something.
    """
    mark = await anyio.to_thread.run_sync(check_file, path, on_bytes)
    records = read_records(path)
    head, end = next(records)
    if head[4] != len(backend.keys.shards):
        raise ConfigError(
            "shards", len(backend.keys.shards), f"{head[4]}, as the export has (FUSELINE_SHARDS)"
        )
    key = backend.keys.namespace
    stored, count = await backend.wire.call("HMGET", key, _MARK, f"{_MARK}:agents")
    resumed = int(count or 0) if stored == mark.encode() else 0
    if not resumed and stored != mark.encode() and not replace and await _holds_agents(backend):
        raise NotEmptyError(
            f"namespace {backend.keys.namespace_name!r} holds agents already; import into another "
            "(FUSELINE_NAMESPACE), or say --replace to replace those that are in the file"
        )
    await backend.wire.call("HSET", key, _MARK, mark, f"{_MARK}:agents", resumed)
    wire = backend.make_wire()
    try:
        job = _Import(backend, wire, resumed)
        done = 0
        for record, end in records:
            await job.take(record)
            if on_bytes is not None:
                on_bytes(end - done)
            done = end
    finally:
        await backend.drop_wire(wire)
    await backend.wire.call("HDEL", key, _MARK, f"{_MARK}:agents")
    now_ms = await backend.learn_time()
    job.done.ahead_seconds = max(0, job.newest_ms - now_ms) / 1000
    return job.done


async def _holds_agents(backend: Backend) -> bool:
    replies = await backend.wire.call_many(
        [("HLEN", shard.agents) for shard in backend.keys.shards]
    )
    if any(isinstance(reply, int) and reply for reply in replies):
        return True
    async for _ in scan(backend, ":events:"):
        return True
    return False


class _Import:
    """Writes records one after another."""

    def __init__(self, backend: Backend, wire: Wire, resumed: int) -> None:
        self._backend = backend
        self._wire = wire
        self.done = Imported(resumed=resumed)
        self.newest_ms = 0
        self._agent: AgentKeys | None = None
        self._record: bytes | None = None
        self._ends: dict[str, list[Any] | None] = {}

    async def take(self, record: Record) -> None:
        """Writes one record.

        Raises:
            ExportFileError: it is of a kind this release does not know.
            BackendError: the server refuses it.
        """
        kind, *values = record
        match kind:
            case "shard":
                await self._producers(*values)
            case "agent":
                await self._begin(*values)
            case "events" | "history":
                await self._entries(kind, values[0])
            case "counts":
                if self._agent is not None:
                    await self._hash(self._agent.counts, values[0])
            case "agent-end":
                await self._end()
            case "tokens":
                await self._hash(self._backend.keys.access.tokens, values[0])
            case "shard-end":
                pass
            case _:
                raise ExportFileError(
                    f"the file has a record of the unknown kind {kind!r}: it is damaged, or of a "
                    "newer release; import it with that one"
                )

    async def _producers(self, number: int, flat: list[bytes]) -> None:
        """Numbers never go back: where the namespace knows a producer, the later one stays."""
        key = self._backend.keys.shards[number].producers
        names = flat[::2]
        known = await self._wire.call("HMGET", key, *names) if names else []
        later: list[bytes] = []
        for name, stored, here in zip(names, flat[1::2], known, strict=True):
            if here is None or _numbers(stored) > _numbers(here):
                later += (name, stored)
        await self._hash(key, later)

    async def _begin(
        self,
        name: str,
        record: bytes | None,
        circuit: list[bytes],
        origin: list[bytes],
        probes: list[bytes],
        log: list[Any] | None,
        history: list[Any] | None,
    ) -> None:
        self.done.agents += 1
        if self.done.agents <= self.done.resumed:
            self._agent = None
            return
        agent = self._agent = self._backend.keys.agent(name)
        shard = self._backend.keys.shards[agent.shard]
        self._record, self._ends = record, {"events": log, "history": history}
        own = (agent.events, agent.circuit, agent.history, agent.probes, agent.counts, agent.origin)
        gone: list[Command] = [("HDEL", key, name) for key in (shard.agents, shard.removed)]
        await self._call([*gone, ("DEL", *own)])
        await self._hash(agent.circuit, circuit)
        await self._hash(agent.origin, origin)
        pairs = list(zip(probes[::2], probes[1::2], strict=True))
        await self._call([("ZADD", agent.probes, score, member) for member, score in pairs])

    async def _entries(self, kind: str, page: list[list[bytes]]) -> None:
        if self._agent is None:
            return
        key = getattr(self._agent, kind)
        await self._call([("XADD", key, *entry) for entry in page])
        self.done.entries += len(page)
        self.newest_ms = max(self.newest_ms, parse_id(page[-1][0])[0])

    async def _end(self) -> None:
        """The record comes last: what is not complete is seen by no projector."""
        agent = self._agent
        if agent is None:
            return
        for kind, end in self._ends.items():
            if end is not None and end[0] != "0-0":
                await self._set_end(getattr(agent, kind), *end)
        shard = self._backend.keys.shards[agent.shard]
        commands: list[Command] = [("SADD", shard.dirty, agent.name)]
        if self._record is not None:
            commands.append(("HSET", shard.agents, agent.name, self._record))
        await self._call(commands)
        if self._record is None:  # it had left the registry
            await note_removed(self._backend, [agent], self._wire)
        mark = f"{_MARK}:agents"
        await self._call([("HSET", self._backend.keys.namespace, mark, self.done.agents)])

    async def _set_end(self, key: str, last: str, added: int, deleted: str) -> None:
        if not await self._wire.call("EXISTS", key):  # a stream of which nothing is left
            await self._call([("XADD", key, last, "e", ""), ("XDEL", key, last)])
        await self._call([("XSETID", key, last, "ENTRIESADDED", added, "MAXDELETEDID", deleted)])

    async def _hash(self, key: str, flat: list[bytes]) -> None:
        for start in range(0, len(flat), _FIELDS_AT_ONCE):
            await self._call([("HSET", key, *flat[start : start + _FIELDS_AT_ONCE])])

    async def _call(self, commands: list[Command]) -> None:
        for reply in await self._wire.call_many(commands) if commands else ():
            if isinstance(reply, Exception):
                raise translate(reply) from reply


def _numbers(stored: bytes) -> tuple[int, int]:
    """Incarnation and last sequence number of a producer."""
    parts = stored.split(b" ", 2)
    return (int(parts[0]), int(parts[1])) if len(parts) == 3 else (0, 0)
