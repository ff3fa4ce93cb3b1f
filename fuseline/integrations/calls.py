"""What the integrations share: which breaker guards a call, and how its end is classified."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Generic, ParamSpec, TypeVar, cast

from fuseline.bridge.breaker import CircuitBreaker
from fuseline.bridge.classify import Classifier, Verdict
from fuseline.bridge.guard import Guard
from fuseline.bridge.manager import CircuitBreakerManager
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.events import Result

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")

AgentOf = Callable[[S], str | None]
"""Names the agent whose breaker guards a call to the subject; None: nothing guards it."""


class Breakers(Generic[S]):
    """Finds breakers.

    Args:
        manager: connected before the first call.
        agent_of: from the subject of a call to the name of an agent.
        config: registers agents that are not there yet.
        default: classifies what a breaker's own classifier leaves open.
    """

    def __init__(
        self,
        manager: CircuitBreakerManager,
        agent_of: AgentOf[S],
        config: CircuitBreakerConfig | None,
        default: Classifier,
    ) -> None:
        self._manager = manager
        self._agent_of = agent_of
        self._config = config
        self._default = default

    def guard(self, subject: S) -> Guard | None:
        """A guard for one call; None where nothing guards it.

        Raises:
            ConfigError: the agent's name is not allowed.
            RuntimeError: the manager is not connected.
        """
        agent = self._agent_of(subject)
        if agent is None:
            return None
        breaker = self._manager.get(agent, self._config)
        return Guard(breaker, classifier=first_of(breaker, self._default))

    async def call(
        self, subject: S, fn: Callable[P, Awaitable[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Calls `fn` as `CircuitBreaker.call` does.

        Raises:
            CircuitBreakerOpenError, BulkheadFullError: refused.
            Exception: whatever `fn` raises.
        """
        guard = self.guard(subject)
        if guard is None:
            return await fn(*args, **kwargs)
        await guard.begin()
        return cast("T", await guard.run(fn, args, kwargs))


def first_of(breaker: CircuitBreaker, default: Classifier) -> Classifier:
    """The breaker's own classifier, and the default for what it leaves open."""
    own = breaker.classifier
    if own is None:
        return default

    def classifier(result: Any, error: BaseException | None) -> Verdict | Result | None:
        found = own(result, error)
        return default(result, error) if found is None else found

    return classifier
