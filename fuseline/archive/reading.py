"""Reading the archive where a log or history has been trimmed; see `events.streams`.

What cannot be reached is as if it were not there: a range then begins where the server begins. What
is there and damaged is an error, for nobody should take half of an answer for the whole.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic

import anyio
import anyio.to_thread
from msgspec import Struct, field

from fuseline.archive.chain import Manifest, digest, manifest_folder, read_manifest
from fuseline.archive.store import VARIABLE, ArchiveError, Store
from fuseline.archive.tables import from_parquet
from fuseline.core.circuit import Circuit
from fuseline.core.errors import BackendError, ConfigError
from fuseline.events.codec import parse_id
from fuseline.events.keys import AgentKeys
from fuseline.events.older import Id, RawEntry, Stream, id_before
from fuseline.projections.codec import decode_circuit
from fuseline.telemetry.logs import get_logger

_LOOK_SECONDS = 60.0  # a chain that reaches far enough is taken for what it was so long
_AWAY_SECONDS = 5.0  # so long nobody asks again for an archive that does not answer
_SEGMENTS = 4  # kept in memory, of up to 50,000 entries each

_log = get_logger("archive")


class _Chain(Struct):
    """What is known of the chain of an agent.

    Attributes:
        manifests: in order.
        looked_at: when it was last listed.
    """

    manifests: list[Manifest] = field(default_factory=list)
    looked_at: float = float("-inf")

    def whole_tail(self, stream: Stream) -> list[Manifest]:
        """The newest segments between which nothing was lost, all of one life of the agent."""
        listed = [one for one in self.manifests if one.kind == stream]
        gaps = [place for place, one in enumerate(listed) if one.trimmed or one.anew]
        return listed[gaps[-1] :] if gaps else listed


class _Segment(Struct):
    ids: list[Id]
    entries: list[RawEntry]


class ArchiveReader:
    """Reads the entries of one namespace that the server has no more.

    Args:
        url: of the archive; opened when it is first needed.
        namespace: whose.
    """

    def __init__(self, url: str, namespace: str) -> None:
        self.url = url
        self._namespace = namespace
        self._store: Store | None = None
        self._chains: dict[str, _Chain] = {}
        self._segments: OrderedDict[str, _Segment] = OrderedDict()
        self._lock = anyio.Lock()
        self._said = ""  # why it cannot be reached
        self._away_until = 0.0

    async def begin(self, agent: AgentKeys, stream: Stream, upto: Id) -> Id | None:
        """See `events.older.Older`."""
        try:
            chain = await self._chain(agent.name, stream, upto)
        except (ArchiveError, ConfigError) as error:
            self._give_up(agent.name, error)
            return None
        self._said = ""
        tail = chain.whole_tail(stream)
        if not tail or parse_id(tail[-1].last) < _reach(stream, upto):
            return None
        if tail[0].trimmed or (tail[0].after != "0-0" and not tail[0].anew):
            return id_before(parse_id(tail[0].first))
        return 0, 0

    async def circuit(self, agent: AgentKeys, upto: Id) -> Circuit | None:
        """See `events.older.Older`."""
        chain = self._chains.get(agent.name)
        for manifest in reversed(chain.whole_tail("events") if chain is not None else ()):
            if manifest.circuit and parse_id(manifest.last) <= upto:
                try:
                    return decode_circuit(manifest.circuit)
                except BackendError:
                    continue  # a later release wrote it
        return None

    async def entries(
        self, agent: AgentKeys, stream: Stream, low: Id, high: Id, count: int, *, newest_first: bool
    ) -> Sequence[RawEntry]:
        """See `events.older.Older`.

        Raises:
            ArchiveError: a segment is damaged, or cannot be read any more.
        """
        was_there = agent.name in self._chains
        begin = await self.begin(agent, stream, high)
        if begin is None and was_there and self._said:
            # Whoever asks may have read the rest of it already.
            raise ArchiveError(self._said)
        if begin is None or high <= begin:
            return []
        found: list[RawEntry] = []
        tail = self._chains[agent.name].whole_tail(stream)
        firsts = [parse_id(one.first) for one in tail]
        start = max(0, bisect_right(firsts, low) - 1)
        stop = bisect_right(firsts, high)
        wanted = tail[start:stop]
        for manifest in reversed(wanted) if newest_first else wanted:
            try:
                segment = await self._segment(manifest)
            except ArchiveError:
                self._chains.pop(agent.name, None)  # so that the next one looks again
                raise
            left = bisect_left(segment.ids, low)
            right = bisect_right(segment.ids, high)
            part = segment.entries[left:right]
            if newest_first:
                part.reverse()
            found += part[: count - len(found)]
            if len(found) == count:
                break
        return found

    async def _chain(self, agent: str, stream: Stream, upto: Id) -> _Chain:
        async with self._lock:
            chain = self._chains.get(agent)
            if chain is not None and monotonic() - chain.looked_at < _LOOK_SECONDS:
                tail = chain.whole_tail(stream)
                if tail and parse_id(tail[-1].last) >= _reach(stream, upto):
                    return chain
            if self._said and monotonic() < self._away_until:
                raise ArchiveError(self._said)
            return await self._look(agent, chain)

    async def _look(self, agent: str, chain: _Chain | None) -> _Chain:
        store = await self._open()
        folder = manifest_folder(self._namespace, agent)
        manifests = [] if chain is None else chain.manifests
        paths = [path for path, _ in await store.list(folder)]
        if len(paths) < len(manifests):
            manifests = []  # another archive lies there now
        for number, path in enumerate(paths[len(manifests) :], start=len(manifests) + 1):
            manifest = read_manifest(path, await store.get(path))
            if manifest.number != number:
                raise ArchiveError(
                    f"{self.url}: segment {number} of agent {agent!r} is missing, {path} follows; "
                    "see `fuseline verify --archive`"
                )
            manifests = [*manifests, manifest]
        found = _Chain(manifests, monotonic())
        self._chains[agent] = found
        return found

    async def _open(self) -> Store:
        if self._store is None:
            self._store = await anyio.to_thread.run_sync(_opened, self.url)
        return self._store

    async def _segment(self, manifest: Manifest) -> _Segment:
        known = self._segments.get(manifest.sha256)
        if known is not None:
            self._segments.move_to_end(manifest.sha256)
            return known
        store = await self._open()
        data = await store.get(manifest.file)
        segment = await anyio.to_thread.run_sync(_parsed, manifest, data, self.url)
        self._segments[manifest.sha256] = segment
        if len(self._segments) > _SEGMENTS:
            self._segments.popitem(last=False)
        return segment

    def _give_up(self, agent: str, error: Exception) -> None:
        self._chains.pop(agent, None)
        if str(error) != self._said:
            self._said = str(error)
            self._away_until = 0.0
            _log.warning("archive_not_read", reason=self._said)
        if monotonic() >= self._away_until:
            self._away_until = monotonic() + _AWAY_SECONDS


def reader_from_env(environ: Mapping[str, str], namespace: str) -> ArchiveReader | None:
    """The archive that the environment names; None if it names none."""
    url = environ.get(VARIABLE)
    return ArchiveReader(url, namespace) if url else None


def _opened(url: str) -> Store:
    scheme, found, rest = url.partition("://")
    # A writer makes the folder; a reader that finds none is at the wrong place, or early.
    if (not found or scheme == "file") and not Path(rest if found else url).is_dir():
        raise ArchiveError(f"{url} is no folder")
    return Store(url, hasty=True)


def _reach(stream: Stream, upto: Id) -> Id:
    """Up to where a chain must go; of a history the last id that was trimmed is known by its ms."""
    return upto if stream == "events" else (upto[0], 0)


def _parsed(manifest: Manifest, data: bytes, url: str) -> _Segment:
    if digest(data) != manifest.sha256:
        raise ArchiveError(
            f"{url}: {manifest.file} was changed: its hash is another than its manifest says; see "
            "`fuseline verify --archive`"
        )
    entries = from_parquet(data)
    return _Segment([parse_id(own) for own, _ in entries], entries)
