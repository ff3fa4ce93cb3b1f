"""Calling the agent of a task: a user's own function, or an agent of the registry."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Protocol

from msgspec import Struct

from fuseline.bridge.classify import Classifier
from fuseline.bridge.tasks.endings import AgentPolicy
from fuseline.bridge.tasks.model import Task, TaskResult, parse_when_open
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.errors import ConfigError, NoEndpointError
from fuseline.events.agents import register
from fuseline.events.keys import check_name

if TYPE_CHECKING:
    from fuseline.bridge.manager import CircuitBreakerManager

AgentFunction = Callable[..., Awaitable[Any]]
Before = Callable[[Task], Any]
After = Callable[[Task, TaskResult], Any]


class Calls(Protocol):
    """What a worker calls agents with."""

    async def start(self) -> None:
        """Once, before the first call.

        Raises:
            BackendError: the server cannot be used.
        """
        ...

    async def policy(self, agent: str) -> AgentPolicy:
        """What holds for the agent's tasks; from memory where it can be."""
        ...

    async def call(self, task: Task, timeout_seconds: float | None) -> Any:
        """Calls the task's agent through its breaker.

        Raises:
            Exception: whatever says that there is no answer.
        """
        ...


class LocalAgent(Struct, frozen=True, kw_only=True):
    """An agent that is a function of the user's own."""

    function: AgentFunction
    takes_task: bool
    policy: AgentPolicy
    timeout_seconds: float | None
    config: CircuitBreakerConfig | None
    classifier: Classifier | None


class Handlers:
    """A user's own agents and hooks, named by `fuseline worker --app module:attribute`.

    Made once, in that module:

        handlers = Handlers()

        @handlers.agent("summarise", when_open="defer")
        async def summarise(payload): ...
    """

    def __init__(self) -> None:
        self.agents: dict[str, LocalAgent] = {}
        self.hooks_before: list[Before] = []
        self.hooks_after: list[After] = []
        self.hooks_on_dead: list[After] = []

    def agent(
        self,
        name: str,
        *,
        when_open: str = "reject",
        idempotent: bool = False,
        timeout_seconds: float | None = None,
        config: CircuitBreakerConfig | None = None,
        classifier: Classifier | None = None,
    ) -> Callable[[AgentFunction], AgentFunction]:
        """Makes a coroutine function an agent, called through the breaker of that name.

        Args:
            name: name of the agent.
            when_open: "reject" or "defer": what becomes of its tasks while its circuit is open.
            idempotent: whether a failed task may be tried again.
            timeout_seconds: longest time of one call; it counts as a timeout.
            config: registers the agent if it is not there yet.
            classifier: says what results and exceptions mean.

        Raises:
            ConfigError: a name that is not allowed or taken, or no coroutine function.
        """
        policy = AgentPolicy(parse_when_open(when_open), idempotent)
        if timeout_seconds is not None and not timeout_seconds > 0:
            raise ConfigError("timeout_seconds", timeout_seconds, "a number above 0, or None")
        if check_name("agent", name) in self.agents:
            raise ConfigError("agent", name, "a name that no other function has")

        def add(function: AgentFunction) -> AgentFunction:
            if not inspect.iscoroutinefunction(function):
                raise ConfigError("agent", function, "a coroutine function")
            self.agents[name] = LocalAgent(
                function=function,
                takes_task=_takes_two(function),
                policy=policy,
                timeout_seconds=timeout_seconds,
                config=config,
                classifier=classifier,
            )
            return function

        return add

    def before(self, hook: Before) -> Before:
        """Called with each task before its agent is; what it raises is logged."""
        self.hooks_before.append(hook)
        return hook

    def after(self, hook: After) -> After:
        """Called with each task and its result when that is in Redis; at most once."""
        self.hooks_after.append(hook)
        return hook

    def on_dead(self, hook: After) -> After:
        """Called with each task that this worker has made a dead letter; at most once."""
        self.hooks_on_dead.append(hook)
        return hook


def _takes_two(function: AgentFunction) -> bool:
    """Whether it takes the task besides the payload."""
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    needed = sum(p.kind in kinds and p.default is p.empty for p in parameters)
    if needed not in (1, 2):
        raise ConfigError(
            "agent", function, "a function that takes the payload, or it and the task"
        )
    return needed == 2


class HandlerCalls:
    """Calls the functions of a `Handlers`, and everything else by other calls.

    Args:
        manager: gives the breakers.
        handlers: the user's own agents.
        others: for agents that are no functions; None: there are none.
    """

    def __init__(
        self, manager: CircuitBreakerManager, handlers: Handlers, others: Calls | None = None
    ) -> None:
        self._manager = manager
        self._handlers = handlers
        self._others = others

    async def start(self) -> None:
        """See `Calls`; registers the functions, so that tasks for them can be submitted."""
        manager = self._manager
        for name, agent in self._handlers.agents.items():
            config = agent.config or manager.default_config
            await register(manager.backend, name, config, manager.worker)
        if self._others is not None:
            await self._others.start()

    async def policy(self, agent: str) -> AgentPolicy:
        """See `Calls`."""
        if (local := self._handlers.agents.get(agent)) is not None:
            return local.policy
        return AgentPolicy() if self._others is None else await self._others.policy(agent)

    async def call(self, task: Task, timeout_seconds: float | None) -> Any:
        """See `Calls`."""
        local = self._handlers.agents.get(task.agent)
        if local is not None:
            breaker = self._manager.get(task.agent, local.config, classifier=local.classifier)
            return await breaker.call(_run, local, task, timeout_seconds)
        if self._others is None:
            raise NoEndpointError(task.agent)
        return await self._others.call(task, timeout_seconds)


async def _run(local: LocalAgent, task: Task, timeout_seconds: float | None) -> Any:
    limits = [limit for limit in (timeout_seconds, local.timeout_seconds) if limit is not None]
    async with asyncio.timeout(min(limits, default=None)):
        if local.takes_task:
            return await local.function(task.payload, task)
        return await local.function(task.payload)
