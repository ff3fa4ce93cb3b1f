"""Namespaces with a past, and everything that stands in one."""

import random
from typing import Any

from fuseline.archive.archiving import Archived, Archiver
from fuseline.archive.chain import load_chain
from fuseline.archive.proof import ArchiveProof, prove
from fuseline.archive.store import Store
from fuseline.archive.tables import RawEntry, from_parquet
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.retention import Retention
from fuseline.events.agents import read_agent, register, remove
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.projections.leases import lease_call
from fuseline.projections.tally import UNITS, parse_unit
from fuseline.projections.trimming import Trimmed, Trimmer
from tests.logbook import append, failure, outcome
from tests.projections.support import projecting, until_folded
from tests.projections.tally_support import fence, fill, fold, lively_log

LIVELY = ("one", "two", "three é", "four*")
GONE = "gone"


async def peopled(backend: Backend, url: str, seed: int = 1, events: int = 400) -> None:
    """Some agents with lively logs, a trimmed one, one that was removed, one that never called."""
    chance = random.Random(seed)
    for name in LIVELY:
        await fill(backend, name, lively_log(chance, events))
    await register(backend, GONE, CircuitBreakerConfig(), "me")
    await append(backend, GONE, [failure(), outcome()], producer=7)
    for name in LIVELY:
        shard = backend.keys.shards[backend.keys.shard_of(name)]
        await backend.wire.call("HSET", shard.agents, name, b"1 \x91\x90")
    await register(backend, "silent", CircuitBreakerConfig(), "me")
    async with projecting(url, backend.keys.namespace_name):
        await until_folded(backend, *LIVELY, GONE, "silent")
        record = await read_agent(backend, GONE)
        assert record is not None
        await remove(backend, GONE, revision=record.revision, actor="me")
        await until_folded(backend, GONE)
    for name in (*LIVELY, GONE, "silent"):
        await fence(backend, name)
    await trim(backend, LIVELY[0], outcomes=events // 3)


async def made(backend: Backend, url: str, agent: str, count: int, seed: int = 1) -> None:
    """One agent with a folded log."""
    shard = backend.keys.shards[backend.keys.shard_of(agent)]
    await fill(backend, agent, lively_log(random.Random(seed), count))
    await backend.wire.call("HSET", shard.agents, agent, b"1 \x91\x90")
    await fold(backend, url, backend.keys.namespace_name, agent)


async def archive(
    backend: Backend, store: Store, agent: str, rows: int = 100, **options: float
) -> Archived:
    archiver = Archiver(backend, store, rows)
    return await archiver.archive([backend.keys.agent(agent)], **options)


async def archived(backend: Backend, store: Store, agent: str, kind: str) -> list[RawEntry]:
    """What the chain of the agent names, in its order."""
    found: list[RawEntry] = []
    for manifest, _ in await load_chain(store, backend.keys.namespace_name, agent):
        if manifest.kind == kind:
            found += from_parquet(await store.get(manifest.file))
    return found


async def stream(backend: Backend, agent: str, kind: str) -> list[RawEntry]:
    """What the server has of an agent's events or history."""
    key = getattr(backend.keys.agent(agent), kind)
    return [(own, fields) for own, fields in await backend.wire.call("XRANGE", key, "-", "+")]


async def proof(backend: Backend, store: Store, agent: str) -> ArchiveProof:
    (found,) = await prove(backend, store, agent)
    return found


async def trim(backend: Backend, agent: str, **kept: float) -> Trimmed:
    """One pass over an agent's shard, under a lease of its own; what it took away."""
    shard = backend.keys.shards[backend.keys.shard_of(agent)]
    token = await backend.fcall(*lease_call(shard, "trimmer", 0, by_force=True))
    forever: dict[str, Any] = dict.fromkeys(Retention.__struct_fields__, 0)
    retention = Retention(**(forever | kept))
    done = await Trimmer(backend, backend.wire, retention, 100).trim_shard(shard, token)
    await backend.fcall("release", (shard.lease,), (token,))
    return done


async def contents(backend: Backend) -> dict[str, Any]:
    """What an export is to bring over, by key without the namespace."""
    found: dict[str, Any] = {}
    keys: list[bytes] = []
    for wire in await backend.wire.each():
        keys += await wire.call("KEYS", f"{{{backend.keys.namespace_name}*")
    for raw in sorted(set(keys)):
        key = raw.decode()
        name = key.partition("}:")[2]
        shard = key.partition("}:")[0].rpartition(".")[2]
        kind = name.partition(":")[0]
        if kind in ("events", "history"):
            info = await backend.wire.call("XINFO", "STREAM", key)
            values = dict(zip(info[::2], info[1::2], strict=True))
            found[name] = (
                await backend.wire.call("XRANGE", key, "-", "+"),
                values[b"entries-added"],
                values[b"last-generated-id"],
            )
        elif kind == "probes":
            found[name] = await backend.wire.call("ZRANGE", key, 0, -1, "WITHSCORES")
        elif kind in ("circuit", "origin", "counts", "agents", "removed", "producers", "tokens"):
            flat = await backend.wire.call("HGETALL", key)
            if flat:
                found[f"{shard}:{name}"] = dict(zip(flat[::2], flat[1::2], strict=True))
    return found


def closed(units: dict[bytes, bytes], checkpoint: bytes) -> dict[bytes, bytes]:
    """Counts of units that were over at a checkpoint."""
    ms = parse_id(checkpoint)[0]
    kept = {}
    for name, raw in units.items():
        unit = parse_unit(name)
        if unit is not None and unit[1] < ms // UNITS[unit[0]][1]:
            kept[name] = raw
    return kept
