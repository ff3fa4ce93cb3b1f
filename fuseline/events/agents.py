"""Registered agents: their records, and the control events that go with each change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import AgentNotFoundError, RevisionConflictError
from fuseline.core.events import ConfigChanged, OverrideSet
from fuseline.events.backend import Backend
from fuseline.events.codec import encode_event
from fuseline.events.keys import AgentKeys, ShardKeys
from fuseline.events.wire import Wire


class AgentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What the registry holds of an agent."""

    name: str
    config: CircuitBreakerConfig
    revision: int
    endpoint: Endpoint | None = None  # None: called by code of the worker's own


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    """A record behind its revision, as the hash of agents holds it."""

    config: list[Any]
    endpoint: dict[str, Any] | None = None


_decoder = msgspec.msgpack.Decoder(_Stored)


def decode_record(name: str, stored: bytes) -> AgentRecord:
    """Reads a record from the hash of agents."""
    revision, _, raw = stored.partition(b" ")
    fields = _decoder.decode(raw)
    return AgentRecord(
        name=name,
        config=CircuitBreakerConfig.from_wire(fields.config),
        revision=int(revision),
        endpoint=None if fields.endpoint is None else Endpoint.from_wire(fields.endpoint),
    )


async def read_agent(backend: Backend, name: str, wire: Wire | None = None) -> AgentRecord | None:
    """The agent's record, or None."""
    keys = backend.keys.agent(name)
    stored = await (wire or backend.wire).call(
        "HGET", backend.keys.shards[keys.shard].agents, keys.name
    )
    return None if stored is None else decode_record(name, stored)


async def register(
    backend: Backend,
    name: str,
    config: CircuitBreakerConfig,
    actor: str,
    wire: Wire | None = None,
    *,
    endpoint: Endpoint | None = None,
) -> AgentRecord:
    """Registers an agent that is not there yet; one that is stays as it is.

    Returns:
        The record that is in force.
    """
    record = AgentRecord(name=name, config=config, revision=1, endpoint=endpoint)
    reply = await _configure(backend, record, actor, "registered", wire)
    if reply[0] == b"CONFLICT":
        return decode_record(name, reply[1])
    return record


async def configure(
    backend: Backend,
    name: str,
    config: CircuitBreakerConfig,
    *,
    revision: int,
    actor: str,
    reason: str = "",
    endpoint: Endpoint | UnsetType | None = UNSET,
) -> AgentRecord:
    """Changes an agent's settings, if it still stands at `revision`.

    Args:
        backend: the namespace.
        name: of the agent.
        config: the new settings of its breaker.
        revision: what the change is based on.
        actor: who says it.
        reason: why.
        endpoint: where it is from now on; None takes the address away, UNSET leaves it as it is.

    Raises:
        AgentNotFoundError: it is not registered.
        RevisionConflictError: it has another revision by now.
    """
    if endpoint is UNSET:
        # A change in between is no loss: the revision will not fit then.
        before = await read_agent(backend, name)
        endpoint = before.endpoint if before else None
    record = AgentRecord(name=name, config=config, revision=revision + 1, endpoint=endpoint)
    reply = await _configure(backend, record, actor, reason, None)
    if reply[0] == b"CONFLICT":
        if not reply[1]:
            raise AgentNotFoundError(name)
        current = decode_record(name, reply[1])
        raise RevisionConflictError(
            f"agent {name!r} is at revision {current.revision}, the change was made for {revision};"
            " read it again"
        )
    return record


async def _configure(
    backend: Backend,
    record: AgentRecord,
    actor: str,
    reason: str,
    wire: Wire | None,
) -> list[bytes]:
    config = record.config.to_wire()
    event = ConfigChanged(record.revision, config, actor, reason)
    stored = _Stored(config, record.endpoint.to_wire() if record.endpoint else None)
    reply: list[bytes] = await backend.fcall(
        "configure",
        _control_keys(backend, backend.keys.agent(record.name)),
        (
            record.name,
            record.revision - 1,
            msgspec.msgpack.encode(stored),
            encode_event(event),
        ),
        wire,
    )
    return reply


async def override(backend: Backend, name: str, event: OverrideSet) -> str:
    """Writes an operator's word into the agent's log; returns its id.

    Raises:
        AgentNotFoundError: the agent is not registered.
    """
    keys = _control_keys(backend, backend.keys.agent(name))
    reply = await backend.fcall("override", keys, (name, encode_event(event)))
    if reply[0] == b"UNKNOWN":
        raise AgentNotFoundError(name)
    event_id: bytes = reply[1]
    return event_id.decode()


def _control_keys(backend: Backend, agent: AgentKeys) -> tuple[str, ...]:
    shard = backend.keys.shards[agent.shard]
    return shard.agents, agent.events, agent.circuit, shard.dirty, shard.wake


async def list_agents(
    backend: Backend, shards: Iterable[ShardKeys] | None = None, wire: Wire | None = None
) -> AsyncIterator[list[AgentKeys]]:
    """All registered agents, a few hundred at a time; shard by shard, in no order."""
    wire = wire or backend.wire
    for shard in backend.keys.shards if shards is None else shards:
        cursor: bytes | str = "0"
        seen: set[bytes] = set()
        while True:
            cursor, flat = await wire.call("HSCAN", shard.agents, cursor, "COUNT", 500)
            names = [name for name in flat[::2] if name not in seen]
            seen.update(names)
            if names:
                yield [backend.keys.agent(name) for name in backend.keys.names(names)]
            if cursor in (b"0", "0"):
                break
