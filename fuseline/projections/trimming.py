"""Taking old entries off logs, histories and counts; by whoever holds the shard's lease.

Each step is one call of a server-side function: it takes entries off and stores what they came to,
or does nothing. It never passes the checkpoint, the archive, or a reader that holds a lease.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from fuseline.core.errors import BackendError, BackendUnavailableError
from fuseline.core.retention import Retention
from fuseline.events.agents import decode_record, list_agents
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys, ShardKeys
from fuseline.events.log import parse_entries
from fuseline.events.removed import list_removed
from fuseline.events.wire import Command, Wire, translate
from fuseline.projections.leases import LostLeaseError
from fuseline.projections.origin import Origin, decode_origin, origin_command
from fuseline.projections.producers import forget_silent
from fuseline.projections.purging import purge
from fuseline.projections.replay import LogInfo, info_of
from fuseline.projections.trimmable import (
    bound_of,
    count_steps,
    cut_of,
    folded_on,
    going,
    is_due,
)
from fuseline.telemetry.logs import get_logger

KEPT_CHANGES = 100
"""The newest entries of a history, which stay however old they are."""

_AGENTS_AT_ONCE = 250

_log = get_logger("retention")


class Trimmed(Struct):
    """What a pass took away.

    Attributes:
        entries: of logs.
        changes: of histories.
        counts: units of counts.
        producers: numbers of producers that were silent for long.
        removed: names of agents that were removed long ago, and of which nothing is left now.
    """

    entries: int = 0
    changes: int = 0
    counts: int = 0
    producers: int = 0
    removed: list[str] = []


class Trimmer:
    """Trims the shards whose leases its owner holds.

    Args:
        backend: the namespace.
        wire: the connection to work on; not the one that folds, which must not wait for it.
        retention: what is kept.
        step: entries taken off and folded at a time.
    """

    def __init__(self, backend: Backend, wire: Wire, retention: Retention, step: int) -> None:
        self._backend = backend
        self._wire = wire
        self.retention = retention
        self._step = step
        self._warned: set[str] = set()

    async def trim_shard(self, shard: ShardKeys, token: int) -> Trimmed:
        """One pass over a shard.

        Raises:
            LostLeaseError: the lease is another's; nothing was done under it.
            BackendUnavailableError: the server does not answer.
        """
        done = Trimmed()
        now_ms = await self._backend.learn_time(self._wire)
        async for page in list_agents(self._backend, [shard], self._wire):
            for start in range(0, len(page), _AGENTS_AT_ONCE):
                await self._trim_agents(
                    shard, token, page[start : start + _AGENTS_AT_ONCE], now_ms, done
                )
        if before_ms := cut_of(self.retention.producer_days, now_ms):
            done.producers += await forget_silent(
                self._backend, shard, token, before_ms, self._wire
            )
        await self._trim_removed(shard, token, now_ms, done)
        if done != Trimmed():
            _log.debug(
                "trimmed",
                shard=shard.shard,
                entries=done.entries,
                changes=done.changes,
                counts=done.counts,
                producers=done.producers,
                removed=len(done.removed),
            )
        return done

    async def _trim_removed(self, shard: ShardKeys, token: int, now_ms: int, done: Trimmed) -> None:
        """Trims what is left of removed agents; in the end nothing of them stays."""
        before_ms = cut_of(self.retention.history_days, now_ms)
        try:
            async for page in list_removed(self._backend, [shard], self._wire):
                for start in range(0, len(page), _AGENTS_AT_ONCE):
                    agents = page[start : start + _AGENTS_AT_ONCE]
                    await self._trim_agents(shard, token, agents, now_ms, done)
                    done.removed += await purge(
                        self._backend, shard, token, agents, before_ms, self._wire
                    )
        except LostLeaseError:
            raise
        except BackendError as error:
            # Another program's key, or a user of earlier rules: the others are trimmed meanwhile.
            if shard.removed not in self._warned:
                self._warned.add(shard.removed)
                _log.warning("removed_not_trimmed", shard=shard.shard, reason=str(error))

    async def _trim_agents(
        self,
        shard: ShardKeys,
        token: int,
        agents: Sequence[AgentKeys],
        now_ms: int,
        done: Trimmed,
    ) -> None:
        commands: list[Command] = [("HMGET", shard.agents, *(agent.name for agent in agents))]
        for agent in agents:
            commands += [
                ("XINFO", "STREAM", agent.events),
                origin_command(agent),
                ("XRANGE", agent.history, "-", "+", "COUNT", 1),
            ]
        records, *replies = await self._wire.call_many(commands)
        if isinstance(records, Exception):
            raise translate(records) from records
        for place, agent in enumerate(agents):
            log, origin, history = replies[place * 3 : place * 3 + 3]
            if any(isinstance(reply, Exception) for reply in (log, origin, history)):
                continue  # no log yet; or keys that are no such ones, which the fold tells
            try:
                retention = kept_of(agent.name, records[place], self.retention)
                job = _Job(self, shard, token, agent, retention, now_ms, done)
                await job.run(decode_origin(origin), log, history)
            except (BackendUnavailableError, LostLeaseError):
                raise
            except (BackendError, ValueError, msgspec.MsgspecError) as error:
                # No ids of ours in a key, or no record.
                self._warn(agent, str(error))

    def _warn(self, agent: AgentKeys, reason: str) -> None:
        if agent.name not in self._warned:
            self._warned.add(agent.name)
            _log.warning("log_not_trimmed", agent=agent.name, reason=reason)


def kept_of(name: str, stored: bytes | None, usual: Retention) -> Retention:
    """What is kept of an agent, by its record as it is stored.

    Raises:
        ConfigError: it cannot be read.
    """
    # Few agents say anything, and a record takes long to read.
    if stored is None or b"retention" not in stored:
        return usual
    return decode_record(name, stored).retention.over(usual)


class _Job:
    """Trimming one agent, in steps."""

    def __init__(
        self,
        trimmer: Trimmer,
        shard: ShardKeys,
        token: int,
        agent: AgentKeys,
        retention: Retention,
        now_ms: int,
        done: Trimmed,
    ) -> None:
        self._trimmer = trimmer
        self._backend = trimmer._backend
        self._wire = trimmer._wire
        self._retention = retention
        self._shard = shard
        self._token = token
        self._agent = agent
        self._now_ms = now_ms
        self._done = done

    async def run(self, origin: Origin, log: list[Any], history: list[Any]) -> None:
        info = info_of(log, origin.trimmed)
        if is_due(info, self._retention, self._now_ms):
            if info.missing and not origin.at:
                self._trimmer._warn(
                    self._agent,
                    f"the log has lost {info.missing} entries, so nobody can say what it comes to; "
                    "`fuseline rebuild --incomplete` takes the rest for the whole",
                )
            else:
                origin = await self._trim_log(origin, info)
        if history and (cut_ms := cut_of(self._retention.history_days, self._now_ms)):
            while (
                parse_id(history[0][0])[0] < cut_ms
                and (await self._call(origin, history_cut_ms=cut_ms))[1]
            ):
                pass
        for units, successor in count_steps(origin, self._retention, self._now_ms):
            await self._call(origin, successor, units=units)
            origin = successor

    async def _trim_log(self, origin: Origin, info: LogInfo) -> Origin:
        """Takes entries off until what is left is young and few enough, or something holds them."""
        cut_ms = cut_of(self._retention.outcome_days, self._now_ms)
        most = self._retention.outcomes
        surplus = info.length - most if most else 0
        begun_ms = origin.begun_ms or parse_id(info.first_id)[0]
        while True:
            raw, checkpoint, archive, readers = await self._read(origin)
            entries = parse_entries(raw)
            bound = bound_of(self._agent.name, checkpoint, archive, readers, self._now_ms)
            count = going(entries, surplus, cut_ms, bound)
            if not count:
                return origin
            successor = folded_on(origin, entries[:count], begun_ms)
            gone, _ = await self._call(origin, successor)
            if not gone:
                return origin
            origin, surplus = successor, surplus - count
            if count < self._trimmer._step:
                return origin

    async def _read(self, origin: Origin) -> list[Any]:
        start = f"({origin.at}" if origin.at else "-"
        replies = await self._wire.call_many(
            [
                ("XRANGE", self._agent.events, start, "+", "COUNT", self._trimmer._step),
                ("HGET", self._agent.circuit, "checkpoint"),
                ("HMGET", self._shard.archive, ":on", self._agent.name),
                ("HGETALL", self._shard.readers),
            ]
        )
        for reply in replies:
            if isinstance(reply, Exception):
                raise translate(reply) from reply
        return replies

    async def _call(
        self,
        origin: Origin,
        successor: Origin | None = None,
        *,
        history_cut_ms: int = 0,
        units: Sequence[str] = (),
    ) -> tuple[int, int]:
        """Does one step; (0, 0) if something holds it."""
        agent, shard = self._agent, self._shard
        keys = (shard.lease, agent.events, agent.circuit, agent.origin, shard.archive,
                shard.readers, agent.history, agent.counts)  # fmt: skip
        last = "" if successor is None or successor.at == origin.at else successor.at
        fields = [] if successor is None else successor.fields()
        reply = await self._backend.fcall(
            "trim",
            keys,
            (self._token, agent.name, origin.at, last, history_cut_ms, KEPT_CHANGES, len(fields),
             *fields, *units),
            self._wire,
        )  # fmt: skip
        if reply[0] == b"FENCED":
            raise LostLeaseError(f"another process has taken shard {shard.shard}")
        if reply[0] != b"OK":
            return 0, 0
        self._done.entries += reply[1]
        self._done.changes += reply[2]
        self._done.counts += len(units)
        return reply[1], reply[2]
