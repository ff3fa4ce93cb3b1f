"""Verifying an archive: the chain of hashes, the files, and that every entry is there once."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import anyio.to_thread
from msgspec import Struct

from fuseline.archive.chain import (
    KINDS,
    Manifest,
    archived_agents,
    digest,
    file_folder,
    load_chain,
)
from fuseline.archive.store import ArchiveError, Store
from fuseline.archive.tables import from_parquet
from fuseline.core.circuit import Circuit
from fuseline.core.errors import BackendError
from fuseline.core.fold import fold_in_place, initial
from fuseline.events.backend import Backend
from fuseline.events.codec import parse_id
from fuseline.events.log import parse_entries
from fuseline.events.older import RawEntry
from fuseline.projections.codec import decode_circuit
from fuseline.projections.origin import load_origin

OnEntries = Callable[[int], None]


class ArchiveProof(Struct, frozen=True, kw_only=True):
    """What verifying an agent's archive found.

    Attributes:
        agent: name of the agent.
        segments: manifests of its chain.
        entries: in their files.
        gaps: segments before which entries were trimmed that are not in the archive.
        left_over: files that no manifest names; a killed archiver's, harmless.
        folded: whether the archive was folded and compared with where the kept log begins.
        problems: what is wrong; empty if nothing is.
    """

    agent: str
    segments: int = 0
    entries: int = 0
    gaps: int = 0
    left_over: int = 0
    folded: bool = False
    problems: list[str] = []

    @property
    def ok(self) -> bool:
        """Whether the archive is what was written, all of it."""
        return not self.problems


async def prove(
    backend: Backend,
    store: Store,
    only: str | None = None,
    on_entries: OnEntries | None = None,
) -> list[ArchiveProof]:
    """Reads all segments of a namespace's archive, or of one agent's.

    Raises:
        ArchiveError: the archive cannot be listed.
        BackendError: the server cannot say.
    """
    names = await archived_agents(store, backend.keys.namespace_name)
    if only is not None:
        names = [name for name in names if name == only]
    return [await _Proof(backend, store, name, on_entries).run() for name in names]


class _Proof:
    """The proof of one agent."""

    def __init__(
        self, backend: Backend, store: Store, name: str, on_entries: OnEntries | None
    ) -> None:
        self._backend = backend
        self._store = store
        self._name = name
        self._on_entries = on_entries
        self._problems: list[str] = []
        self._at = dict.fromkeys(KINDS, "0-0")
        self._entries = 0
        self._gaps = 0
        self._circuit: Circuit | None = initial()  # None: the archive does not hold all of it
        self._folded = False

    async def run(self) -> ArchiveProof:
        namespace = self._backend.keys.namespace_name
        chain: list[tuple[Manifest, str]] = []
        left_over: set[str] = set()
        try:
            chain = await load_chain(self._store, namespace, self._name)
            for kind in KINDS:
                folder = f"{file_folder(namespace, kind, self._name)}/"
                left_over |= {path for path, _ in await self._store.list(folder)}
            before = ""
            for number, (manifest, sha256) in enumerate(chain, start=1):
                self._link(manifest, number, before)
                await self._segment(manifest)
                left_over.discard(manifest.file)
                before = sha256
            await self._compare()
        except ArchiveError as error:
            self._problems.append(str(error))
        return ArchiveProof(
            agent=self._name,
            segments=len(chain),
            entries=self._entries,
            gaps=self._gaps,
            left_over=len(left_over),
            folded=self._folded,
            problems=self._problems,
        )

    def _link(self, manifest: Manifest, number: int, before: str) -> None:
        if manifest.number != number:
            self._problems.append(f"segment {number} is missing: {manifest.number} follows")
        if manifest.previous != before:
            self._problems.append(
                f"segment {manifest.number} does not follow from the one before: its manifest "
                "holds another hash, so one of the two was changed"
            )
        if manifest.agent != self._name:
            self._problems.append(f"segment {manifest.number} is of agent {manifest.agent!r}")
        if manifest.after != self._at[manifest.kind]:
            self._problems.append(
                f"segment {manifest.number} begins after {manifest.after}, what was archived ends "
                f"at {self._at[manifest.kind]}"
            )
        self._at = {"events": manifest.events, "history": manifest.history}
        if manifest.trimmed:
            self._gaps += 1
        if manifest.kind == "events" and (manifest.trimmed or manifest.anew):
            self._circuit = None if manifest.trimmed else initial()
            self._folded = False

    async def _segment(self, manifest: Manifest) -> None:
        try:
            data = await self._store.get(manifest.file)
        except ArchiveError as error:
            self._problems.append(str(error))
            return
        if digest(data) != manifest.sha256:
            self._problems.append(f"{manifest.file} was changed: its hash is another")
            return
        entries = await anyio.to_thread.run_sync(from_parquet, data)
        ids = [parse_id(own) for own, _ in entries]
        expected = [parse_id(manifest.first), parse_id(manifest.last)]
        if (
            len(ids) != manifest.rows
            or [ids[0], ids[-1]] != expected
            or any(one >= two for one, two in pairwise(ids))
            or ids[0] <= parse_id(manifest.after)
        ):
            self._problems.append(f"{manifest.file} does not hold what its manifest says")
            return
        self._entries += len(entries)
        if self._on_entries is not None:
            self._on_entries(len(entries))
        if manifest.kind == "events":
            await self._fold(entries)
            self._compare_circuit(manifest)

    async def _fold(self, entries: list[RawEntry]) -> None:
        """Folds, and compares where the kept log begins."""
        if self._circuit is None:
            return
        origin = await load_origin(self._backend, self._backend.keys.agent(self._name))
        parsed = parse_entries(list(entries))
        upto = [entry for entry in parsed if entry[:2] <= origin.position]
        fold_in_place(self._circuit, upto)
        if origin.trimmed and self._circuit.position == origin.position and not self._folded:
            self._folded = True
            if self._circuit != origin.circuit:
                self._problems.append(
                    "the archive folds to another circuit than the kept log begins with"
                )
        fold_in_place(self._circuit, parsed[len(upto) :])

    def _compare_circuit(self, manifest: Manifest) -> None:
        """What a manifest says that the log comes to; after a gap that is where folding begins."""
        if not manifest.circuit:
            return
        try:
            told = decode_circuit(manifest.circuit)
        except BackendError as error:
            self._problems.append(f"the circuit of segment {manifest.number}: {error}")
            return
        if self._circuit is None:
            self._circuit = told
        elif self._circuit != told:
            self._problems.append(
                f"the archive folds to another circuit than its segment {manifest.number} says"
            )

    async def _compare(self) -> None:
        """What the server takes for archived has to be there."""
        agent = self._backend.keys.agent(self._name)
        key = self._backend.keys.shards[agent.shard].archive
        stored = await self._backend.wire.call("HGET", key, self._name)
        if stored is None:
            return
        events, history = stored.decode().split(" ")
        for kind, at in (("events", events), ("history", history)):
            if parse_id(at) > parse_id(self._at[kind]):
                self._problems.append(
                    f"the server takes {kind} up to {at} for archived, the archive ends at "
                    f"{self._at[kind]}"
                )
