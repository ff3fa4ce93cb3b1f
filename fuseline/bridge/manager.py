"""The manager: one per process; hands out breakers and owns everything that runs behind them."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

import anyio
import anyio.abc

from fuseline.bridge import loading, probing
from fuseline.bridge.breaker import CircuitBreaker
from fuseline.bridge.classify import Classifier
from fuseline.bridge.local import LocalCircuit
from fuseline.bridge.recorder import Recorder
from fuseline.core.circuit import Circuit
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import BackendError, ConfigError
from fuseline.events.backend import Backend
from fuseline.events.embedded import EmbeddedServer
from fuseline.events.keys import AgentKeys, check_name
from fuseline.events.logs import get_logger
from fuseline.events.settings import BackendSettings
from fuseline.projections.feed import FeedReader
from fuseline.projections.projector import Projector

BUDGET_SECONDS = 0.25
"""Longest wait for one answer of the server on a caller's path; only probes wait at all."""

DRAIN_SECONDS = 5.0
"""Longest wait, when closing, for the last outcomes to reach the log."""

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
    ) -> None:
        self.settings = settings
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
        budget_seconds: float = BUDGET_SECONDS,
        environ: Mapping[str, str] | None = None,
    ) -> Self:
        """Prepares a manager; `async with` connects it.

        Args:
            url: `redis://`, `rediss://` or `unix://`; None: REDIS_URL, else the embedded server.
            namespace: prefix of all keys; None: FUSELINE_NAMESPACE, else "fuseline".
            shards: fixed when a namespace is made; None: FUSELINE_SHARDS, else 16.
            config: for agents registered from here; None: from CIRCUIT_BREAKER_* variables.
            worker: name of this process in events and explanations; None: host, pid and a suffix.
            projector: whether to fold the log here too, whenever nobody else does.
            budget_seconds: longest wait for one answer of the server on a caller's path.
            environ: the environment; None: that of the process.

        Raises:
            ConfigError: an argument or variable is not allowed.
        """
        environ = os.environ if environ is None else environ
        if not budget_seconds > 0:
            raise ConfigError("budget_seconds", budget_seconds, "a number above 0")
        return cls(
            BackendSettings.from_env(environ, url, namespace, shards),
            CircuitBreakerConfig.from_env(environ) if config is None else config,
            worker=check_name("worker", worker or default_worker_name()),
            projector=projector,
            budget_seconds=budget_seconds,
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
            circuit = LocalCircuit(self.backend.clock)
            circuit.available = self._is_available(keys.shard)
            breaker = CircuitBreaker(self, keys, circuit, config or self.default_config, classifier)
            self.breakers[agent] = breaker
        return breaker

    async def flush(self, timeout_seconds: float = DRAIN_SECONDS) -> None:
        """Waits until every outcome recorded so far is in the log.

        Raises:
            BackendUnavailableError: not within `timeout_seconds`; the outcomes are kept.
        """
        await self.recorder.flush(timeout_seconds)

    @property
    def outcomes_dropped(self) -> int:
        """Outcomes that did not reach the log and never will; anything but 0 has been logged."""
        return self.recorder.dropped

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
                self.recorder = Recorder(
                    self.backend, self.worker, self.breakers.get, self._loads.restore
                )
                feed = FeedReader(self.backend, self._on_view, self._on_gap, self._on_health)
                await feed.start()
            except BaseException as error:  # noqa: BLE001 - whoever connects gets it
                if not ready.done():
                    ready.set_exception(error)
                return
            async with anyio.create_task_group() as self._tasks:
                self._tasks.start_soon(self._supervise, "recorder", self.recorder.run)
                self._tasks.start_soon(self._supervise, "feed", feed.run)
                if embedded is not None:
                    self._tasks.start_soon(self._supervise, "embedded server", embedded.keep)
                if self._with_projector:
                    self._tasks.start_soon(self._supervise, "projector", self._project)
                if not ready.done():
                    ready.set_result(None)
                await closing.wait()
                for breaker in self.breakers.values():
                    breaker.local.close()
                try:
                    await self.recorder.flush(DRAIN_SECONDS)
                except BackendError as error:
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

    async def acquire_probe(self, keys: AgentKeys, epoch: int, lease_ms: int) -> list[bytes]:
        """See `admission.Host`."""
        return await probing.acquire(self, keys, epoch, lease_ms)

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

    def _on_gap(self, shard: int) -> None:
        lost = [b for b in self.breakers.values() if b.keys.shard == shard and b.local.view]
        self.start_soon(self._loads.regain, shard, lost)

    def _on_health(self, available: bool, unprojected: frozenset[int]) -> None:
        self.available, self._unprojected = available, unprojected
        back = []
        for breaker in self.breakers.values():
            usable = self._is_available(breaker.keys.shard)
            if usable != breaker.local.available:
                breaker.local.available = usable
                breaker.local.set_gate()
                if usable:
                    back.append(breaker)
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
