"""The names behind the worker ids that events carry."""

from __future__ import annotations

from collections.abc import Mapping

from fuseline.events.backend import Backend


class WorkerNames:
    """Looks up names of workers, each once."""

    def __init__(
        self, backend: Backend, agent: str, known: Mapping[int, str] | None = None
    ) -> None:
        self._backend = backend
        self._key = backend.keys.shards[backend.keys.agent(agent).shard].producers
        self._names: dict[int, str | None] = {0: None, **(known or {})}

    async def get(self, worker: int) -> str | None:
        """The name a worker gave itself; None if the log does not know it."""
        if worker not in self._names:
            stored = await self._backend.wire.call("HGET", self._key, worker)
            parts = stored.decode(errors="replace").split(" ", 3) if stored else []
            self._names[worker] = parts[3] if len(parts) == 4 else None
        return self._names[worker]
