"""Everything a manager keeps for spooling: the thread, the own spool, and orphans of others."""

from __future__ import annotations

from fuseline.bridge.spool.adoption import Adoption
from fuseline.bridge.spool.files import SpoolSettings, namespace_folder
from fuseline.bridge.spool.keeper import ConfigOf, SpoolKeeper
from fuseline.bridge.spool.thread import SpoolThread
from fuseline.events.backend import Backend


class Spooling:
    """Made with the manager's backend, closed before it.

    Args:
        settings: where, how much, how durable.
        backend: the namespace.
        worker: name of the process.
        config_of: settings of an agent.
    """

    def __init__(
        self, settings: SpoolSettings, backend: Backend, worker: str, config_of: ConfigOf
    ) -> None:
        self._settings, self._backend = settings, backend
        self._worker, self._config_of = worker, config_of
        self._thread = SpoolThread()
        self._folder = namespace_folder(settings, backend.url, backend.keys.namespace_name)
        self._keeper: SpoolKeeper | None = None

    def make_keeper(self, producer: int) -> SpoolKeeper:
        """The keeper of this process's spool; no file is made before it is needed."""
        self._keeper = SpoolKeeper(
            self._settings,
            self._folder,
            self._backend.keys,
            self._thread,
            self._worker,
            producer,
            self._config_of,
        )
        return self._keeper

    async def adopt(self) -> None:
        """Sends what processes that have ended have left; runs until cancelled."""
        assert self._keeper is not None
        await Adoption(self._backend, self._folder, self._keeper.path, self._thread).run()

    async def close(self) -> None:
        """Closes the spool and ends the thread."""
        if self._keeper is not None:
            await self._keeper.close()
        self._thread.close()
