"""Circuits in the manifests: a past that is only in the archive is folded from the nearest one."""

import random
from typing import Any

import msgspec
import pytest

from fuseline.archive import archiving
from fuseline.archive.archiving import Archiver
from fuseline.archive.chain import Manifest, encode_manifest, load_chain, manifest_path
from fuseline.archive.querying import query as ask
from fuseline.archive.reading import ArchiveReader
from fuseline.archive.store import Store
from fuseline.core.circuit import Circuit
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.fold import advance, fold_in_place, initial
from fuseline.events import agents
from fuseline.events.agents import read_agent, register
from fuseline.events.backend import Backend
from fuseline.events.log import Entry
from fuseline.projections.codec import decode_circuit, encode_circuit
from fuseline.projections.origin import load_origin
from fuseline.projections.past import state_at
from fuseline.projections.timeline import query
from fuseline.projections.verify import verify
from fuseline.projections.what_if import what_if
from tests.archive.support import proof, trim
from tests.logbook import append, log_of, outcome, projection_of
from tests.projections.tally_support import BEGIN, fill, fold, lively_log
from tests.waiting import eventually

AGENT = "billing"
ROWS = 100


async def made(backend: Backend, url: str, seed: int, count: int = 1500) -> list[Entry]:
    """A folded log of one agent."""
    await fill(backend, AGENT, lively_log(random.Random(seed), count))
    shard = backend.keys.shards[backend.keys.shard_of(AGENT)]
    await backend.wire.call("HSETNX", shard.agents, AGENT, b"1 \x91\x90")
    await fold(backend, url, backend.keys.namespace_name, AGENT)
    return await log_of(backend, AGENT)


async def archived(backend: Backend, store: Store, rows: int = ROWS) -> None:
    await Archiver(backend, store, rows).archive([backend.keys.agent(AGENT)])


async def chain_of(backend: Backend, store: Store) -> list[Manifest]:
    return [one for one, _ in await load_chain(store, backend.keys.namespace_name, AGENT)]


def folded(log: list[Entry], at_ms: int) -> Circuit:
    """From the first entry there ever was, and what time alone had decided by then."""
    circuit = initial()
    fold_in_place(circuit, [entry for entry in log if entry[0] <= at_ms])
    return advance(circuit, at_ms)[0].at(at_ms)


class Counting(ArchiveReader):
    """Counts the segments that were opened."""

    opened = 0

    async def _segment(self, manifest: Manifest) -> Any:
        self.opened += 1
        return await super()._segment(manifest)


def read_from(backend: Backend, store: Store) -> Counting:
    reader = backend.older = Counting(store.url, backend.keys.namespace_name)
    return reader


@pytest.mark.parametrize("seed", range(2))
async def test_any_trimmed_moment_is_what_the_whole_fold_says_and_reads_one_segment(
    backend: Backend, store: Store, redis_url: str, seed: int
) -> None:
    log = await made(backend, redis_url, seed)
    await archived(backend, store)
    await trim(backend, AGENT, outcomes=100)
    reached_ms = (await load_origin(backend, backend.keys.agent(AGENT))).position[0]
    reader = read_from(backend, store)
    chance = random.Random(seed)
    moments = [chance.randrange(BEGIN - 1000, reached_ms) for _ in range(44)]
    moments += [log[ROWS * n - 1][0] + d for n in (1, 5, 9) for d in (0, -1)]  # about the ends
    for ms in moments:
        before = reader.opened
        found = await state_at(backend, AGENT, ms)
        assert found.circuit == folded(log, ms), ms
        assert encode_circuit(found.circuit) == encode_circuit(folded(log, ms))
        assert found.trimmed_before_ms is None
        assert found.events < ROWS + 5
        assert reader.opened - before <= 2
    for manifest in await chain_of(backend, store):
        circuit = initial()
        ms, seq = map(int, manifest.events.split("-"))
        fold_in_place(circuit, [entry for entry in log if entry[:2] <= (ms, seq)])
        assert manifest.circuit == encode_circuit(circuit)


async def test_an_archive_of_before_is_folded_from_its_start_and_goes_on_with_circuits(
    backend: Backend, store: Store, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = await made(backend, redis_url, 3, 900)
    with monkeypatch.context() as patched:
        patched.setattr(archiving, "encode_circuit", lambda _: b"")
        await archived(backend, store)
    assert not any(one.circuit for one in await chain_of(backend, store))
    await trim(backend, AGENT, outcomes=300)
    log += lively_log(random.Random(4), 600, log[-1][0] + 1)
    await fill(backend, AGENT, log[-600:])
    await fold(backend, redis_url, backend.keys.namespace_name, AGENT)
    await archived(backend, store)
    log = log[:-600] + [e for e in await log_of(backend, AGENT) if e[:2] >= log[-600][:2]]
    await trim(backend, AGENT, outcomes=100)
    chain = await chain_of(backend, store)
    since = [bool(one.circuit) for one in chain if one.kind == "events"]
    assert since == sorted(since)
    assert len(since) / 4 < sum(since) < len(since)
    read_from(backend, store)
    chance = random.Random(5)
    for _ in range(12):
        ms = chance.randrange(BEGIN, log[-200][0])
        assert (await state_at(backend, AGENT, ms)).circuit == folded(log, ms), ms
    found = await proof(backend, store, AGENT)
    assert (found.ok, found.gaps, found.folded) == (True, 0, True), found


async def test_a_circuit_that_cannot_be_read_is_passed_over(
    backend: Backend, store: Store, redis_url: str
) -> None:
    log = await made(backend, redis_url, 6, 600)
    await archived(backend, store)
    await trim(backend, AGENT, outcomes=100)
    chain = await chain_of(backend, store)
    # As a later release might write it; the chain of hashes does not fit then, which nobody asks.
    for one in (chain[1], chain[3]):
        other = msgspec.structs.replace(one, circuit=b"\x91\x63")
        where = manifest_path(backend.keys.namespace_name, AGENT, one.number)
        await store.put(where, encode_manifest(other))
    read_from(backend, store)
    for n in range(0, 480, 60):
        ms = log[n][0]
        assert (await state_at(backend, AGENT, ms)).circuit == folded(log, ms)


async def test_a_circuit_that_is_another_is_found(
    backend: Backend, store: Store, redis_url: str
) -> None:
    await made(backend, redis_url, 7, 400)
    await archived(backend, store)
    assert (await proof(backend, store, AGENT)).ok
    first, *_, last = [one for one in await chain_of(backend, store) if one.kind == "events"]
    path = manifest_path(backend.keys.namespace_name, AGENT, last.number)
    whole = await store.get(path)
    for circuit in (first.circuit, b"none"):
        await store.put(path, encode_manifest(msgspec.structs.replace(last, circuit=circuit)))
        problems = (await proof(backend, store, AGENT)).problems
        assert any("circuit" in problem for problem in problems), problems
    await store.put(path, whole)
    assert (await proof(backend, store, AGENT)).ok


async def test_after_a_gap_a_past_is_exact_again(
    backend: Backend, store: Store, redis_url: str
) -> None:
    log = await made(backend, redis_url, 8)
    await trim(backend, AGENT, outcomes=900)  # before anybody archives
    await archived(backend, store)
    await trim(backend, AGENT, outcomes=100)
    read_from(backend, store)
    segments = [one for one in await chain_of(backend, store) if one.kind == "events"]
    assert [one.trimmed for one in segments] == [True] + [False] * (len(segments) - 1)
    ends_ms = int(segments[0].last.split("-")[0])
    for ms in (ends_ms, ends_ms + 1, log[-400][0], log[-150][0]):
        found = await state_at(backend, AGENT, ms)
        assert (found.circuit, found.from_history) == (folded(log, ms), False)
    assert (await state_at(backend, AGENT, ends_ms - 5000)).from_history
    asked = await what_if(backend, AGENT, {"failure_threshold": 3}, ends_ms + 1, log[-1][0])
    assert asked.complete
    found = await proof(backend, store, AGENT)
    assert (found.ok, found.gaps, found.folded) == (True, 1, True), found


async def test_a_new_agent_of_a_name_is_not_the_one_that_was(
    backend: Backend, store: Store, redis_url: str
) -> None:
    await fill(backend, AGENT, lively_log(random.Random(9), 300))
    await register(backend, AGENT, CircuitBreakerConfig(), "ada")
    record = await read_agent(backend, AGENT)
    assert record is not None
    await agents.remove(backend, AGENT, revision=record.revision, actor="ada")
    await fold(backend, redis_url, backend.keys.namespace_name, AGENT)
    archiver = Archiver(backend, store, ROWS)  # of which one goes on all the time
    names = [backend.keys.agent(AGENT)]
    first = await archiver.archive(names)

    async def purged() -> bool:
        return (await trim(backend, AGENT, history_days=1e-9)).removed == [AGENT]

    await eventually(purged)
    assert (await archiver.archive(names)).segments == 0
    await register(backend, AGENT, CircuitBreakerConfig(), "eve")
    await append(backend, AGENT, [outcome()] * 250)
    await fold(backend, redis_url, backend.keys.namespace_name, AGENT)
    log = await log_of(backend, AGENT)
    second = await archiver.archive(names)
    assert second.segments > 2
    whole = await query(backend, AGENT, limit=10_000)
    await trim(backend, AGENT, outcomes=20)
    read_from(backend, store)
    assert await query(backend, AGENT, limit=10_000) == whole
    for entry in (log[0], log[120], log[-30]):
        found = await state_at(backend, AGENT, entry[0])
        assert found.circuit == folded(log, entry[0])
    chain = await chain_of(backend, store)
    assert [one.kind for one in chain if one.anew] == ["events", "history"]
    proven = await proof(backend, store, AGENT)
    assert (proven.ok, proven.gaps, proven.folded) == (True, 0, True), proven
    assert (await verify(backend, names[0])).ok
    counted = await ask(store, backend.keys.namespace_name, "SELECT count(*) FROM events")
    assert counted.rows[0][0] > first.entries  # both lives
    stored = await projection_of(backend, AGENT)
    newest = next(one for one in reversed(chain) if one.kind == "events")
    assert decode_circuit(newest.circuit) == stored
