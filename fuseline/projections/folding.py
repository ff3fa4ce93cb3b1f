"""Folding and committing the agents of the shards a projector holds."""

from collections.abc import Iterable, Sequence
from itertools import islice
from time import monotonic
from typing import Any

from fuseline.core.circuit import Rebuilt
from fuseline.core.errors import BackendError, BackendUnavailableError, WrongKeyTypeError
from fuseline.core.events import Tick
from fuseline.events.agents import list_agents
from fuseline.events.backend import Backend
from fuseline.events.codec import encode_event
from fuseline.events.keys import AgentKeys
from fuseline.events.log import Entry, parse_entries
from fuseline.events.wire import Wire, translate
from fuseline.projections.announcing import Announcer, traces_of
from fuseline.projections.committing import Commits, Committer
from fuseline.projections.figures import Lag
from fuseline.projections.origin import load_origin
from fuseline.projections.reading import Wave, WaveSize, read_wave
from fuseline.projections.replay import refold
from fuseline.projections.rollups import replace_counts
from fuseline.projections.shadow_codec import encode_shadow
from fuseline.projections.shard import ShardProjection
from fuseline.projections.store import Commit, load_counted
from fuseline.telemetry.logs import get_logger
from fuseline.telemetry.tracing import active_tracer

_TICK = encode_event(Tick())

_log = get_logger("projector")


class Folding:
    """Brings projections up to the ends of their logs.

    A shard whose lease turns out to be another's gets `lost` set; nothing was written then.

    Args:
        backend: the namespace.
        wire: the connection to work on.
        wave_events: about how many events are folded before other tasks get their turn.
        announcer: tells of what was committed.
    """

    def __init__(
        self, backend: Backend, wire: Wire, wave_events: int, announcer: Announcer
    ) -> None:
        self._backend = backend
        self._wire = wire
        self._size = WaveSize(wave_events)
        self._announcer = announcer
        self.lag = Lag()
        self._committer = Committer(backend, wire, announcer, self.lag)

    async def take(self, number: int, token: int) -> ShardProjection:
        """Loads a shard's circuits and notices what their logs have beyond them."""
        keys = self._backend.keys.shards[number]
        shard = ShardProjection(keys, token)
        last = await self._wire.call("XREVRANGE", keys.wake, "+", "-", "COUNT", 1)
        shard.wake_position = last[0][0].decode() if last else "0-0"
        async for agents in list_agents(self._backend, [keys], self._wire):
            await self._load(shard, agents)
        await self.sweep([shard])
        return shard

    async def sweep(self, shards: Iterable[ShardProjection]) -> None:
        """Compares every checkpoint with the end of its stream; wake-ups and hints can be lost."""
        for shard in shards:
            shard.broken.clear()
            await self.notice_dirty([shard])
            async for agents in list_agents(self._backend, [shard.keys], self._wire):
                keys = [key for agent in agents for key in (agent.circuit, agent.events)]
                reply = await self._backend.fcall("sweep", keys, (), self._wire)
                for index, verdict in zip(reply[::2], reply[1::2], strict=True):
                    agent = agents[index - 1]
                    if verdict == b"AHEAD":
                        await self._fold_anew(shard, agent)
                    shard.notice([agent.name])

    async def notice_dirty(self, shards: Sequence[ShardProjection]) -> None:
        """Asks which agents have events past their checkpoints."""
        replies = await self._wire.call_many([("SMEMBERS", shard.keys.dirty) for shard in shards])
        for shard, names in zip(shards, replies, strict=True):
            if isinstance(names, Exception):
                _log.error("hints_unreadable", shard=shard.keys.shard, error=str(names))
                continue
            shard.notice(set(self._backend.keys.names(names)) - shard.broken.keys())

    async def tick(self, shards: Iterable[ShardProjection]) -> None:
        """Writes a Tick for each deadline that has come, so that the log says time was seen."""
        now_ms = self._backend.clock.now_ms()
        for shard in shards:
            if not (due := shard.due(now_ms)):
                continue
            keys = [shard.keys.lease, shard.keys.dirty, shard.keys.wake]
            keys += [self._backend.keys.agent(name).events for name, _ in due]
            arguments = [part for pair in due for part in pair]
            sent = monotonic()
            try:
                reply = await self._backend.fcall(
                    "tick", keys, (shard.token, _TICK, *arguments), self._wire
                )
            except BackendError:
                for name, deadline in due:
                    shard.schedule(name, deadline)
                raise
            if reply[0] == b"FENCED":
                shard.lost = True
                continue
            self._backend.clock.learn(reply[1], sent, monotonic())
            ticked = {name.decode() for name in reply[2:]}
            shard.notice(ticked)
            for name, deadline in due:
                if name not in ticked:  # our estimate of Redis's time was early
                    shard.schedule(name, deadline)

    async def fold_noticed(self, shards: Sequence[ShardProjection]) -> None:
        """Folds and commits some of what has been noticed, at most `wave_events` events or so."""
        if any(shard.pending or shard.carried for shard in shards):
            self.lag.noticed()
        await self._fold_some(shards)
        if not any(shard.pending or shard.carried for shard in shards):
            self.lag.caught_up()

    async def _fold_some(self, shards: Sequence[ShardProjection]) -> None:
        # What came with wake-ups first: it needs no reading, and is what somebody waits for.
        began = monotonic()
        await self._committer.commit(self._fold_carried(shards), began)
        wave = await self._choose(shards)
        if not wave:
            return
        replies = await read_wave(self._wire, wave, self._size.each(len(wave)) + 1)
        began = monotonic()
        commits: Commits = []
        try:
            await self._fold(wave, replies, commits)
        except BaseException:
            # Folded in memory but not stored: what Redis holds decides.
            for shard, commit in commits:
                shard.reload([commit])
            raise
        await self._committer.commit(commits, began)

    def _fold_carried(self, shards: Iterable[ShardProjection]) -> Commits:
        """Folds what came with wake-ups; nothing has to be read for it."""
        commits: Commits = []
        traced = active_tracer() is not None
        for shard in shards:
            for name, entries in shard.take_carried():
                self.lag.events_folded += len(entries)
                agent = self._backend.keys.agent(name)
                if commit := _fold_in(shard, agent, entries, traced=traced):
                    commits.append((shard, commit))
        return commits

    async def _fold(self, wave: Wave, replies: Sequence[Any], commits: Commits) -> None:
        """Folds what was read of each agent; notices again those that have more."""
        count = self._size.each(len(wave))
        unfinished, before = 0, self.lag.events_folded
        traced = active_tracer() is not None
        for (shard, agent), reply in zip(wave, replies, strict=True):
            shard.pending.pop(agent.name, None)
            if isinstance(reply, Exception):
                shard.set_aside(agent.name, str(translate(reply)))
                continue
            if len(reply) > count:
                unfinished += 1
                shard.notice([agent.name])
            checkpoint = shard.circuits[agent.name].checkpoint
            is_stored = checkpoint != "0-0" and agent.name not in shard.unstored
            if is_stored and (not reply or reply.pop(0)[0] != checkpoint.encode()):
                await self._fold_anew(shard, agent)
                continue
            commit = _fold_in(shard, agent, parse_entries(reply), traced=traced)
            self.lag.events_folded += len(reply)
            if commit is not None:
                commits.append((shard, commit))
        self._size.learn(len(wave), unfinished, self.lag.events_folded - before)

    async def _choose(self, shards: Iterable[ShardProjection]) -> Wave:
        """The agents of the next wave, their circuits loaded."""
        wave: Wave = []
        for shard in shards:
            agents = [
                self._backend.keys.agent(name)
                for name in islice(shard.pending, self._size.agents - len(wave))
            ]
            if missing := [agent for agent in agents if agent.name not in shard.circuits]:
                await self._load(shard, missing)
            wave += [(shard, agent) for agent in agents if agent.name in shard.circuits]
        return wave

    async def _load(self, shard: ShardProjection, agents: Sequence[AgentKeys]) -> None:
        """Loads circuits; one by one where one of them cannot be loaded."""
        try:
            found = await load_counted(self._backend, agents, self._wire)
        except BackendError as error:
            if len(agents) > 1:
                for agent in agents:
                    await self._load(shard, [agent])
            elif isinstance(error, BackendUnavailableError):
                raise
            else:
                shard.set_aside(agents[0].name, str(error))
            return
        for agent, counted in zip(agents, found, strict=True):
            if counted is None:
                origin = await load_origin(self._backend, agent, self._wire)
                shard.put(agent.name, origin.circuit, origin.tally, origin.shadow, stored=False)
            else:
                shard.put(agent.name, *counted, stored=True)
                unsure = shard.unsure.pop(agent.name, None)
                # The lease is still this one, so nobody else can have stored that.
                if unsure is not None and unsure.circuit.position == counted[0].position:
                    self._announcer.committed(unsure, None)

    async def _fold_anew(self, shard: ShardProjection, agent: AgentKeys) -> None:
        """The log has lost events that were folded: the log decides, so fold what it holds."""
        # Of the stored projection the checkpoint is enough; the rest may be unreadable.
        stored = await self._wire.call("HGET", agent.circuit, "checkpoint")
        base = "" if stored is None else stored.decode()
        if base and await self._take_back(shard, agent, base):
            return
        replay = await refold(self._backend, agent, wire=self._wire)
        circuit, tally = replay.circuit, replay.tally
        was = shard.circuits[agent.name].checkpoint if agent.name in shard.circuits else base
        now_ms = self._backend.clock.now_ms()
        note = Rebuilt(now_ms, circuit.checkpoint, was, "the log has lost events")
        _log.error("log_lost_events", agent=agent.name, was=was, now=circuit.checkpoint)
        counts = (agent, replay.rollups, replay.reach, self._wire)
        try:
            stale = await replace_counts(self._backend, shard.keys, shard.token, *counts)
        except WrongKeyTypeError as error:
            shard.set_aside(agent.name, str(error))
            return
        if stale is None:
            shard.lost = True
            return
        shard.put(agent.name, circuit, tally, replay.shadow, stored=stored is not None)
        commit = Commit(
            agent, base, circuit, [note], view_changed=True, anew=True, tally=tally, stale=stale,
            shadow=encode_shadow(replay.shadow),
        )  # fmt: skip
        await self._committer.commit([(shard, commit)], monotonic())

    async def _take_back(self, shard: ShardProjection, agent: AgentKeys, stored: str) -> bool:
        """Goes back to what is stored, if it stands on an event that the log holds.

        The server has then lost both, as after a crash or a failover: only what this process has in
        memory is ahead. Projection and history fit the log, so nothing is folded anew; but the feed
        must say it, because those who decide by a view the server has lost take none that is older.
        """
        known = shard.circuits.get(agent.name)
        if known is None or known.checkpoint == stored:
            return False
        if not await self._wire.call("XRANGE", agent.events, stored, stored):
            return False
        _log.warning("server_lost_events", agent=agent.name, was=known.checkpoint, now=stored)
        await self._load(shard, [agent])
        shard.notice([agent.name])
        circuit = shard.circuits.get(agent.name)
        if circuit is not None and circuit.checkpoint == stored:
            told = Commit(agent, stored, circuit, [], view_changed=True, anew=True)
            await self._committer.commit([(shard, told)], monotonic())
        return True


def _fold_in(
    shard: ShardProjection, agent: AgentKeys, entries: list[Entry], *, traced: bool
) -> Commit | None:
    commit = shard.fold(agent, entries)
    if commit is not None and traced:
        commit.traces = traces_of(entries)
    return commit
