"""The worker: takes tasks, calls their agents through the breakers, brings the results."""

from __future__ import annotations

import random
from collections.abc import Iterable
from contextlib import nullcontext
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING

import anyio
import anyio.abc
from msgspec import Struct
from opentelemetry import context as trace_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from fuseline.bridge.tasks.calls import Calls, Handlers
from fuseline.bridge.tasks.endings import Ending, Finish, PutBack, after_failure, before_call
from fuseline.bridge.tasks.hooks import run_hooks
from fuseline.bridge.tasks.model import Task, TaskResult, TaskStatus, encode_result
from fuseline.bridge.tasks.options import WorkerOptions
from fuseline.bridge.tasks.rooms import Rooms, Seen
from fuseline.bridge.tasks.settling import Settlement, Settler
from fuseline.bridge.tasks.store import TaskStore
from fuseline.bridge.tasks.taking import Taker
from fuseline.core.errors import BackendError
from fuseline.core.events import Mode
from fuseline.core.states import CircuitState
from fuseline.telemetry.logs import get_logger

if TYPE_CHECKING:
    from fuseline.bridge.manager import CircuitBreakerManager

_SETTLE_SECONDS = 5.0  # longest wait, when ending, for the server to take what there is to say
_RETRY_SECONDS = 0.5
_PARTS_OF_LEASE = 3
_DEADLINE_SECONDS = 0.01  # a call cut off this much before its task's deadline was cut by it

_log = get_logger("tasks")
_propagator = TraceContextTextMapPropagator()


class Running(Struct):
    """A task in flight: from when it is taken until its ending is in Redis."""

    task: Task
    started: float
    scope: anyio.CancelScope
    called: bool = True  # its call has not ended yet
    lost: bool = False  # another worker has it by now


class TaskWorker:
    """Works until `stop` is called and what is in flight has ended.

    Args:
        manager: connected; gives the breakers, and its name is the worker's.
        calls: what agents are called with.
        options: how it works.
        handlers: hooks.
    """

    def __init__(
        self,
        manager: CircuitBreakerManager,
        calls: Calls,
        options: WorkerOptions | None = None,
        handlers: Handlers | None = None,
    ) -> None:
        self.manager = manager
        self.name = manager.worker
        self.options = options or WorkerOptions()
        self.store = TaskStore(manager.backend, self.options.dead_letter_days)
        # In the log, not only on this machine's disk: another worker may have to know.
        self.settler = Settler(manager.recorder, self.store)
        self.rooms = Rooms(self.options.per_agent, self._look)
        self.running: dict[tuple[str, int], Running] = {}
        self.ended: dict[str, int] = {}  # results brought, by status
        self.stopping = False
        self._handlers = handlers or Handlers()
        self._calls = calls
        self._wire = manager.backend.make_wire()
        self.taker = Taker(self, self._wire)
        self._tasks: anyio.abc.TaskGroup
        self._drain = anyio.CancelScope()

    # --- life ---

    async def run(self) -> None:
        """Works; returns when stopped."""
        async with anyio.create_task_group() as self._tasks:
            self._tasks.start_soon(self.settler.run)
            self._tasks.start_soon(self.taker.watcher.run)
            self._tasks.start_soon(self._renew)
            await self._start()
            await self.taker.run()
            await self._end()
            self._tasks.cancel_scope.cancel()
        for wire in (self._wire, self.settler.wire, self.taker.watcher.wire):
            await self.manager.backend.drop_wire(wire)

    def stop(self) -> None:
        """Takes no more tasks and lets those in flight end; called again, cuts them off."""
        if self.stopping:
            self._drain.cancel()
        else:
            _log.info("worker_stopping", tasks=len(self.running))
        self.stopping = True
        self.taker.poke()

    async def _start(self) -> None:
        while not self.stopping:
            try:
                await self._calls.start()
                await self.store.tidy(self._wire)
                return
            except BackendError as error:
                _log.warning("worker_waits_for_server", error=str(error))
                await anyio.sleep(_RETRY_SECONDS)

    async def _end(self) -> None:
        with self._drain:
            self._drain.deadline = anyio.current_time() + self.options.drain_seconds
            while self.running:
                await self.taker.until_poked()
        for running in self.running.values():
            if running.called:
                running.scope.cancel()
        with anyio.move_on_after(_SETTLE_SECONDS):
            while self.running:
                await self.taker.until_poked()
            await self.settler.until_empty()
            try:
                await self.store.tidy(self._wire, self.manager.worker)
            except BackendError as error:
                _log.warning("consumer_not_forgotten", error=str(error))
        if self.running:
            _log.warning("tasks_left_to_their_leases", count=len(self.running))

    async def _renew(self) -> None:
        """Long calls keep their leases; without this others would call again."""
        while True:
            await anyio.sleep(self.options.lease_seconds / _PARTS_OF_LEASE)
            kept = [running for running in self.running.values() if not running.lost]
            if not kept:
                continue
            try:
                tasks = [running.task for running in kept]
                for task in await self.store.renew(self._wire, self.manager.worker, tasks):
                    if (running := self.running.get((task.id, task.token))) is not None:
                        running.lost = True
                        _log.warning("task_taken_over", task=task.id, agent=task.agent)
            except BackendError as error:
                _log.warning("leases_not_renewed", error=str(error))

    # --- tasks ---

    @property
    def taken(self) -> set[tuple[str, int]]:
        """See `taking.Slots`."""
        return set(self.running)

    @property
    def free(self) -> int:
        """Slots without a task."""
        return max(0, self.options.concurrency - len(self.running))

    def begin(self, tasks: Iterable[Task], unreadable: Iterable[tuple[str, str, str]]) -> None:
        """Starts what was taken."""
        for task in tasks:
            running = Running(task, monotonic(), anyio.CancelScope())
            self.running[task.id, task.token] = running
            self.rooms.enter(task.agent)
            self._tasks.start_soon(self._run, running)
        for task_id, agent, error in unreadable:
            _log.error("task_unreadable", task=task_id, agent=agent, error=error)
            text = f"the task cannot be read: {error}"
            result = TaskResult(
                id=task_id, agent=agent, status=TaskStatus.DEAD, error_kind="unreadable",
                error=text, ended_ms=self._now_ms(), worker=self.manager.worker,
            )  # fmt: skip
            call = self.store.finish(
                task_id,
                encode_result(result)[1],
                self.options.result_ttl_seconds,
                "unreadable",
                text,
            )
            self.settler.add(Settlement(task_id, call, 0, lambda _answer: None))

    async def _run(self, running: Running) -> None:
        ending: Ending = PutBack("queue")
        with running.scope:
            ending = await self._attempt(running.task)
        running.called = False
        self._settle(running, ending)

    async def _attempt(self, task: Task) -> Ending:
        left = self._left(task)
        if (ending := before_call(task, left)) is not None:
            return ending
        await run_hooks(self._handlers.hooks_before, task)
        try:
            with _traced(task) if task.trace else nullcontext():
                result = await self._calls.call(task, None if left == inf else left)
        except (Exception, SystemExit) as raised:  # noqa: BLE001 - whatever it is, the task ends
            error = raised if isinstance(raised, Exception) else RuntimeError(f"exit: {raised}")
            policy = await self._calls.policy(task.agent)
            over = self._left(task) <= _DEADLINE_SECONDS
            return after_failure(
                task,
                error,
                policy,
                out_of_time=over,
                spread=random.random(),  # noqa: S311
            )
        return Finish(TaskStatus.SUCCEEDED, result)

    def _settle(self, running: Running, ending: Ending) -> None:
        task = running.task
        result: TaskResult | None = None
        size = 0
        if isinstance(ending, Finish):
            started_ms = self.manager.backend.clock.at_ms(running.started)
            made = ending.result_of(task, started_ms, self._now_ms(), self.manager.worker)
            result, encoded = encode_result(made)
            size = len(encoded)
            ttl = self.options.result_ttl_seconds
            call = self.store.finish(task.id, encoded, ttl, ending.dead, result.error)
        elif isinstance(ending, PutBack):
            if ending.where == "defer":
                self.rooms.refused(task.agent, monotonic())
            call = self.store.put_back(task, ending.where)
        else:
            call = self.store.park(task, ending.delay_ms, ending.error)
        done = partial(self._settled, running, result)
        self.settler.add(Settlement(task.id, call, size, done))

    def _settled(self, running: Running, result: TaskResult | None, answer: str) -> None:
        task = running.task
        self.running.pop((task.id, task.token), None)
        self.rooms.leave(task.agent)
        self.taker.freed()
        if result is None or answer != "OK":
            return
        self.ended[result.status] = self.ended.get(result.status, 0) + 1
        if self._handlers.hooks_after:
            self._tasks.start_soon(run_hooks, self._handlers.hooks_after, task, result)
        if result.status is TaskStatus.DEAD:
            _log.warning("task_dead", task=task.id, agent=task.agent, error=result.error)
            if self._handlers.hooks_on_dead:
                self._tasks.start_soon(run_hooks, self._handlers.hooks_on_dead, task, result)

    # --- what it knows ---

    def _now_ms(self) -> int:
        return self.manager.backend.clock.now_ms()

    def _left(self, task: Task) -> float:
        """Seconds until the task's deadline."""
        if not task.deadline_ms:
            return inf
        return self.manager.backend.clock.monotonic(task.deadline_ms) - monotonic()

    def _look(self, agent: str) -> Seen | None:
        """What the agent's breaker knows of its circuit, from memory."""
        breaker = self.manager.breakers.get(agent)
        if breaker is None or breaker.local.view is None:
            return None
        mode = breaker.mode
        if mode is Mode.FORCED_CLOSED or not breaker.config.enabled:
            return Seen(CircuitState.CLOSED, breaker.config)
        seconds = breaker.local.retry_after_seconds()
        if mode is Mode.FORCED_OPEN:
            return Seen(CircuitState.OPEN, breaker.config, inf if seconds is None else seconds)
        state = breaker.state
        open_seconds = seconds if state is CircuitState.OPEN else None
        return Seen(state, breaker.config, open_seconds or 0.0)


class _traced:  # noqa: N801 - a context manager
    """Makes the submitter's trace that of the call."""

    def __init__(self, task: Task) -> None:
        self._context = _propagator.extract({"traceparent": task.trace})

    def __enter__(self) -> None:
        self._token = trace_context.attach(self._context)

    def __exit__(self, *exception: object) -> None:
        trace_context.detach(self._token)
