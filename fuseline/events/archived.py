"""How far a namespace is archived, as the server knows it; and the word that it is not any more.

Of each shard a hash holds the position of each agent, and `:on` as long as entries wait for the
archive. That positions were forgotten stands in the namespace's own record.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import Struct

from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.wire import Command, translate
from fuseline.telemetry.logs import get_logger

_ON = ":on"
_FORGOTTEN = "archive_forgotten:"
_AT_ONCE = 250

_log = get_logger("archive")


class Forgotten(Struct, frozen=True):
    """An archive that was given up.

    Attributes:
        at_ms: when, by Redis's clock.
        actor: who said so.
        reason: why.
        agents: how many had a position in it.
    """

    at_ms: int
    actor: str
    reason: str
    agents: int


_forgotten = msgspec.json.Decoder(Forgotten)


async def forget_positions(backend: Backend, actor: str, reason: str) -> Forgotten:
    """Nothing is held for the archive any more, and another one may begin.

    Raises:
        BackendError: the server cannot be told; said again, it goes on.
    """
    agents = 0
    for shard in backend.keys.shards:
        fields = await backend.wire.call("HKEYS", shard.archive)
        agents += len([name for name in fields if name != _ON.encode()])
    at_ms = await backend.learn_time()
    said = Forgotten(at_ms, actor, reason, agents)
    # First, so that it cannot have happened without a word.
    field = f"{_FORGOTTEN}{at_ms}"
    await backend.wire.call("HSET", backend.keys.namespace, field, msgspec.json.encode(said))
    for shard in backend.keys.shards:
        await backend.wire.call("DEL", shard.archive)
    _log.warning("archive_forgotten", actor=actor, reason=reason, agents=agents)
    return said


async def load_forgotten(backend: Backend) -> list[Forgotten]:
    """The archives that were given up, the newest last.

    Raises:
        BackendError: the server cannot say.
    """
    flat = await backend.wire.call("HGETALL", backend.keys.namespace)
    found = [
        _forgotten.decode(raw)
        for name, raw in zip(flat[::2], flat[1::2], strict=True)
        if name.startswith(_FORGOTTEN.encode())
    ]
    return sorted(found, key=lambda one: one.at_ms)


async def waiting_since(backend: Backend, agents: Sequence[AgentKeys]) -> dict[str, int] | None:
    """Of agents with entries that wait for the archive the time of the oldest, in ms.

    None: nothing waits, because nobody archives.

    Raises:
        BackendError: the server cannot say.
    """
    shards = backend.keys.shards
    on = [await backend.wire.call("HEXISTS", shard.archive, _ON) for shard in shards]
    if not any(on):
        return None
    found: dict[str, int] = {}
    held = [agent for agent in agents if on[agent.shard]]
    for start in range(0, len(held), _AT_ONCE):
        page = held[start : start + _AT_ONCE]
        positions = await _asked(
            backend, [("HGET", shards[agent.shard].archive, agent.name) for agent in page]
        )
        commands: list[Command] = []
        for agent, position in zip(page, positions, strict=True):
            events, history = (position or b"0-0 0-0").decode().split(" ")
            commands += [
                ("XRANGE", agent.events, f"({events}", "+", "COUNT", 1),
                ("XRANGE", agent.history, f"({history}", "+", "COUNT", 1),
            ]
        entries = await _asked(backend, commands)
        for place, agent in enumerate(page):
            firsts = [one[0][0] for one in entries[place * 2 : place * 2 + 2] if one]
            if firsts:
                found[agent.name] = min(parse_id(first)[0] for first in firsts)
    return found


async def _asked(backend: Backend, commands: Sequence[Command]) -> list[Any]:
    replies = await backend.wire.call_many(commands)
    for reply in replies:
        if isinstance(reply, Exception):
            raise translate(reply) from reply
    return replies
