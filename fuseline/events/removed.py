"""Agents that have left the registry: what is left of them is trimmed, and goes in the end.

Their names stand in a hash of each shard, with the id of the removal in the log. It only says where
to look: who is registered is no removed one, whatever stands there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from fuseline.events.backend import Backend
from fuseline.events.keys import AgentKeys, ShardKeys
from fuseline.events.wire import Command, Wire, translate

_AT_ONCE = 500


async def list_removed(
    backend: Backend, shards: Iterable[ShardKeys] | None = None, wire: Wire | None = None
) -> AsyncIterator[list[AgentKeys]]:
    """Removed agents, a few hundred at a time; in no order.

    Some may be registered again.

    Raises:
        WrongKeyTypeError: the key is no hash.
        BackendUnavailableError: the server does not answer.
    """
    wire = wire or backend.wire
    for shard in backend.keys.shards if shards is None else shards:
        cursor: bytes | str = "0"
        seen: set[bytes] = set()
        while True:
            cursor, flat = await wire.call("HSCAN", shard.removed, cursor, "COUNT", _AT_ONCE)
            names = [name for name in flat[::2] if name not in seen]
            seen.update(names)
            page = [backend.keys.agent(name) for name in backend.keys.names(names)]
            if page:
                yield page
            if cursor in (b"0", "0"):
                break


async def left_registry(backend: Backend, wire: Wire | None = None) -> list[AgentKeys]:
    """The removed agents that are not registered now, by name.

    Raises:
        BackendError: the server cannot say.
    """
    found: list[AgentKeys] = []
    async for agents in list_removed(backend, wire=wire):
        commands: list[Command] = [
            ("HEXISTS", backend.keys.shards[agent.shard].agents, agent.name) for agent in agents
        ]
        for agent, registered in zip(
            agents, await (wire or backend.wire).call_many(commands), strict=True
        ):
            if isinstance(registered, Exception):
                raise translate(registered) from registered
            if not registered:
                found.append(agent)
    return sorted(found, key=lambda agent: agent.name)


async def all_agents(backend: Backend) -> set[str]:
    """All agents that have a log or a record, those that left the registry too."""
    found: set[str] = set()
    async for key in scan(backend, ":events:"):
        found.update(backend.keys.names([key]))
    for shard in backend.keys.shards:
        found.update(backend.keys.names(await backend.wire.call("HKEYS", shard.agents)))
    return found


async def find_strays(backend: Backend) -> list[AgentKeys]:
    """Agents with a log that are neither registered nor known as removed, by name.

    Releases before build 8 of the functions did not write removals down.

    Raises:
        BackendError: the server cannot say, or this user may not look for keys.
    """
    names = await all_agents(backend)
    for shard in backend.keys.shards:
        for key in (shard.agents, shard.removed):
            names.difference_update(backend.keys.names(await backend.wire.call("HKEYS", key)))
    return [backend.keys.agent(name) for name in sorted(names)]


async def scan(backend: Backend, kind: str) -> AsyncIterator[bytes]:
    """What stands behind `kind` in the names of the namespace's keys."""
    name = backend.keys.namespace_name
    for special in "\\*?[]":
        name = name.replace(special, f"\\{special}")
    for wire in await backend.wire.each():
        cursor: bytes | str = "0"
        while True:
            cursor, keys = await wire.call(
                "SCAN", cursor, "MATCH", f"{{{name}.*}}{kind}*", "COUNT", 1000
            )
            for key in keys:
                yield key.partition(kind.encode())[2]
            if cursor in (b"0", "0"):
                break
