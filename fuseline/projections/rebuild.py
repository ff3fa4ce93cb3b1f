"""Rebuilding: projections folded anew from the log, on an operator's word.

Most of the log is folded beforehand, so the running projector is fenced out only for a moment.
Each agent's new projection is stored in one step, or the agent stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

import anyio
from msgspec import Struct

from fuseline.core.circuit import Circuit, Rebuilt
from fuseline.core.errors import BackendError, BackendUnavailableError, WrongKeyTypeError
from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys, ShardKeys
from fuseline.events.wire import Wire, translate
from fuseline.projections.codec import decode_circuit
from fuseline.projections.leases import LEASE_MS, lease_call
from fuseline.projections.replay import (
    OnEvents,
    OvertakenError,
    Replay,
    log_info,
    refold,
    refold_more,
)
from fuseline.projections.rollups import load_all, replace_counts
from fuseline.projections.shadow_codec import encode_shadow
from fuseline.projections.store import Commit, commit_call
from fuseline.projections.units import span_of

_AGENTS_PER_COMMIT = 50
_RELEASE_SECONDS = 1.0


class Rebuild(Struct, frozen=True, kw_only=True):
    """What rebuilding one agent came to.

    Attributes:
        agent: name of the agent.
        previous: checkpoint before; "" if there was no projection.
        checkpoint: checkpoint now.
        events: entries folded.
        missing: entries the log no longer has.
        changed: whether the circuit is another than before.
        problem: why the agent was left as it was; "" if it was rebuilt.
    """

    agent: str
    previous: str = ""
    checkpoint: str = ""
    events: int = 0
    missing: int = 0
    changed: bool = False
    problem: str = ""


async def rebuild(
    backend: Backend,
    shard: ShardKeys,
    agents: Sequence[AgentKeys],
    *,
    owner: str,
    reason: str,
    incomplete: bool = False,
    on_events: OnEvents | None = None,
) -> list[Rebuild]:
    """Folds agents of one shard anew and stores the result.

    Args:
        backend: the namespace.
        shard: the shard of all `agents`.
        agents: whose projections.
        owner: name in the shard's lease while it is held here.
        reason: stands in the history.
        incomplete: also rebuild from a log that has lost entries; what they said is lost then, and
            the log counts as whole from there on.
        on_events: told of progress.

    Raises:
        BackendError: another process took the shard's lease meanwhile; run it again.
        BackendUnavailableError: the server does not answer.
    """
    wire = backend.make_wire()
    job = _Job(backend, shard, wire, owner, reason, on_events)
    results: list[Rebuild] = []
    try:
        for start in range(0, len(agents), _AGENTS_PER_COMMIT):
            results += await job.run(agents[start : start + _AGENTS_PER_COMMIT], incomplete)
    finally:
        with anyio.CancelScope(shield=True):
            await backend.drop_wire(wire)
    return results


class _Ready(Struct):
    """An agent whose log is folded, but for what comes in the meantime."""

    agent: AgentKeys
    replay: Replay
    missing: int


class _Job:
    """One batch of agents of one shard."""

    def __init__(
        self,
        backend: Backend,
        shard: ShardKeys,
        wire: Wire,
        owner: str,
        reason: str,
        on_events: OnEvents | None,
    ) -> None:
        self._backend = backend
        self._shard = shard
        self._wire = wire
        self._owner = owner
        self._reason = reason
        self._on_events = on_events

    async def run(self, agents: Sequence[AgentKeys], incomplete: bool) -> list[Rebuild]:
        ready: list[_Ready] = []
        results: list[Rebuild] = []
        for agent in agents:
            try:
                prepared = await self._prepare(agent, incomplete)
            except BackendUnavailableError:
                raise
            except BackendError as error:
                prepared = Rebuild(agent=agent.name, problem=str(error))
            if isinstance(prepared, Rebuild):
                results.append(prepared)
            else:
                ready.append(prepared)
        if ready:
            # Shielded: a lease that is taken but not known here would lock others out.
            with anyio.CancelScope(shield=True):
                token = await self._call_lease(0, by_force=True)
            try:
                results += await self._store(ready, token)
            finally:
                with anyio.move_on_after(_RELEASE_SECONDS, shield=True):
                    await self._backend.fcall("release", (self._shard.lease,), (token,))
        return results

    async def _prepare(self, agent: AgentKeys, incomplete: bool) -> _Ready | Rebuild:
        info = await log_info(self._backend, agent, self._wire)
        if info.missing and not incomplete:
            return Rebuild(
                agent=agent.name,
                missing=info.missing,
                problem=f"the log has lost {info.missing} entries; folding the rest would "
                "forget what they said (--incomplete does it nevertheless)",
            )
        replay = await refold(
            self._backend,
            agent,
            incomplete=incomplete,
            on_events=self._on_events,
            wire=self._wire,
        )
        return _Ready(agent, replay, info.missing)

    async def _store(self, ready: Sequence[_Ready], token: int) -> list[Rebuild]:
        """Folds what has come meanwhile and commits; the lease is held."""
        results: dict[str, Rebuild] = {}
        commits: list[Commit] = []
        renewed_at = monotonic()
        for item in ready:
            agent, replay = item.agent, item.replay
            if monotonic() - renewed_at > LEASE_MS / 4000:
                renewed_at = monotonic()
                await self._call_lease(token)
            try:
                await refold_more(self._backend, agent, replay, wire=self._wire)
            except OvertakenError as error:
                results[agent.name] = Rebuild(agent=agent.name, problem=str(error))
                continue
            (stored,) = await self._wire.call_many([("HMGET", agent.circuit, "checkpoint", "blob")])
            if isinstance(stored, Exception):
                results[agent.name] = Rebuild(agent=agent.name, problem=str(translate(stored)))
                continue
            previous = (stored[0] or b"").decode(errors="surrogateescape")
            circuit = replay.circuit
            now_ms = self._backend.clock.now_ms()
            note = Rebuilt(now_ms, circuit.checkpoint, previous, self._reason)
            try:
                if item.missing:
                    await self._accept(item, token)
                stale = await self._write_counts(item, token)
            except WrongKeyTypeError as error:
                results[agent.name] = Rebuild(agent=agent.name, problem=str(error))
                continue
            commits.append(
                Commit(
                    agent,
                    previous,
                    circuit,
                    [note],
                    view_changed=True,
                    anew=True,
                    tally=replay.tally,
                    stale=stale,
                    shadow=encode_shadow(replay.shadow),
                )
            )
            results[agent.name] = Rebuild(
                agent=agent.name,
                previous=previous,
                checkpoint=circuit.checkpoint,
                events=replay.events,
                missing=item.missing,
                changed=_differs(stored[1], circuit),
            )
        for name, problem in (await self._commit(commits, token)).items():
            results[name] = Rebuild(agent=name, problem=problem)
        return list(results.values())

    async def _accept(self, item: _Ready, token: int) -> None:
        """What the log has lost counts as trimmed from now on: the fold begins where it began."""
        origin = item.replay.origin
        origin.at = origin.at or "0-0"
        trimmed = origin.trimmed + item.missing
        # Counts of before are still good.
        counted = await load_all(self._backend, item.agent, self._wire)
        starts = [start for start, _ in map(span_of, counted)]
        origin.begun_ms = min([*starts, origin.begun_ms] if origin.begun_ms else starts, default=0)
        keys = (self._shard.lease, item.agent.origin)
        arguments = (token, *origin.fields(), "trimmed", trimmed)
        if await self._backend.fcall("accept", keys, arguments, self._wire) == b"FENCED":
            raise self._taken()

    async def _write_counts(self, item: _Ready, token: int) -> list[str]:
        """Writes the rollups; returns the units that the commit has to delete."""
        rollups, reach = item.replay.rollups, item.replay.reach
        stale = await replace_counts(
            self._backend, self._shard, token, item.agent, rollups, reach, self._wire
        )
        if stale is None:
            raise self._taken()
        return stale

    async def _commit(self, commits: Sequence[Commit], token: int) -> dict[str, str]:
        """Stores the circuits; returns the agents that were refused, with the reason."""
        if not commits:
            return {}
        function, keys, arguments = commit_call(self._shard, token, commits)
        reply = await self._backend.fcall(function, keys, arguments, self._wire)
        if reply[0] == b"FENCED":
            raise self._taken()
        return {
            commits[index - 1].agent.name: reason.decode(errors="replace")
            for index, reason in zip(reply[1::2], reply[2::2], strict=True)
        }

    async def _call_lease(self, token: int, *, by_force: bool = False) -> int:
        call = lease_call(self._shard, self._owner, token, by_force=by_force)
        held: int = await self._backend.fcall(*call, self._wire)
        if not held:
            raise self._taken()
        return held

    def _taken(self) -> BackendError:
        return BackendError(
            f"another process took shard {self._shard.shard} meanwhile; the agents of this step "
            "stay as they were, run it again"
        )


def _differs(blob: bytes | None, circuit: Circuit) -> bool:
    if blob is None:
        return True
    try:
        return decode_circuit(blob) != circuit
    except BackendError:
        return True
