"""Taking old entries off logs, histories and counts; by whoever holds the shard's lease.

Each step is one call of a server-side function: it takes entries off and stores what they came to,
or does nothing. It never passes the checkpoint, the archive, or a reader that holds a lease.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from typing import Any

import msgspec
from msgspec import Struct

from fuseline.core.errors import BackendError, BackendUnavailableError
from fuseline.core.fold import fold_in_place
from fuseline.core.retention import DAY_MS, Retention
from fuseline.events.agents import decode_record, list_agents
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys, ShardKeys
from fuseline.events.log import Entry, parse_entries
from fuseline.events.removed import list_removed
from fuseline.events.wire import Command, Wire, translate
from fuseline.projections.leases import LostLeaseError
from fuseline.projections.origin import Origin, decode_origin, origin_command
from fuseline.projections.producers import forget_silent
from fuseline.projections.purging import purge
from fuseline.projections.replay import LogInfo, info_of
from fuseline.projections.rollups import unit_field
from fuseline.projections.shadow_codec import copied, fold_beside
from fuseline.projections.tally import UNITS
from fuseline.telemetry.logs import get_logger

KEPT_CHANGES = 100
"""The newest entries of a history, which stay however old they are."""

_AGENTS_AT_ONCE = 250
_UNITS_AT_ONCE = 1000
_UNITS_WORTH_A_CALL = 30
# Trimming begins only when this share of what is kept is too much, so that an agent with an
# outcome a minute is not trimmed every minute; of an age at most so many days.
_SLACK = 0.02
_SLACK_DAYS = 0.25

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
        if days := self.retention.producer_days:
            before_ms = now_ms - int(days * DAY_MS)
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
        days = self.retention.history_days
        before_ms = now_ms - int(days * DAY_MS) if days else 0
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
        if self._is_due(info):
            if info.missing and not origin.at:
                self._trimmer._warn(
                    self._agent,
                    f"the log has lost {info.missing} entries, so nobody can say what it comes to; "
                    "`fuseline rebuild --incomplete` takes the rest for the whole",
                )
            else:
                origin = await self._trim_log(origin, info)
        if history and (cut_ms := self._cut_ms(self._retention.history_days)):
            while (
                parse_id(history[0][0])[0] < cut_ms
                and (await self._call(origin, history_cut_ms=cut_ms))[1]
            ):
                pass
        await self._trim_counts(origin)

    def _is_due(self, info: LogInfo) -> bool:
        most, days = self._retention.outcomes, self._retention.outcome_days
        if most and info.length > most * (1 + _SLACK):
            return True
        if not days or not info.first_id:
            return False
        slack = min(_SLACK * days, _SLACK_DAYS)
        return parse_id(info.first_id)[0] < self._now_ms - int((days + slack) * DAY_MS)

    def _cut_ms(self, days: float) -> int:
        return self._now_ms - int(days * DAY_MS) if days else 0

    async def _trim_log(self, origin: Origin, info: LogInfo) -> Origin:
        """Takes entries off until what is left is young and few enough, or something holds them."""
        cut_ms = self._cut_ms(self._retention.outcome_days)
        most = self._retention.outcomes
        surplus = info.length - most if most else 0
        begun_ms = origin.begun_ms or parse_id(info.first_id)[0]
        while True:
            raw, checkpoint, archive, readers = await self._read(origin)
            entries = parse_entries(raw)
            bound = self._bound(checkpoint, archive, readers)
            count = 0
            while (
                count < len(entries)
                and (count < surplus or entries[count][0] < cut_ms)
                and entries[count][:2] <= bound
            ):
                count += 1
            if not count:
                return origin
            successor = _folded_on(origin, entries[:count], begun_ms)
            if not await self._call(origin, successor):
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

    def _bound(
        self, checkpoint: bytes | None, archive: list[bytes | None], readers: list[bytes]
    ) -> tuple[int, int]:
        """The last id that may go; the function on the server looks again."""
        ms, seq = parse_id(checkpoint or "0-0")
        bound = (ms, seq - 1)
        if archive[0] is not None:
            bound = min(bound, parse_id((archive[1] or b"0-0").split(b" ")[0]))
        mine = (f"{self._agent.name}:".encode(), b":")
        for name, lease in zip(readers[::2], readers[1::2], strict=True):
            deadline, _, at = lease.partition(b" ")
            if name.startswith(mine) and int(deadline) > self._now_ms:
                bound = min(bound, parse_id(at))
        return bound

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

    async def _trim_counts(self, origin: Origin) -> None:
        """Deletes counts of units that are over, a thousand at a time; none beyond the origin."""
        if not origin.at or not origin.begun_ms:
            return
        for level, (_, width) in enumerate(UNITS):
            days = self._retention.counts_days
            if level == 0:
                days = self._retention.outcome_days or days
            cut_ms = min(self._cut_ms(days), origin.position[0])
            cut_ms -= cut_ms % width
            at = origin.cuts[level] or origin.begun_ms - origin.begun_ms % width
            if cut_ms - at < _UNITS_WORTH_A_CALL * width:
                continue
            while at < cut_ms:
                end = min(cut_ms, at + _UNITS_AT_ONCE * width)
                units = [unit_field((level, n)) for n in range(at // width, end // width)]
                successor = copy(origin)
                successor.cuts = [*origin.cuts[:level], end, *origin.cuts[level + 1 :]]
                await self._call(origin, successor, units=units)
                origin, at = successor, end


def _folded_on(origin: Origin, entries: Sequence[Entry], begun_ms: int) -> Origin:
    """The origin after some entries are off."""
    circuit, tally = origin.circuit.copy(), origin.tally.copy()
    # A step may be refused, and then is done again from the same origin.
    shadow = fold_beside(origin.shadow and copied(origin.shadow), circuit, entries)
    fold_in_place(circuit, entries)
    tally.take(entries)
    trimmed = origin.trimmed + len(entries)
    return Origin(circuit.checkpoint, circuit, tally, trimmed, begun_ms, origin.cuts, shadow=shadow)
