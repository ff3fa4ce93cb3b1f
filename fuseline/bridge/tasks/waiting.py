"""Waiting for tasks: a reader that blocks on the queues, so that an idle worker asks nothing."""

from __future__ import annotations

import anyio

from fuseline.bridge.tasks.store import TaskStore
from fuseline.core.errors import BackendError

BLOCK_SECONDS = 1.0
"""Longest wait; then an idle worker looks for what tells nobody, as the tasks of a dead one."""

_RETRY_SECONDS = 0.2


class Watcher:
    """Tells of news in the queues.

    It is asked with `watch` and never interrupted: a command that is cancelled costs a connection.
    """

    def __init__(self, store: TaskStore) -> None:
        self._store = store
        self.wire = store.backend.make_wire(BLOCK_SECONDS)
        self._asked = anyio.Event()
        self._ends: tuple[str, ...] = ()
        self._news: anyio.Event | None = None
        self._busy = False

    def watch(self, ends: tuple[str, ...], news: anyio.Event) -> None:
        """Sets `news` when something comes after `ends`, or after a while."""
        self._ends, self._news = ends, news
        if not self._busy:
            self._asked.set()

    async def run(self) -> None:
        """Watches until cancelled."""
        while True:
            await self._asked.wait()
            self._asked = anyio.Event()
            self._busy = True
            try:
                await self._store.wait(self.wire, self._ends, BLOCK_SECONDS)
            except BackendError:
                await anyio.sleep(_RETRY_SECONDS)
            finally:
                self._busy = False
            news, self._news = self._news, None
            if news is not None:
                news.set()
