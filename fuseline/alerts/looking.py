"""What a notifier reads of agents and of Fuseline itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from fuseline.alerts.model import Track
from fuseline.alerts.samples import Machine
from fuseline.core.circuit import Circuit, CircuitState
from fuseline.core.errors import BackendError
from fuseline.core.events import Mode
from fuseline.events.agents import decode_record, list_agents
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.wire import Command, Wire, translate
from fuseline.projections.codec import decode_circuit
from fuseline.projections.timeline import Item, read_change

PAGE = 500
"""Agents asked for at once, and entries of a history read at once."""

_LAGGARDS = 20
_MACHINE_MS = 30_000
_SILENT_MS = 86_400_000
_machines = msgspec.msgpack.Decoder(Machine)


async def all_names(backend: Backend, wire: Wire) -> list[str]:
    """The names of all registered agents."""
    return [keys.name async for page in list_agents(backend, wire=wire) for keys in page]


async def read_news(
    backend: Backend, wire: Wire, tracks: Sequence[tuple[str, Track]]
) -> list[tuple[str, tuple[str, ...], list[Item], bool]]:
    """Of each agent its tags and the entries of its history after its track.

    Returns:
        Agent, tags, entries, and whether there may be more.
    """
    keys = backend.keys
    commands: list[Command] = []
    for name, track in tracks:
        agent = keys.agent(name)
        commands.append(("XRANGE", agent.history, f"({track.history_id}", "+", "COUNT", PAGE))
        commands.append(("HGET", keys.shards[agent.shard].agents, name))
    replies = await _ask(wire, commands)
    found = []
    for (name, track), raw, record in zip(tracks, replies[::2], replies[1::2], strict=True):
        items = [item for entry in raw if (item := read_change(entry)) is not None]
        if raw and not items:  # of kinds that a newer release writes; they are passed
            track.history_id = raw[-1][0].decode()
        found.append((name, _tags(name, record), items, len(raw) == PAGE))
    return found


async def first_tracks(
    backend: Backend, wire: Wire, names: Sequence[str], now_ms: int
) -> dict[str, Track]:
    """How agents stand when somebody first watches: what they did before is no news."""
    commands: list[Command] = []
    for name in names:
        agent = backend.keys.agent(name)
        # In this order: what the circuit knows is passed over when the history is read on.
        commands.append(("XREVRANGE", agent.history, "+", "-", "COUNT", 1))
        commands.append(("HGET", agent.circuit, "blob"))
    tracks: dict[str, Track] = {}
    for name, last, circuit in _with_circuits(names, await _ask(wire, commands)):
        history_id = last[0][0].decode() if last else "0-0"
        track = tracks[name] = Track(history_id=history_id, looked_ms=now_ms)
        if circuit is not None:
            track.position = (circuit.last_ms, circuit.last_seq, 1)
            track.epoch = circuit.epoch
            if circuit.state is not CircuitState.CLOSED:
                track.opened_ms, track.cause = circuit.since_ms, circuit.cause
            if circuit.mode is not Mode.AUTO:
                track.mode, track.mode_ms = circuit.mode, now_ms
    return tracks


async def without_history(backend: Backend, wire: Wire, names: Sequence[str]) -> list[str]:
    """Those of some agents that have no history."""
    gone: list[str] = []
    for start in range(0, len(names), PAGE):
        part = names[start : start + PAGE]
        commands: list[Command] = [("EXISTS", backend.keys.agent(name).history) for name in part]
        found = await _ask(wire, commands)
        gone += [name for name, there in zip(part, found, strict=True) if not there]
    return gone


async def read_circuits(
    backend: Backend, wire: Wire, names: Sequence[str], now_ms: int
) -> dict[str, Circuit]:
    """The circuits of agents with the figures of now; those without one are left out."""
    found: dict[str, Circuit] = {}
    for start in range(0, len(names), PAGE):
        part = names[start : start + PAGE]
        commands: list[Command] = [("HGET", backend.keys.agent(n).circuit, "blob") for n in part]
        for name, raw in zip(part, await _ask(wire, commands), strict=True):
            if (circuit := _circuit(raw)) is not None:
                found[name] = circuit.at(now_ms)
    return found


async def read_lag(backend: Backend, wire: Wire, now_ms: int) -> tuple[int, str]:
    """Age in ms of the oldest event that is not folded, and whose it is.

    At most 20 agents of a shard are asked, chosen by chance among those with new events.
    """
    keys = backend.keys
    shards = await _ask(wire, [("SRANDMEMBER", shard.dirty, _LAGGARDS) for shard in keys.shards])
    names = [name for found in shards for name in keys.names(found)]
    agents = [keys.agent(name) for name in names]
    checkpoints = await _ask(wire, [("HGET", one.circuit, "checkpoint") for one in agents])
    commands: list[Command] = [
        ("XRANGE", one.events, f"({(at or b'0-0').decode()}", "+", "COUNT", 1)
        for one, at in zip(agents, checkpoints, strict=True)
    ]
    oldest = [
        (parse_id(raw[0][0])[0], name)
        for name, raw in zip(names, await _ask(wire, commands), strict=True)
        if raw
    ]
    at_ms, name = min(oldest, default=(now_ms, ""))
    return max(0, now_ms - at_ms), name


async def read_machines(backend: Backend, wire: Wire, now_ms: int) -> dict[str, Machine]:
    """What notifiers have lately seen on their machines, by host."""
    found = await _all_machines(backend, wire)
    return {host: one for host, one in found.items() if now_ms - one.at_ms < _MACHINE_MS}


async def silent_machines(backend: Backend, wire: Wire, now_ms: int) -> list[str]:
    """Hosts of which no notifier has told anything for a day."""
    found = await _all_machines(backend, wire)
    return [host for host, one in found.items() if now_ms - one.at_ms > _SILENT_MS]


async def _all_machines(backend: Backend, wire: Wire) -> dict[str, Machine]:
    flat = await wire.call("HGETALL", backend.keys.alerts.machines)
    return {
        host.decode(): _machines.decode(raw)
        for host, raw in zip(flat[::2], flat[1::2], strict=True)
    }


async def _ask(wire: Wire, commands: Sequence[Command]) -> list[Any]:
    if not commands:
        return []
    replies = await wire.call_many(commands)
    for reply in replies:
        if isinstance(reply, Exception):
            raise translate(reply) from reply
    return replies


def _with_circuits(
    names: Sequence[str], replies: Sequence[Any]
) -> Iterable[tuple[str, Any, Circuit | None]]:
    for name, last, raw in zip(names, replies[::2], replies[1::2], strict=True):
        yield name, last, _circuit(raw)


def _circuit(raw: bytes | None) -> Circuit | None:
    if raw is None:
        return None
    try:
        return decode_circuit(raw)
    except BackendError:
        return None  # `fuseline doctor` tells of it


def _tags(name: str, record: bytes | None) -> tuple[str, ...]:
    if record is None:
        return ()
    try:
        return decode_record(name, record).tags
    except (msgspec.MsgspecError, ValueError, TypeError):
        return ()
