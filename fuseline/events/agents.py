"""Registered agents: their records, and the control events that go with each change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from fuseline.core.agent import AgentRecord as AgentRecord
from fuseline.core.agent import differences
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import AgentNotFoundError, RevisionConflictError
from fuseline.core.events import AgentRemoved, ConfigChanged, OverrideSet, ShadowSet
from fuseline.core.retention import AgentRetention
from fuseline.events.backend import Backend
from fuseline.events.codec import encode_event
from fuseline.events.keys import AgentKeys, ShardKeys
from fuseline.events.wire import Wire


class _Stored(msgspec.Struct, frozen=True, array_like=True):
    """A record behind its revision, as the hash of agents holds it."""

    config: list[Any]
    endpoint: dict[str, Any] | None = None
    about: dict[str, Any] = {}


_ABOUT = ("description", "tags", "given", "created_ms", "updated_ms", "updated_by")
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
        retention=AgentRetention(**fields.about.get("retention", {})),
        **{name: value for name, value in fields.about.items() if name in _ABOUT},
    )


def _encode_record(record: AgentRecord) -> bytes:
    about = {name: value for name in _ABOUT if (value := getattr(record, name))}
    if record.retention.given:
        about["retention"] = record.retention.given
    if record.given is not None:
        about["given"] = record.given
    endpoint = record.endpoint.to_wire() if record.endpoint else None
    return msgspec.msgpack.encode(_Stored(record.config.to_wire(), endpoint, about))


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
    record = AgentRecord(name=name, config=config, revision=0, endpoint=endpoint)
    return (await enroll(backend, record, actor=actor, wire=wire))[0]


async def enroll(
    backend: Backend, record: AgentRecord, *, actor: str, reason: str = "", wire: Wire | None = None
) -> tuple[AgentRecord, bool]:
    """Registers an agent unless it is there; its revisions go on after a removal.

    Returns:
        The record that is in force, and whether it is the new one.
    """
    base = 0
    while True:
        made = _successor(backend, record, base, actor, created=True)
        reply = await _store(backend, made, None, actor, reason or "registered", wire)
        if reply[0] == b"OK":
            return made, True
        if reply[1]:
            return decode_record(record.name, reply[1]), False
        base = int(reply[2])


async def change(
    backend: Backend, before: AgentRecord, after: AgentRecord, *, actor: str, reason: str = ""
) -> AgentRecord:
    """Puts one record into the place of another, if that is still what stands there.

    Args:
        backend: the namespace.
        before: what the change is based on, as it was read.
        after: what is to be; its revision and times are set here.
        actor: who says it.
        reason: why.

    Raises:
        AgentNotFoundError: it is not registered.
        RevisionConflictError: it has another revision by now.
    """
    made = _successor(backend, after, before.revision, actor)
    reply = await _store(backend, made, before, actor, reason, None)
    _check(reply, before.name, before.revision)
    return made


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
        AgentNotFoundError, RevisionConflictError: see `change`.
    """
    before = await read_agent(backend, name)
    if before is None:
        raise AgentNotFoundError(name)
    # A change in between is no loss: the revision does not fit then.
    before = msgspec.structs.replace(before, revision=revision)
    after = msgspec.structs.replace(
        before, config=config, endpoint=before.endpoint if endpoint is UNSET else endpoint
    )
    return await change(backend, before, after, actor=actor, reason=reason)


async def remove(
    backend: Backend, name: str, *, revision: int, actor: str, reason: str = ""
) -> None:
    """Takes an agent out of the registry; its log and history stay until they are trimmed.

    Raises:
        AgentNotFoundError, RevisionConflictError: see `change`.
    """
    event = AgentRemoved(revision + 1, actor, reason)
    agent = backend.keys.agent(name)
    keys = (*_control_keys(backend, agent), backend.keys.shards[agent.shard].removed)
    reply = await backend.fcall("remove", keys, (name, revision, encode_event(event)))
    _check(reply, name, revision)


async def was_removed(backend: Backend, name: str, wire: Wire | None = None) -> bool:
    """Whether an agent of this name has ever been removed; it may be back by now."""
    key = backend.keys.agent(name).circuit
    return await (wire or backend.wire).call("HGET", key, "gone") is not None


def _successor(
    backend: Backend, record: AgentRecord, base: int, actor: str, *, created: bool = False
) -> AgentRecord:
    now_ms = backend.clock.now_ms()
    return msgspec.structs.replace(
        record,
        revision=base + 1,
        created_ms=now_ms if created else record.created_ms,
        updated_ms=now_ms,
        updated_by=actor,
    )


async def _store(
    backend: Backend,
    record: AgentRecord,
    before: AgentRecord | None,
    actor: str,
    reason: str,
    wire: Wire | None,
) -> list[bytes]:
    event = ConfigChanged(
        record.revision, record.config.to_wire(), actor, reason, differences(before, record)
    )
    reply: list[bytes] = await backend.fcall(
        "configure",
        _control_keys(backend, backend.keys.agent(record.name)),
        (record.name, record.revision - 1, _encode_record(record), encode_event(event)),
        wire,
    )
    return reply


def _check(reply: list[bytes], name: str, revision: int) -> None:
    if reply[0] == b"OK":
        return
    if not reply[1]:
        raise AgentNotFoundError(name)
    current = decode_record(name, reply[1])
    raise RevisionConflictError(
        f"agent {name!r} is at revision {current.revision}, the change was made for {revision};"
        " read it again"
    )


async def override(backend: Backend, name: str, event: OverrideSet | ShadowSet) -> str:
    """Writes an operator's word into the agent's log; returns its id.

    That is one over the circuit, or over the shadow beside it.

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
