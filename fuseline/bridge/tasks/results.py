"""The results as they come: one reader for all who wait in a process."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import anyio
import msgspec

from fuseline.bridge.tasks.model import TaskResult, decode_result
from fuseline.bridge.tasks.store import TaskStore
from fuseline.core.errors import BackendError, TaskNotFoundError
from fuseline.telemetry.logs import get_logger

_BLOCK_SECONDS = 1.0
_RETRY_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5)
_CHUNK = 500

_log = get_logger("tasks")


class Results:
    """Tails the stream of results and hands each to those who wait for it.

    A result that came before is found in its task; both are looked at, the stream first, so none
    falls in between. Ids in the stream count up: a gap, or a stream that went back, makes it look
    for all results that are waited for.
    """

    def __init__(self, store: TaskStore) -> None:
        self._store = store
        self._wire = store.backend.make_wire(_BLOCK_SECONDS)
        self._waiting: dict[str, list[asyncio.Future[TaskResult]]] = {}
        self._reader: asyncio.Task[None] | None = None
        self._position = -1
        self._positioned = anyio.Event()

    async def wait(self, task_id: str) -> TaskResult:
        """The result of a task, when it is there.

        Raises:
            TaskNotFoundError: nothing is known of the task.
        """
        if self._reader is None:
            self._reader = asyncio.create_task(self._run(), name="fuseline-results")
        future: asyncio.Future[TaskResult] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(task_id, []).append(future)
        try:
            await self._positioned.wait()
            if not future.done():
                try:
                    await self._look([task_id])
                except BackendError as error:
                    # The reader looks for all when the server is back.
                    _log.warning("result_waits_for_server", task=task_id, error=str(error))
                    self._lose_place()
            return await future
        finally:
            waiting = self._waiting.get(task_id)
            if waiting is not None and future in waiting:
                waiting.remove(future)
                if not waiting:
                    del self._waiting[task_id]

    async def close(self) -> None:
        """Ends the reader; who still waits is cancelled."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.cancel()
            with anyio.CancelScope(shield=True):
                await asyncio.wait([reader])
        for futures in self._waiting.values():
            for future in futures:
                future.cancel()
        await self._store.backend.drop_wire(self._wire)

    def _lose_place(self) -> None:
        self._position = -1

    async def _run(self) -> None:
        attempt = 0
        while True:
            try:
                if self._position < 0:
                    self._position = await self._store.results_end(self._wire)
                    self._positioned.set()
                    await self._look(list(self._waiting))
                await self._read()
                attempt = 0
            except BackendError as error:
                if attempt == 0:
                    _log.warning("results_wait_for_server", error=str(error))
                self._lose_place()
                await anyio.sleep(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
                attempt += 1

    async def _read(self) -> None:
        position = self._position
        found = await self._store.results(self._wire, position, _BLOCK_SECONDS)
        if not found:
            # Quiet, or the server lost data and counts anew.
            if await self._store.results_end(self._wire) < position:
                self._lose_place()
            return
        if found[0][0] != position + 1:
            _log.warning("results_gap", missed=found[0][0] - position - 1)
            await self._look(list(self._waiting))
        large = []
        for _, task_id, raw in found:
            if task_id in self._waiting:
                if raw:
                    self._resolve(task_id, raw)
                else:
                    large.append(task_id)
        await self._look(large)
        if self._position == position:  # else the place was lost meanwhile
            self._position = found[-1][0]

    async def _look(self, task_ids: list[str]) -> None:
        """Takes results from the tasks themselves."""
        for start in range(0, len(task_ids), _CHUNK):
            chunk = task_ids[start : start + _CHUNK]
            for task_id, (state, raw) in zip(chunk, await self._store.stored(chunk), strict=True):
                if raw is not None:
                    self._resolve(task_id, raw)
                elif state is None:
                    self._fail(task_id, TaskNotFoundError(task_id))

    def _resolve(self, task_id: str, raw: bytes) -> None:
        try:
            result = decode_result(raw)
        except msgspec.DecodeError as error:
            self._fail(
                task_id, BackendError(f"the result of task {task_id} is unreadable: {error}")
            )
            return
        for future in _open(self._waiting.pop(task_id, ())):
            future.set_result(result)

    def _fail(self, task_id: str, error: Exception) -> None:
        for future in _open(self._waiting.pop(task_id, ())):
            future.set_exception(error)


def _open(futures: Iterable[asyncio.Future[TaskResult]]) -> list[asyncio.Future[TaskResult]]:
    return [future for future in futures if not future.done()]
