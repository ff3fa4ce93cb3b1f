"""The manager: one per process; hands out breakers and owns everything that runs behind them."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.abc

from fuseline.bridge import budget, loading, probing
from fuseline.bridge.admission import FIRST_SECONDS
from fuseline.bridge.breaker import CircuitBreaker
from fuseline.bridge.classify import Classifier
from fuseline.bridge.figures import CallFigures
from fuseline.bridge.local import LocalCircuit
from fuseline.bridge.recorder import Recorder
from fuseline.bridge.spool.files import Durability, SpoolSettings
from fuseline.bridge.spool.life import Spooling
from fuseline.core.circuit import Circuit
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import BackendError
from fuseline.events.backend import Backend
from fuseline.events.embedded import EmbeddedServer
from fuseline.events.keys import AgentKeys, check_name
from fuseline.events.settings import BackendSettings
from fuseline.projections.ahead import Ahead
from fuseline.projections.feed import FeedReader
from fuseline.projections.projector import Projector
from fuseline.telemetry.logs import get_logger
from fuseline.telemetry.observed import limit_from_env, observed

DRAIN_SECONDS = 5.0
"""Longest wait, when closing, for the last outcomes to reach the log."""

OWED_SECONDS = 0.25
"""A server that owes the recorder an answer for longer is not waited for by a first call."""

_RESTART_SECONDS = 1.0

_log = get_logger("manager")


class CircuitBreakerManager:
    """Circuit breakers of one process, shared with all others through the log.

    Made by `connect`, used as an async context manager:

        async with CircuitBreakerManager.connect() as manager:
            breaker = manager.get("billing-agent")
            reply = await breaker.call(fetch, order)
    """

    def __init__(
        self,
        settings: BackendSettings,
        config: CircuitBreakerConfig,
        *,
        worker: str,
        projector: bool,
        budget_seconds: float,
        spool: SpoolSettings,
    ) -> None:
        self.settings = settings
        self.spool_settings = spool
        self.default_config = config
        self.worker = worker
        self.budget_seconds = budget_seconds
        self.available = True
        self.backend: Backend
        self.recorder: Recorder
        self.projector: Projector | None = None
        self.breakers: dict[str, CircuitBreaker] = {}
        self._with_projector = projector
        self._unprojected: frozenset[int] = frozenset()
        self._loads = loading.Loads(self)
        self._tasks: anyio.abc.TaskGroup
        self._closing: asyncio.Event | None = None
        self._main_task: asyncio.Task[None] | None = None

    @classmethod
    def connect(
        cls,
        url: str | None = None,
        *,
        namespace: str | None = None,
        shards: int | None = None,
        config: CircuitBreakerConfig | None = None,
        worker: str | None = None,
        projector: bool = True,
        budget_seconds: float | None = None,
        durability: Durability = "memory",
        spool_dir: str | Path | None = None,
        spool_max_bytes: int | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """Prepares a manager; `async with` connects it.

        Args:
            url: as REDIS_URL, see docs/high-availability.md; None: REDIS_URL, else the embedded
                server.
            namespace: prefix of all keys; None: FUSELINE_NAMESPACE, else "fuseline".
            shards: fixed when a namespace is made; None: FUSELINE_SHARDS, else 16.
            config: for agents registered from here; None: from CIRCUIT_BREAKER_* variables.
            worker: name of this process in events and explanations; None: host, pid and a suffix.
            projector: whether to fold the log here too, whenever nobody else does.
            budget_seconds: longest wait for the server on a caller's path; only probes wait. None:
                FUSELINE_BUDGET_SECONDS, else 0.05.
            durability: "disk": `flush` is content when outcomes are on disk, synced, so that it
                needs no server; "memory": when they are in the log.
            spool_dir: where outcomes wait while the server is away; None: FUSELINE_SPOOL_DIR, else
                below the data folder.
            spool_max_bytes: most they may take there; None: FUSELINE_SPOOL_MAX_BYTES, else 256 MiB.
            environ: the environment; None: that of the process.

        Raises:
            ConfigError: an argument or variable is not allowed.
        """
        environ = os.environ if environ is None else environ
        observed.names.limit = limit_from_env(environ)
        return cls(
            BackendSettings.from_env(environ, url, namespace, shards),
            CircuitBreakerConfig.from_env(environ) if config is None else config,
            worker=check_name("worker", worker or default_worker_name()),
            projector=projector,
            budget_seconds=budget.budget_seconds(environ, budget_seconds),
            spool=SpoolSettings.from_env(environ, spool_dir, spool_max_bytes, durability),
        )

    # --- for callers ---

    def get(
        self,
        agent: str,
        config: CircuitBreakerConfig | None = None,
        *,
        classifier: Classifier | None = None,
    ) -> CircuitBreaker:
        """The breaker of an agent; the same object for the same name.

        Args:
            agent: name of the agent.
            config: registers the agent if it is not there yet; never changes one that is.
            classifier: says what results and exceptions mean; kept from the first call on.

        Raises:
            ConfigError: the name is not allowed.
            RuntimeError: the manager is not connected.
        """
        if self._main_task is None:
            raise RuntimeError("the manager is not connected; use `async with`")
        breaker = self.breakers.get(agent)
        if breaker is None:
            keys = self.backend.keys.agent(agent)
            circuit = LocalCircuit(agent, self.backend.clock)
            circuit.available = self._is_available(keys.shard)
            breaker = CircuitBreaker(self, keys, circuit, config or self.default_config, classifier)
            self.breakers[agent] = breaker
        return breaker

    async def flush(self, timeout_seconds: float = DRAIN_SECONDS) -> None:
        """Waits until every outcome recorded so far is in the log.

        With `durability="disk"` it is enough that they are on disk.

        Raises:
            BackendUnavailableError: not within `timeout_seconds`; the outcomes are kept.
        """
        if self.spool_settings.durability == "disk":
            await self.recorder.secure(timeout_seconds)
        else:
            await self.recorder.flush(timeout_seconds)

    @property
    def outcomes_dropped(self) -> int:
        """Outcomes that did not reach the log and never will; anything but 0 has been logged."""
        return self.recorder.dropped

    @property
    def unprojected(self) -> frozenset[int]:
        """Shards that nobody projects now; the breakers of their agents decide alone."""
        return self._unprojected

    # --- life ---

    async def __aenter__(self) -> Self:
        if self._main_task is not None:
            raise RuntimeError("the manager is connected already")
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._closing = asyncio.Event()
        # A task of its own owns the task group, so that the manager may be closed from another
        # task than the one that opened it (fixtures and application servers do).
        self._main_task = asyncio.create_task(self._main(ready, self._closing), name="fuseline")
        try:
            await asyncio.shield(ready)
        except BaseException:
            await self._stop()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stop()

    async def _stop(self) -> None:
        task, self._main_task = self._main_task, None
        if task is None or self._closing is None:
            return
        self._closing.set()
        cancelled: asyncio.CancelledError | None = None
        # Closing is bounded, and the last outcomes must reach the log; so whoever cancels waits.
        with anyio.CancelScope(shield=True):
            while not task.done():
                try:
                    await asyncio.shield(task)
                except asyncio.CancelledError as error:
                    cancelled = error
        if cancelled is not None:
            raise cancelled
        task.result()

    async def _main(self, ready: asyncio.Future[None], closing: asyncio.Event) -> None:
        async with AsyncExitStack() as stack:
            try:
                embedded = None
                if self.settings.url is None:
                    embedded = await stack.enter_async_context(EmbeddedServer())
                url = embedded.url if embedded else None
                self.backend = await Backend.open(self.settings, url)
                stack.push_async_callback(self.backend.close)
                spooling = Spooling(self.spool_settings, self.backend, self.worker, self._config_of)
                stack.push_async_callback(spooling.close)
                self.recorder = Recorder(
                    self.backend,
                    self.worker,
                    self.breakers.get,
                    self._loads.restore,
                    spooling.make_keeper,
                )
                figures = CallFigures(self.breakers, self.recorder)
                observed.add(figures)
                stack.callback(observed.remove, figures)
                feed = FeedReader(
                    self.backend, self._on_view, self._on_gap, self._on_health, self._on_ahead
                )
                await feed.start()
            except BaseException as error:  # noqa: BLE001 - whoever connects gets it
                if not ready.done():
                    ready.set_exception(error)
                return
            async with anyio.create_task_group() as self._tasks:
                self._tasks.start_soon(self._supervise, "recorder", self.recorder.run)
                self._tasks.start_soon(self._supervise, "spool", self.recorder.spool)
                self._tasks.start_soon(self._supervise, "adoption", spooling.adopt)
                self._tasks.start_soon(self._supervise, "feed", feed.run)
                self._tasks.start_soon(self._supervise, "loads", self._loads.keep_confirming)
                if embedded is not None:
                    self._tasks.start_soon(self._supervise, "embedded server", embedded.keep)
                if self._with_projector:
                    self._tasks.start_soon(self._supervise, "projector", self._project)
                if not ready.done():
                    ready.set_result(None)
                await closing.wait()
                for breaker in self.breakers.values():
                    breaker.local.close()
                    if breaker.spans is not None:
                        breaker.spans.drain()
                try:
                    await self.recorder.flush(DRAIN_SECONDS)
                except BackendError as error:
                    if await self.recorder.put_away():
                        _log.warning("outcomes_spooled_at_close", error=str(error))
                    else:
                        _log.error("outcomes_lost_at_close", error=str(error))
                self._tasks.cancel_scope.cancel()

    async def _project(self) -> None:
        self.projector = Projector(self.backend, self.worker)
        await self.projector.run()

    async def _supervise(self, name: str, job: Callable[[], Awaitable[None]]) -> None:
        """A bug in what runs behind must not end the calls in front."""
        while True:
            try:
                await job()
                return
            except Exception:  # noqa: BLE001 - see the docstring
                _log.exception("background_job_failed", job=name)
                await anyio.sleep(_RESTART_SECONDS)

    # --- what the breakers ask for (see admission.Host and breaker.Host) ---

    async def refresh(self, name: str, timeout_seconds: float) -> None:
        """See `admission.Host`."""
        await self._loads.refresh(name, timeout_seconds)

    @property
    def first_view_seconds(self) -> float:
        """See `admission.Host`."""
        # One caller may find out that the server hangs; those who come later need not.
        silent = self.recorder.owed_seconds > OWED_SECONDS or self._loads.overdue
        return self.budget_seconds if silent else FIRST_SECONDS

    async def acquire_probe(
        self, keys: AgentKeys, epoch: int, lease_ms: int, timeout_seconds: float
    ) -> list[bytes]:
        """See `admission.Host`."""
        return await probing.acquire(self, keys, epoch, lease_ms, timeout_seconds)

    def begin_unseen(self, name: str) -> None:
        """See `admission.Host`."""
        breaker = self.breakers[name]
        breaker.local.begin_unseen(breaker.initial_config)
        self.start_soon(self._loads.load_when_possible, name)

    def own_fold_opened(self, breaker: CircuitBreaker) -> None:
        """See `breaker.Host`."""
        self._loads.confirm(breaker)

    async def read_circuit(self, name: str) -> Circuit:
        """See `breaker.Host`."""
        breaker = self.breakers[name]
        circuit = await self._loads.read_projection(breaker)
        if not circuit.revision:  # nothing is projected yet
            circuit = await self._loads.read(breaker)
        return circuit.at(self.backend.clock.now_ms())

    def _config_of(self, agent: str) -> CircuitBreakerConfig | None:
        breaker = self.breakers.get(agent)
        return breaker.config if breaker else None

    def start_soon(self, job: Callable[..., Coroutine[Any, Any, None]], *args: object) -> None:
        """Runs a job under the manager's task group."""
        self._tasks.start_soon(job, *args)

    # --- what the feed tells ---

    def _on_view(self, agent: str, circuit: Circuit, anew: bool) -> None:
        # Also a circuit that is being loaded: what the load brings may be older than this.
        if breaker := self.breakers.get(agent):
            if circuit.revision or breaker.local.view is None:
                breaker.local.update(circuit, anew=anew)
            else:
                # The server has lost the agent; the log must not judge it by default settings.
                self._reload([breaker])

    def _on_ahead(self, ahead: Ahead) -> None:
        breaker = self.breakers.get(ahead.agent)
        view = breaker.local.view if breaker else None
        # A first view comes from the projection alone, and so does one of a lost agent.
        if breaker and view is not None and view.revision and view.position < ahead.position:
            circuit = ahead.folded()
            if circuit is not None:
                breaker.local.update(circuit)

    def _on_gap(self, shard: int) -> None:
        lost = [b for b in self.breakers.values() if b.keys.shard == shard and b.local.view]
        self.start_soon(self._loads.regain, shard, lost)

    def _on_health(self, available: bool, unprojected: frozenset[int]) -> None:
        if not available or unprojected > self._unprojected:
            reason = "no projector" if available else "no server"
            _log.warning("deciding_alone", reason=reason, shards=sorted(unprojected) or "all")
        elif not unprojected:
            _log.warning("log_decides_again")
        was_available, self.available = self.available, available
        self._unprojected = unprojected
        back = []
        for breaker in self.breakers.values():
            usable = self._is_available(breaker.keys.shard)
            if usable != breaker.local.available:
                breaker.local.available = usable
                breaker.local.set_gate()
                if usable:
                    back.append(breaker)
        if was_available:  # else what the server may have lost is regained, see `_on_gap`
            self._reload(back)

    def _is_available(self, shard: int) -> bool:
        return self.available and shard not in self._unprojected

    def _reload(self, breakers: Sequence[CircuitBreaker]) -> None:
        if seen := [breaker for breaker in breakers if breaker.local.view is not None]:
            self.start_soon(self._loads.reload, seen)


def default_worker_name() -> str:
    """Host name, process id and a random suffix: unique, and readable in an explanation."""
    host = "".join(c for c in socket.gethostname() if c.isalnum() or c in "-._")[:60] or "host"
    return f"{host}-{os.getpid()}-{secrets.token_hex(2)}"
