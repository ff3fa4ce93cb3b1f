"""Taking: asks for tasks when there are free slots and something to take, and only then."""

from __future__ import annotations

from collections.abc import Iterable
from time import monotonic
from typing import Protocol

import anyio

from fuseline.bridge.tasks.model import Task
from fuseline.bridge.tasks.options import WorkerOptions
from fuseline.bridge.tasks.rooms import Rooms
from fuseline.bridge.tasks.store import Place, Taken, TaskStore
from fuseline.bridge.tasks.waiting import BLOCK_SECONDS, Watcher
from fuseline.core.errors import BackendError
from fuseline.events.wire import Wire
from fuseline.telemetry.logs import get_logger

_RETRY_SECONDS = (0.02, 0.05, 0.1, 0.2, 0.5)
_LOOK_SECONDS = 0.05  # how often memory is looked at for circuits that admit calls again
_CLAIMS_PER_LEASE = 4
_MARGIN_SECONDS = 0.001  # the estimate of Redis's clock is about this good

_log = get_logger("tasks")


class Slots(Protocol):
    """What taking needs of the worker."""

    name: str
    store: TaskStore
    rooms: Rooms
    options: WorkerOptions
    stopping: bool

    @property
    def taken(self) -> set[tuple[str, int]]:
        """Id and token of each task in flight."""
        ...

    @property
    def free(self) -> int:
        """Slots without a task."""
        ...

    def begin(self, tasks: Iterable[Task], unreadable: Iterable[tuple[str, str, str]]) -> None:
        """Starts what was taken."""
        ...


class Taker:
    """The loop that fills a worker's slots."""

    def __init__(self, worker: Slots, wire: Wire) -> None:
        self._worker = worker
        self._wire = wire
        self.watcher = Watcher(worker.store)
        self.takes = 0
        self._poked = anyio.Event()
        self._wants_slots = True
        self._unsure = False  # a take's answer was lost; what it took is pending for us
        self._claim_at = 0.0

    def poke(self) -> None:
        """Something has happened that it should look at."""
        self._poked.set()

    def freed(self) -> None:
        """A slot is free."""
        if self._wants_slots or self._worker.stopping:
            self._poked.set()

    async def until_poked(self) -> None:
        """Waits for the next poke."""
        if self._poked.is_set():
            self._poked = anyio.Event()
        await self._poked.wait()

    async def run(self) -> None:
        """Takes until the worker stops; outlives an absent server."""
        attempt = 0
        while not self._worker.stopping:
            self._poked, self._wants_slots = anyio.Event(), True
            try:
                places, change_at = self._worker.rooms.places(monotonic())
                taken = await self._take(places)
                attempt = 0
            except BackendError as error:
                if attempt == 0:
                    _log.warning("tasks_wait_for_server", error=str(error))
                self._unsure = True
                # Workers that were cut off as this one renew their leases first.
                self._claim_at = monotonic() + self._worker.options.lease_seconds / 2
                await self._wait(_RETRY_SECONDS[min(attempt, len(_RETRY_SECONDS) - 1)])
                attempt += 1
                continue
            if taken.tasks and self._worker.free:
                continue
            await self._idle(taken, places, change_at)

    async def _take(self, places: dict[str, Place]) -> Taken:
        worker, consumer = self._worker, self._worker.name
        if self._unsure:
            before = worker.taken
            tasks, unreadable = await worker.store.mine(self._wire, consumer)
            # One that is settled meanwhile is in neither set alone.
            known = before | worker.taken
            worker.begin((t for t in tasks if (t.id, t.token) not in known), unreadable)
            self._unsure = False
        now, claim_ms = monotonic(), 0
        if now >= self._claim_at:
            lease_seconds = worker.options.lease_seconds
            claim_ms = round(lease_seconds * 1000)
            self._claim_at = now + lease_seconds / _CLAIMS_PER_LEASE
        self.takes += 1
        taken = await worker.store.take(
            self._wire, consumer, worker.free, claim_ms, worker.rooms.other, places
        )
        worker.begin(taken.tasks, taken.unreadable)
        return taken

    async def _idle(self, taken: Taken, places: dict[str, Place], change_at: float) -> None:
        """Until a slot is free, or there is news, or time has made something due."""
        worker = self._worker
        clock = worker.store.backend.clock
        until = monotonic() + BLOCK_SECONDS
        if taken.soon_ms:
            until = min(until, clock.monotonic(taken.soon_ms) + _MARGIN_SECONDS)
        if worker.free:
            until = min(until, change_at, max(self._claim_at, monotonic() + _LOOK_SECONDS))
            self.watcher.watch(taken.ends, self._poked)
        self._wants_slots = not worker.free or taken.put_aside > 0
        if not (worker.free and taken.put_aside):
            await self._wait(until - monotonic())
            return
        while not self._poked.is_set() and (left := until - monotonic()) > 0:
            await self._wait(min(left, _LOOK_SECONDS))
            if _more(worker.rooms.places(monotonic())[0].items(), places, worker.rooms.other):
                return

    async def _wait(self, seconds: float) -> None:
        with anyio.move_on_after(max(0.0, seconds)):
            await self._poked.wait()


def _more(now: Iterable[tuple[str, Place]], before: dict[str, Place], other: Place) -> bool:
    """Whether an agent has room for a task that it had none for."""
    for agent, place in now:
        was = before.get(agent, other)
        if (place.room > 0 >= was.room) or (place.deferred > 0 >= was.deferred):
            return True
    return False
