"""The chain of an agent's archived segments: a manifest each, with the hash of the one before.

What the manifests name is the archive; a file that none names was left by a killed archiver.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import msgspec
from msgspec import Struct

from fuseline.archive.store import ArchiveError, Store, quoted, unquoted

KINDS = ("events", "history")

Encoded = bytes  # `Manifest` has a field of the type's name


class Manifest(Struct, frozen=True, kw_only=True):
    """One archived segment: consecutive entries of an agent's log or history, of one UTC day.

    Attributes:
        number: counts from 1.
        previous: SHA-256 of the manifest before; "" for the first.
        after: id after which the segment begins: the last one archived before, of this kind.
        first, last: ids of the first and last entry.
        trimmed: the log had been trimmed beyond what was archived: entries after `after` are lost.
        anew: the log began anew: nothing was left of an agent that was removed, and one of its name
            came. What was archived before is of the one that was.
        events, history: ids up to which all is archived with this segment.
        circuit: what the log comes to at `events`, encoded as projections are; empty: not known, or
            an earlier release wrote it.
    """

    version: int = 1
    namespace: str
    agent: str
    number: int
    previous: str
    kind: str
    file: str
    sha256: str
    bytes: int
    rows: int
    after: str
    first: str
    last: str
    trimmed: bool = False
    anew: bool = False
    events: str
    history: str
    circuit: Encoded = b""

    @property
    def position(self) -> str:
        """As the server keeps it."""
        return f"{self.events} {self.history}"


_decoder = msgspec.json.Decoder(Manifest)


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest as it is stored; its hash is over these bytes."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def digest(data: bytes) -> str:
    """SHA-256, as text."""
    return hashlib.sha256(data).hexdigest()


def root(namespace: str) -> str:
    """Where a namespace lies in an archive."""
    return f"namespace={quoted(namespace)}"


def manifest_folder(namespace: str, agent: str) -> str:
    """Where the manifests of an agent lie, in the order of their names."""
    return f"{root(namespace)}/chain/agent={quoted(agent)}/"


def manifest_path(namespace: str, agent: str, number: int) -> str:
    """Where a manifest lies."""
    return f"{manifest_folder(namespace, agent)}{number:09d}.json"


def file_folder(namespace: str, kind: str, agent: str) -> str:
    """Where the files of an agent lie, by day."""
    return f"{root(namespace)}/{kind}/agent={quoted(agent)}"


def file_path(namespace: str, kind: str, agent: str, name: str) -> str:
    """Where a segment's file lies: its day, and the ids it goes from and to with what it holds.

    With a part of the content's hash, so that nobody overwrites what another one has named.
    """
    return f"{file_folder(namespace, kind, agent)}/date={day_of(name)}/{name}.parquet"


def day_of(entry_id: str) -> str:
    """The UTC day of an entry, or of a name that begins with its id."""
    return datetime.fromtimestamp(int(entry_id.partition("-")[0]) / 1000, UTC).strftime("%Y-%m-%d")


class Head(Struct):
    """Where a chain ends.

    Attributes:
        number: of the last manifest; 0: there is none.
        sha256: of it.
        events, history: ids up to which all is archived.
        circuit: see `Manifest`.
    """

    number: int = 0
    sha256: str = ""
    events: str = "0-0"
    history: str = "0-0"
    circuit: bytes = b""

    @property
    def position(self) -> str:
        """As the server keeps it; "" for an empty chain."""
        return f"{self.events} {self.history}" if self.number else ""


async def load_head(store: Store, namespace: str, agent: str) -> Head:
    """The end of an agent's chain.

    Raises:
        ArchiveError: it cannot be read.
    """
    paths = await store.list(manifest_folder(namespace, agent))
    if not paths:
        return Head()
    raw = await store.get(paths[-1][0])
    last = read_manifest(paths[-1][0], raw)
    return Head(last.number, digest(raw), last.events, last.history, last.circuit)


async def load_chain(store: Store, namespace: str, agent: str) -> list[tuple[Manifest, str]]:
    """All manifests of an agent in order, each with its hash.

    Raises:
        ArchiveError: one of them cannot be read.
    """
    found = []
    for path, _ in await store.list(manifest_folder(namespace, agent)):
        raw = await store.get(path)
        found.append((read_manifest(path, raw), digest(raw)))
    return found


async def archived_agents(store: Store, namespace: str) -> list[str]:
    """The agents that have a chain.

    Raises:
        ArchiveError: they cannot be listed.
    """
    prefix = f"{root(namespace)}/chain/"
    parts = {path.removeprefix(prefix).split("/")[0] for path, _ in await store.list(prefix)}
    return sorted(unquoted(part.removeprefix("agent=")) for part in parts)


def read_manifest(path: str, raw: bytes) -> Manifest:
    """Reads a manifest.

    Raises:
        ArchiveError: it is none.
    """
    try:
        return _decoder.decode(raw)
    except msgspec.MsgspecError as error:
        raise ArchiveError(f"{path} is no manifest: {error}; restore it from a copy") from error
