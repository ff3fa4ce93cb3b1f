"""The projector: folds the log of the shards it holds into their projections.

Any number may run; each shard has one at a time. Being wrong about that is harmless: a commit is
carried out only under the shard's current fencing token and on top of the very checkpoint it was
folded from.
"""

import os
from time import monotonic

import anyio

from fuseline.core.circuit import NEVER_MS
from fuseline.core.errors import BackendError, BackendUnavailableError, WrongKeyTypeError
from fuseline.core.retention import Retention
from fuseline.events.backend import Backend
from fuseline.events.log import parse_wake
from fuseline.events.wire import Command
from fuseline.projections.announcing import Announcer
from fuseline.projections.figures import Lag, ProjectorFigures
from fuseline.projections.folding import Folding
from fuseline.projections.leases import RENEW_SECONDS, Leases, LostLeaseError, silence
from fuseline.projections.shard import ShardProjection
from fuseline.projections.trimming import Trimmer
from fuseline.telemetry.circuits import circuits
from fuseline.telemetry.logs import get_logger
from fuseline.telemetry.observed import observed

SWEEP_SECONDS = 30.0
"""How often all checkpoints are compared with the ends of their streams."""

WAVE_EVENTS = 2000
"""Events folded at a time inside a worker: a few ms. A process of its own takes more."""

TRIM_SECONDS = 60.0
"""How often what is too old is looked for."""

_BLOCK_SECONDS = 0.5
_HINTS_SECONDS = 1.0
_RETRY_SECONDS = 0.1
_RELEASE_SECONDS = 1.0
_LEAST_TRIMMED, _MOST_TRIMMED = 100, 5000  # entries at a time

_log = get_logger("projector")


class Projector:
    """Folds and commits until cancelled.

    Args:
        backend: the namespace.
        owner: name in the leases, e.g. host and process id.
        wave_events: events folded between two turns of the event loop's other tasks.
        retention: what is kept; None: as the environment says.

    Raises:
        ConfigError: a variable of the retention is not allowed.
    """

    def __init__(
        self,
        backend: Backend,
        owner: str,
        wave_events: int = WAVE_EVENTS,
        retention: Retention | None = None,
    ) -> None:
        if retention is None:
            retention = Retention.from_env(os.environ)
        self._backend = backend
        self._wires = (
            backend.make_wire(),
            backend.make_wire(),
            backend.make_wire(),
            backend.make_wire(_BLOCK_SECONDS),
            backend.make_wire(),
        )
        work_wire, lease_wire, trim_wire, self._wake_wire, causes_wire = self._wires
        step = max(_LEAST_TRIMMED, min(wave_events // 4, _MOST_TRIMMED))
        self._trimmer = Trimmer(backend, trim_wire, retention, step)
        self._announcer = Announcer(backend, causes_wire)
        self._folding = Folding(backend, work_wire, wave_events, self._announcer)
        self._leases = Leases(backend, owner, lease_wire)
        self._shards: dict[int, ShardProjection] = {}
        self._won: list[int] = []
        self._gained = anyio.Event()
        self._swept_at = monotonic()
        self._figures = ProjectorFigures(self._shards, self._folding.lag, backend.clock)
        self._asked_at = monotonic()  # when the hints of all shards were last asked for

    @property
    def shards(self) -> list[int]:
        """The shards this projector holds."""
        return sorted(self._shards)

    @property
    def events_folded(self) -> int:
        """Number of events folded so far."""
        return self._folding.lag.events_folded

    @property
    def lag(self) -> Lag:
        """How far it is behind the log."""
        return self._folding.lag

    def not_ready(self) -> list[str]:
        """Why it is not ready; empty if it is. One that waits for a lease to be free is ready."""
        found = silence(self._leases.answered)
        if self._won:
            found.append(f"loading: shards {', '.join(map(str, sorted(self._won)))}")
        if self._leases.refused:
            found.append(f"leases refused: shards {', '.join(map(str, self._leases.refused))}")
        return found

    async def run(self) -> None:
        """Projects until cancelled; then gives its leases back. Outlives an absent server."""
        observed.add(self._figures)
        circuits.add(self._figures.circuits)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(self._keep_leases)
                tasks.start_soon(self._work)
                tasks.start_soon(self._keep_trimmed)
                tasks.start_soon(self._announcer.run)
        finally:
            circuits.remove(self._figures.circuits)
            observed.remove(self._figures)
            await self._announcer.drain()
            with anyio.move_on_after(_RELEASE_SECONDS, shield=True):
                try:
                    await self._leases.release()
                except BackendError as error:
                    _log.info("leases_not_released", error=str(error))
            with anyio.CancelScope(shield=True):
                for wire in self._wires:
                    await self._backend.drop_wire(wire)

    async def _keep_leases(self) -> None:
        while True:
            try:
                won, lost = await self._leases.renew()
                for number in lost:
                    self._lose(number)
                if won:
                    # Loading a shard may take longer than a lease lasts, so the other task loads.
                    self._won += won
                    self._gained.set()
                    self._gained = anyio.Event()
            except BackendError as error:
                _log.warning("projector_waits_for_server", error=str(error))
            await anyio.sleep(RENEW_SECONDS)

    async def _keep_trimmed(self) -> None:
        while True:
            await anyio.sleep(TRIM_SECONDS)
            for shard in list(self._shards.values()):
                try:
                    done = await self._trimmer.trim_shard(shard.keys, shard.token)
                    for name in done.removed:
                        shard.forget(name)
                except LostLeaseError:
                    continue  # the other tasks find out
                except BackendError as error:
                    _log.warning("trimming_waits_for_server", error=str(error))
                    break

    async def _work(self) -> None:
        while True:
            try:
                await self._take_won()
                shards = list(self._shards.values())
                if not shards:
                    gained = self._gained
                    with anyio.move_on_after(RENEW_SECONDS):
                        await gained.wait()
                    continue
                await self._folding.tick(shards)
                if not any(shard.pending for shard in shards):
                    await self._wait_for_events(shards)
                await self._folding.fold_noticed(shards)
                if monotonic() - self._swept_at > SWEEP_SECONDS:
                    self._swept_at = monotonic()
                    await self._backend.learn_time()
                    await self._folding.sweep(shards)
            except BackendError as error:
                _log.warning("projector_waits_for_server", error=str(error))
                await anyio.sleep(_RETRY_SECONDS)
            for number, shard in list(self._shards.items()):
                if shard.lost:
                    self._lose(number)

    async def _take_won(self) -> None:
        while self._won:
            number = self._won[0]
            token = self._leases.tokens.get(number)
            if token is not None:
                try:
                    shard = await self._folding.take(number, token)
                except BackendUnavailableError:
                    raise
                except BackendError as error:
                    # Its lease ends unrenewed, and then it is tried again.
                    _log.error("shard_not_taken", shard=number, error=str(error))
                    self._leases.drop(number)
                    self._won.remove(number)
                    continue
                if self._leases.tokens.get(number) == token:
                    self._shards[number] = shard
                    _log.info("shard_taken", shard=number, agents=len(shard.circuits))
            self._won.remove(number)

    def _lose(self, number: int) -> None:
        if self._shards.pop(number, None) is not None:
            _log.warning("lease_lost", shard=number)
        self._leases.drop(number)

    async def _wait_for_events(self, shards: list[ShardProjection]) -> None:
        """Until a wake-up or a deadline; now and then asks for what wake-ups may have missed."""
        wait_ms = int(_BLOCK_SECONDS * 1000)
        deadline_ms = min(shard.next_deadline_ms() for shard in shards)
        if deadline_ms < NEVER_MS:
            wait_ms = min(wait_ms, deadline_ms - self._backend.clock.now_ms())
            if wait_ms <= 0:
                return
        command: Command = (
            "XREAD", "COUNT", 1000, "BLOCK", wait_ms, "STREAMS",
            *(shard.keys.wake for shard in shards), *(shard.wake_position for shard in shards),
        )  # fmt: skip
        try:
            reply = await self._wake_wire.call(*command)
        except WrongKeyTypeError as error:
            _log.error("wake_ups_unreadable", error=str(error))
            await anyio.sleep(_RETRY_SECONDS)
            reply = None
        by_key = {shard.keys.wake.encode(): shard for shard in shards}
        unnamed: list[ShardProjection] = []
        for key, entries in reply or ():
            shard = by_key[key]
            shard.wake_position = entries[-1][0].decode()
            for _, fields in entries:
                listed, carried = parse_wake(fields)
                names = list(self._backend.keys.names(listed))
                if listed == [b"*"]:
                    unnamed.append(shard)
                elif len(names) == len(carried):
                    for name, (ended, events) in zip(names, carried, strict=True):
                        shard.carry(name, ended, events)
                else:
                    shard.notice(names)
        if monotonic() - self._asked_at > _HINTS_SECONDS:
            # Wake-ups are trimmed under load, so they are not waited for alone.
            self._asked_at = monotonic()
            unnamed = shards
        if unnamed:
            await self._folding.notice_dirty(unnamed)
