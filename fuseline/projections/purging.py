"""What is left of removed agents goes once it is as old as a history may be.

Also noting removals that nobody has written down: by what a log came to.
"""

from __future__ import annotations

from collections.abc import Sequence

from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys, ShardKeys
from fuseline.events.wire import Command, Wire, translate
from fuseline.projections.leases import LostLeaseError


async def purge(
    backend: Backend,
    shard: ShardKeys,
    token: int,
    agents: Sequence[AgentKeys],
    before_ms: int,
    wire: Wire,
) -> list[str]:
    """Deletes all keys of agents that were removed, and called last, before a time.

    The server looks again: one that is registered, not folded or not archived to its end, or that
    is being read, stays. One that is registered is no removed one any more.

    Args:
        backend: the namespace.
        shard: of all `agents`.
        token: of the shard's lease.
        agents: removed ones.
        before_ms: the time; 0: only those that are registered again leave the removed ones.
        wire: connection to use.

    Returns:
        The names of those that are gone.

    Raises:
        LostLeaseError: the lease is another's.
        BackendError: the server cannot do it.
    """
    calls = [("purge", _keys(shard, one), (token, one.name, before_ms)) for one in agents]
    gone = []
    for agent, reply in zip(agents, await backend.fcall_many(calls, wire), strict=True):
        if isinstance(reply, Exception):
            raise translate(reply) from reply
        if reply == b"FENCED":
            raise LostLeaseError(f"another process has taken shard {shard.shard}")
        if reply == b"OK":
            gone.append(agent.name)
    return gone


async def note_removed(
    backend: Backend, agents: Sequence[AgentKeys], wire: Wire | None = None
) -> None:
    """Writes down that agents have left the registry, where that is not known yet.

    The last word of an operator is the removal then; without one, the last event.

    Raises:
        BackendError: the server cannot say.
    """
    wire = wire or backend.wire
    for agent in agents:
        commands: list[Command] = [
            ("HGET", agent.circuit, "control"),
            ("XREVRANGE", agent.events, "+", "-", "COUNT", 1),
        ]
        replies = await wire.call_many(commands)
        for reply in replies:
            if isinstance(reply, Exception):
                raise translate(reply) from reply
        control, last = replies
        at = control or (last[0][0] if last else f"{await backend.learn_time(wire)}-0")
        key = backend.keys.shards[agent.shard].removed
        await wire.call("HSETNX", key, agent.name, at)


def _keys(shard: ShardKeys, agent: AgentKeys) -> tuple[str, ...]:
    return (
        *(shard.lease, shard.removed, shard.archive, shard.readers, shard.dirty),
        *(agent.events, agent.history, agent.circuit, agent.probes, agent.counts, agent.origin),
    )
