"""Exporting a namespace: shard after shard, each as it stood at one moment.

Of a shard everything that says how far it is (producers, checkpoints, ends of logs) is read in one
transaction; logs are then read up to there while a reader lease keeps them from being trimmed. So
an export of a namespace in use is one that could have been made with nobody using it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import anyio
from msgspec import Struct
from redis.exceptions import ResponseError

from fuseline.archive.file import FORMAT, VERSION, ExportWriter, part_of, resumable
from fuseline.core.errors import ConfigError
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys, ShardKeys
from fuseline.events.removed import all_agents
from fuseline.events.wire import Command, Wire, translate
from fuseline.projections.readers import ReaderLease
from fuseline.projections.tally import UNITS, parse_unit

OnEntries = Callable[[int], None]
"""Called with the number of entries done since the last time; for progress bars."""

_PAGE = 2000
_FIELDS_AT_ONCE = 5000
_KINDS = ("events", "circuit", "history")


class LeftOut(Struct, frozen=True):
    """What a namespace has that no export holds. Sessions and what alerts sent are not counted.

    Attributes:
        tasks: that wait or run.
        dead_letters: tasks that were given up.
        alert_rules, alert_channels: of its alerts.
    """

    tasks: int = 0
    dead_letters: int = 0
    alert_rules: int = 0
    alert_channels: int = 0


class Exported(Struct):
    """What an export holds.

    Attributes:
        agents: how many.
        entries: of logs and histories.
        resumed: shards that an interrupted export had written before.
        left_out: what the namespace has that no export holds.
        checksum: SHA-256 of the file.
    """

    agents: int = 0
    entries: int = 0
    resumed: int = 0
    left_out: LeftOut = LeftOut()
    checksum: str = ""


async def export(backend: Backend, path: Path, on_entries: OnEntries | None = None) -> Exported:
    """Writes a namespace to a file; goes on with an export to the same file that was interrupted.

    Raises:
        ConfigError: the file is there already.
        BackendError: the server cannot say; what was written is gone on from the next time.
        OSError: the file cannot be written.
    """
    if await anyio.Path(path).exists():
        raise ConfigError("FILE", str(path), "a file that is not there yet")
    shards = backend.keys.shards
    head = ["head", FORMAT, VERSION, backend.keys.namespace_name, len(shards), backend.incarnation]
    kept, offset = resumable(part_of(path), {"head", "shard-end"})
    done = Exported()
    if kept and kept[0] == [*head, *kept[0][6:]]:
        for record in kept:
            done.resumed += record[0] == "shard-end"
            if record[0] == "shard-end":
                done.agents, done.entries = record[2], record[3]
    else:
        offset = 0
    names = await all_agents(backend)
    wire = backend.make_wire()
    writer = ExportWriter(path, offset)
    try:
        if not offset:
            made_ms = await backend.learn_time()
            writer.write([*head, made_ms, version("fuseline")])
        for shard in shards[done.resumed :]:
            mine = sorted(name for name in names if backend.keys.shard_of(name) == shard.shard)
            agents = [backend.keys.agent(name) for name in mine]
            job = _Shard(backend, wire, writer, shard, agents, on_entries, done)
            async with ReaderLease(backend, shard) as lease:
                await job.run(lease)
            writer.write(["shard-end", shard.shard, done.agents, done.entries])
            writer.sync()
        writer.write(["tokens", await wire.call("HGETALL", backend.keys.access.tokens)])
        done.checksum = writer.finish()
        done.left_out = await left_out(backend, wire)
    finally:
        writer.close()
        await backend.drop_wire(wire)
    return done


async def entries_of(backend: Backend) -> int:
    """About how many entries an export will have."""
    total = 0
    agents = [backend.keys.agent(name) for name in await all_agents(backend)]
    for start in range(0, len(agents), 500):
        commands: list[Command] = []
        for agent in agents[start : start + 500]:
            commands += [("XLEN", agent.events), ("XLEN", agent.history)]
        total += sum(n for n in await backend.wire.call_many(commands) if isinstance(n, int))
    return total


async def left_out(backend: Backend, wire: Wire | None = None) -> LeftOut:
    """What an export made now would lack.

    Raises:
        BackendError: the server cannot say.
    """
    wire = wire or backend.wire
    tasks, alerts = backend.keys.tasks, backend.keys.alerts
    prefixes = ((tasks.holding, tasks.held_prefix), (tasks.deferring, tasks.deferred_prefix))
    waiting: list[Command] = [
        ("ZCARD", prefix + agent.decode())
        for agents, prefix in prefixes
        for agent in await wire.call("SMEMBERS", agents)
    ]
    # A task that runs stands in its queue until it ends.
    queued: list[Command] = [("XLEN", queue) for queue in (*tasks.queues, tasks.handed)]
    rest: list[Command] = [
        ("XLEN", tasks.dead),
        *(("HEXISTS", key, "") for key in (alerts.rules, alerts.channels)),
        *(("HLEN", key) for key in (alerts.rules, alerts.channels)),
    ]
    replies = await wire.call_many([("ZCARD", tasks.parked), *queued, *waiting, *rest])
    for reply in replies:
        if isinstance(reply, Exception):
            raise translate(reply) from reply
    *pending, dead, no_rule, no_channel, rules, channels = replies
    # The empty name counts revisions.
    return LeftOut(sum(pending), dead, rules - no_rule, channels - no_channel)


class _Shard:
    """One shard of an export."""

    def __init__(
        self,
        backend: Backend,
        wire: Wire,
        writer: ExportWriter,
        shard: ShardKeys,
        agents: list[AgentKeys],
        on_entries: OnEntries | None,
        done: Exported,
    ) -> None:
        self._backend = backend
        self._wire = wire
        self._writer = writer
        self._shard = shard
        self._agents = agents
        self._on_entries = on_entries
        self._done = done

    async def run(self, lease: ReaderLease) -> None:
        producers, records, *parts = await self._snapshot()
        record_of = dict(zip(records[::2], records[1::2], strict=True))
        self._writer.write(["shard", self._shard.shard, producers])
        for place, agent in enumerate(self._agents):
            circuit, origin, probes, log, history = parts[place * 5 : place * 5 + 5]
            stored = dict(zip(circuit[::2], circuit[1::2], strict=True))
            ends = [_stream(log), _stream(history)]
            record = record_of.get(agent.name.encode())
            self._writer.write(["agent", agent.name, record, circuit, origin, probes, *ends])
            await self._stream_of("events", agent.events, ends[0], lease)
            await self._stream_of("history", agent.history, ends[1], lease)
            await self._counts(agent, stored.get(b"checkpoint", b"0-0"))
            self._writer.write(["agent-end", agent.name])
            self._done.agents += 1

    async def _snapshot(self) -> list[Any]:
        commands: list[Command] = [
            ("MULTI",),
            ("HGETALL", self._shard.producers),
            ("HGETALL", self._shard.agents),
        ]
        for agent in self._agents:
            commands += [
                ("HGETALL", agent.circuit),
                ("HGETALL", agent.origin),
                ("ZRANGE", agent.probes, 0, -1, "WITHSCORES"),
                ("XINFO", "STREAM", agent.events),
                ("XINFO", "STREAM", agent.history),
            ]
        *_, replies = await self._wire.call_many([*commands, ("EXEC",)])
        if isinstance(replies, Exception):
            raise translate(replies) from replies
        for reply in replies:
            is_absent = isinstance(reply, ResponseError) and "no such key" in str(reply).lower()
            if isinstance(reply, Exception) and not is_absent:
                raise translate(reply) from reply
        return list(replies)

    async def _stream_of(
        self, kind: str, key: str, end: list[Any] | None, lease: ReaderLease
    ) -> None:
        start = "-"
        while end is not None:
            await lease.renew("0-0")
            page = await self._wire.call("XRANGE", key, start, end[0], "COUNT", _PAGE)
            if page:
                self._writer.write([kind, [[own, *fields] for own, fields in page]])
                self._done.entries += len(page)
                if self._on_entries is not None:
                    self._on_entries(len(page))
            if len(page) < _PAGE:
                return
            start = f"({page[-1][0].decode()}"

    async def _counts(self, agent: AgentKeys, checkpoint: bytes) -> None:
        """The units that were closed when the projection stood where it was read."""
        until_ms = parse_id(checkpoint)[0]
        cursor: bytes | str = "0"
        while True:
            cursor, flat = await self._wire.call(
                "HSCAN", agent.counts, cursor, "COUNT", _FIELDS_AT_ONCE
            )
            closed: list[bytes] = []
            for name, raw in zip(flat[::2], flat[1::2], strict=True):
                unit = parse_unit(name)
                if unit is not None and unit[1] < until_ms // UNITS[unit[0]][1]:
                    closed += (name, raw)
            if closed:
                self._writer.write(["counts", closed])
            if cursor in (b"0", "0"):
                return


def _stream(reply: Any) -> list[Any] | None:
    """Last id, entries ever added and greatest deleted id of a stream; None if there is none."""
    if isinstance(reply, Exception):
        return None
    values = {reply[n]: reply[n + 1] for n in range(0, len(reply), 2)}
    return [
        values[b"last-generated-id"].decode(),
        values[b"entries-added"],
        values[b"max-deleted-entry-id"].decode(),
    ]
