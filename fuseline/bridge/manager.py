"""The manager: one per process; hands out breakers and owns everything that runs behind them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.abc

from fuseline.bridge import budget, loading, probing
from fuseline.bridge.admission import FIRST_SECONDS
from fuseline.bridge.background import OwnTask, keep_running
from fuseline.bridge.breaker import CircuitBreaker
from fuseline.bridge.classify import Classifier
from fuseline.bridge.figures import CallFigures
from fuseline.bridge.local import LocalCircuit
from fuseline.bridge.recorder import Recorder
from fuseline.bridge.spool.files import Durability, SpoolSettings
from fuseline.bridge.spool.life import Spooling
from fuseline.bridge.views import Views
from fuseline.bridge.worker_name import default_worker_name
from fuseline.core.circuit import Circuit
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import BackendError
from fuseline.events.backend import Backend
from fuseline.events.embedded import EmbeddedServer
from fuseline.events.keys import AgentKeys, check_name
from fuseline.events.settings import BackendSettings
from fuseline.projections.ahead_reader import AheadReader
from fuseline.projections.feed import FeedReader
from fuseline.projections.projector import Projector
from fuseline.telemetry.logs import get_logger
from fuseline.telemetry.observed import limit_from_env, observed

DRAIN_SECONDS = 5.0
"""Longest wait, when closing, for the last outcomes to reach the log."""

OWED_SECONDS = 0.25
"""A server that owes the recorder an answer for longer is not waited for by a first call."""

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
        self.backend: Backend
        self.recorder: Recorder
        self.projector: Projector | None = None
        self.breakers: dict[str, CircuitBreaker] = {}
        self._with_projector = projector
        self._loads = loading.Loads(self)
        self._views = Views(self, self._loads)
        self._tasks: anyio.abc.TaskGroup
        self._life = OwnTask(self._main)

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
        if not self._life.running:
            raise RuntimeError("the manager is not connected; use `async with`")
        breaker = self.breakers.get(agent)
        if breaker is None:
            keys = self.backend.keys.agent(agent)
            circuit = LocalCircuit(agent, self.backend.clock)
            circuit.available = self._views.is_available(keys.shard)
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
        return self._views.unprojected

    @property
    def available(self) -> bool:
        """See `views.Views`."""
        return self._views.available

    # --- life ---

    async def __aenter__(self) -> Self:
        if self._life.running:
            raise RuntimeError("the manager is connected already")
        await self._life.begin()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._life.end()

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
                views = self._views
                ahead = AheadReader(self.backend, views.on_ahead)

                def on_gap(shard: int) -> None:
                    ahead.begin_anew()
                    views.on_gap(shard)

                feed = FeedReader(self.backend, views.on_view, on_gap, views.on_health)
                await feed.start()
                await ahead.start()
            except BaseException as error:  # noqa: BLE001 - whoever connects gets it
                if not ready.done():
                    ready.set_exception(error)
                return
            async with anyio.create_task_group() as self._tasks:
                self._tasks.start_soon(keep_running, "recorder", self.recorder.run)
                self._tasks.start_soon(keep_running, "spool", self.recorder.spool)
                self._tasks.start_soon(keep_running, "adoption", spooling.adopt)
                self._tasks.start_soon(keep_running, "feed", feed.run)
                self._tasks.start_soon(keep_running, "ahead", ahead.run)
                self._tasks.start_soon(keep_running, "loads", self._loads.keep_confirming)
                if embedded is not None:
                    self._tasks.start_soon(keep_running, "embedded server", embedded.keep)
                if self._with_projector:
                    self._tasks.start_soon(keep_running, "projector", self._project)
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
