"""Storing what was folded, and telling of it."""

from collections.abc import Sequence
from time import monotonic

from opentelemetry.trace import Span

from fuseline.core.errors import BackendUnavailableError
from fuseline.events.backend import Backend
from fuseline.events.wire import Wire, translate
from fuseline.projections.announcing import Announcer
from fuseline.projections.figures import Lag
from fuseline.projections.shard import ShardProjection
from fuseline.projections.store import Commit, commit_call
from fuseline.telemetry import instruments

_AGENTS_PER_COMMIT = 100

Commits = list[tuple[ShardProjection, Commit]]


class Committer:
    """Stores circuits as they were folded, many with each call of the server.

    A shard whose lease turns out to be another's gets `lost` set; nothing was written then.

    Args:
        backend: the namespace.
        wire: the connection to work on.
        announcer: tells of what was committed.
        lag: learns how old the newest of it was.
    """

    def __init__(self, backend: Backend, wire: Wire, announcer: Announcer, lag: Lag) -> None:
        self._backend = backend
        self._wire = wire
        self._announcer = announcer
        self._lag = lag

    async def commit(self, commits: Commits, began: float) -> None:
        """Stores circuits that were folded from the moment `began` on."""
        if not commits:
            return
        batch = self._announcer.begin_batch([commit for _, commit in commits], began)
        try:
            await self._store(commits, batch)
        finally:
            if batch is not None:
                batch.end()
        instruments.fold_duration.record(monotonic() - began)
        newest_ms = max(commit.circuit.last_ms for _, commit in commits)
        self._lag.stored(self._backend.clock.now_ms() - newest_ms)

    async def _store(self, commits: Commits, batch: Span | None) -> None:
        by_shard: dict[int, tuple[ShardProjection, list[Commit]]] = {}
        for shard, commit in commits:
            by_shard.setdefault(shard.keys.shard, (shard, []))[1].append(commit)
        chunks = [
            (shard, listed[start : start + _AGENTS_PER_COMMIT])
            for shard, listed in by_shard.values()
            for start in range(0, len(listed), _AGENTS_PER_COMMIT)
        ]
        try:
            replies = await self._backend.fcall_many(
                [commit_call(shard.keys, shard.token, listed) for shard, listed in chunks],
                self._wire,
            )
        except BaseException:
            # Unknown whether it was carried out: what Redis holds decides.
            for shard, listed in chunks:
                shard.reload(listed)
                shard.unsure.update((commit.agent.name, commit) for commit in listed)
            raise
        failed: Exception | None = None
        for (shard, listed), reply in zip(chunks, replies, strict=True):
            if isinstance(reply, Exception):
                shard.reload(listed)
                if isinstance(reply, BackendUnavailableError):
                    shard.unsure.update((commit.agent.name, commit) for commit in listed)
                failed = reply
            elif reply[0] == b"FENCED":
                shard.lost = True
            else:
                refused = dict(zip(reply[1::2], reply[2::2], strict=True))
                self._committed(shard, listed, refused, batch)
        if failed is not None:
            raise translate(failed) from failed

    def _committed(
        self,
        shard: ShardProjection,
        commits: Sequence[Commit],
        refused: dict[int, bytes],
        batch: Span | None,
    ) -> None:
        for index, commit in enumerate(commits, start=1):
            reason = refused.get(index)
            if reason is None:
                shard.committed(commit)
                self._announcer.committed(commit, batch)
            elif reason == b"CONFLICT":
                shard.reload([commit])
            else:
                shard.set_aside(commit.agent.name, reason.decode())
