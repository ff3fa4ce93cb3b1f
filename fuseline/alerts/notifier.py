"""The process part: any number may run, one of them notifies at a time.

The lease is that of the projectors, with a fencing token: everything a notifier writes is carried
out under its token only, so being wrong about the lease is harmless.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from pathlib import Path
from time import monotonic

import anyio
import msgspec

from fuseline.alerts.away import AwayWatch
from fuseline.alerts.courier import Courier
from fuseline.alerts.ledger import Ledger
from fuseline.alerts.samples import Machine
from fuseline.alerts.sending import Sender
from fuseline.alerts.watch import Watch
from fuseline.bridge.spool.files import SpoolSettings, namespace_folder, spools_in
from fuseline.core.circuit import Circuit
from fuseline.core.errors import BackendError
from fuseline.events.backend import Backend
from fuseline.projections.feed import FeedReader
from fuseline.projections.leases import silence
from fuseline.telemetry.logs import get_logger

LEASE_MS = 2000
"""How long a lease lasts without renewal; a dead notifier is replaced within this."""

_RENEWALS = 4  # in the time of a lease
_BLOCK_SECONDS = 1.0
_RETRY_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 0.5
_MACHINE_SECONDS = 5.0
_DRAIN_SHARE = 0.6  # of the lease: what is under way may end while it is still ours

_log = get_logger("alerts")


class Notifier:
    """Watches, decides and tells until cancelled; outlives an absent server.

    Args:
        backend: the namespace.
        owner: name in the lease; kept as an attribute.
        sender: delivers; closed here.
        lease_ms: see `LEASE_MS`.
    """

    def __init__(
        self, backend: Backend, owner: str, sender: Sender, lease_ms: int = LEASE_MS
    ) -> None:
        self._backend = backend
        self.owner = owner
        self._sender = sender
        self._lease_ms = lease_ms
        self._lease_wire = backend.make_wire()
        self._work_wire = backend.make_wire()
        self._wake_wire = backend.make_wire(_BLOCK_SECONDS)
        self._ledger = Ledger(backend, self._work_wire)
        self._watch = Watch(backend, self._work_wire, self._ledger)
        self._feed = FeedReader(
            backend, self._on_view, lambda _: self._watch.sweep(), self._on_health
        )
        self._term: anyio.CancelScope | None = None
        self._answered: float | None = None  # when the server last answered for the lease
        self._won = anyio.Event()
        self._away: AwayWatch | None = None
        self._away_changed = anyio.Event()
        self._available = True
        self._host = socket.gethostname()
        self._spool_bytes = spool_meter(backend)

    @property
    def notifies(self) -> bool:
        """Whether this process has the lease, as far as it knows."""
        return self._ledger.token != 0

    def not_ready(self) -> list[str]:
        """Why it is not ready; empty if it is. One that waits for another to end is ready."""
        return silence(self._answered)

    async def run(self) -> None:
        """Runs until cancelled; then notices under way may end, and the lease is given back."""
        try:
            await self._sender.prepare()
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._follow_feed)
                tasks.start_soon(self._listen)
                tasks.start_soon(self._keep_lease)
                tasks.start_soon(self._report_machine)
                tasks.start_soon(self._watch_absence)
                await self._serve()
        finally:
            with anyio.move_on_after(1.0, shield=True):
                await self._release()
            with anyio.CancelScope(shield=True):
                await self._sender.close()
                for wire in (self._lease_wire, self._work_wire, self._wake_wire):
                    await self._backend.drop_wire(wire)

    async def _serve(self) -> None:
        """One term after another."""
        failures = 0
        while True:
            await self._won.wait()
            began = monotonic()
            try:
                with anyio.CancelScope() as self._term:
                    await self._serve_term()
            except* BackendError as group:
                # Nothing was written, or that is not known: begin again from what is there.
                failures = 1 if monotonic() - began > _LONGEST_PAUSE_SECONDS else failures + 1
                if failures == 1:
                    _log.warning("alerts_wait", error=str(group.exceptions[0]))
            self._term = None
            await anyio.sleep(min(_LONGEST_PAUSE_SECONDS, _RETRY_SECONDS * max(1, failures)))

    async def _serve_term(self) -> None:
        await self._watch.load()
        courier = Courier(self._watch.book, self._ledger, self._sender, self._backend.clock.now_ms)
        _log.info("alerts_begun", owner=self.owner, rules=len(self._watch.book.rules))
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._watch.run, courier)
            await courier.run(self._lease_ms / 1000 * _DRAIN_SHARE)

    async def _keep_lease(self) -> None:
        keys = self._backend.keys.alerts
        while True:
            try:
                token = await self._backend.fcall(
                    "lease",
                    (keys.lease, keys.fence),
                    (self.owner, self._lease_ms, self._ledger.token, 0),
                    self._lease_wire,
                )
            except BackendError as error:
                _log.info("alerts_lease_not_renewed", error=str(error))
            else:
                self._answered = monotonic()
                self._take(token)
            await anyio.sleep(self._lease_ms / 1000 / _RENEWALS)

    def _take(self, token: int) -> None:
        if token == self._ledger.token:
            return
        if self._term is not None:
            self._term.cancel()
        self._ledger.token = token
        if token:
            self._won.set()
        else:
            self._won = anyio.Event()
            _log.info("alerts_handed_over", owner=self.owner)

    async def _release(self) -> None:
        token, self._ledger.token = self._ledger.token, 0
        if token:
            try:
                await self._backend.fcall(
                    "release", (self._backend.keys.alerts.lease,), (token,), self._lease_wire
                )
            except BackendError as error:
                _log.info("alerts_lease_not_released", error=str(error))

    async def _follow_feed(self) -> None:
        while True:
            try:
                await self._feed.start()
                break
            except BackendError:
                await anyio.sleep(_RETRY_SECONDS)
        await self._feed.run()

    def _on_view(self, agent: str, _circuit: Circuit, _anew: bool) -> bool:
        self._watch.notice(agent)
        return True

    def _on_health(self, available: bool, unprojected: frozenset[int]) -> None:
        self._watch.unprojected = unprojected
        if available != self._available:
            self._available = available
            self._away_changed.set()

    async def _listen(self) -> None:
        """Changes of rules and channels, and tests."""
        key, position = self._backend.keys.alerts.wake, "$"
        while True:
            try:
                if position == "$":
                    last = await self._wake_wire.call("XREVRANGE", key, "+", "-", "COUNT", 1)
                    position = last[0][0].decode() if last else "0-0"
                    self._watch.reload()
                found = await self._wake_wire.call(
                    "XREAD", "COUNT", 100, "BLOCK", int(_BLOCK_SECONDS * 1000),
                    "STREAMS", key, position,
                )  # fmt: skip
            except BackendError:
                position = "$"
                await anyio.sleep(_RETRY_SECONDS)
                continue
            if found:
                position = found[0][1][-1][0].decode()
                self._watch.reload()

    async def _report_machine(self) -> None:
        """What this process sees of its machine, for whoever notifies."""
        wire = self._lease_wire
        while True:
            try:
                now_ms = await self._backend.learn_time(wire)
                seen = Machine(
                    at_ms=now_ms,
                    spool_bytes=self._spool_bytes(),
                    offset_seconds=time.time() - now_ms / 1000,
                )
                await wire.call(
                    "HSET",
                    self._backend.keys.alerts.machines,
                    self._host,
                    msgspec.msgpack.encode(seen),
                )
            except BackendError as error:
                _log.debug("alerts_machine_not_reported", error=str(error))
            await anyio.sleep(_MACHINE_SECONDS)

    async def _watch_absence(self) -> None:
        """Tells of a server that went away while this process notified."""
        while True:
            await self._away_changed.wait()
            self._away_changed = anyio.Event()
            if self._available or not self.notifies:
                continue
            watch = AwayWatch(
                self._backend,
                self._sender,
                self._watch.book,
                self._host,
                self._spool_bytes,
                "it was lost while this process notified",
            )
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(watch.run)
                while not self._available:
                    await self._away_changed.wait()
                    self._away_changed = anyio.Event()
                tasks.cancel_scope.cancel()
            while True:
                try:
                    await watch.end(self._lease_wire)
                    break
                except BackendError:
                    await anyio.sleep(_RETRY_SECONDS)


def spool_meter(backend: Backend) -> Callable[[], int]:
    """Measures what the spools of the namespace take on this machine, in bytes."""
    settings = SpoolSettings.from_env(os.environ)
    folder = namespace_folder(settings, backend.url, backend.keys.namespace_name)

    def measure() -> int:
        return sum(_size(path) for path in spools_in(folder))

    return measure


def _size(path: Path) -> int:
    total = 0
    for file in (path, path.with_name(f"{path.name}-wal")):
        try:
            total += file.stat().st_size
        except OSError:
            continue
    return total
