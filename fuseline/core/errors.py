"""Every error Fuseline raises, in one hierarchy.

Each message says what is wrong, with which value, what is allowed and what to do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:
    from fuseline.core.states import CircuitState


class FuselineError(Exception):
    """Base class of all errors raised by Fuseline."""

    __slots__ = ()


class ConfigError(FuselineError, ValueError):
    """A setting has a wrong name, type or value.

    Attributes:
        field: name of the setting as the caller wrote it.
        value: the refused value.
        allowed: what would have been accepted, in words.
    """

    def __init__(self, field: str, value: Any, allowed: str) -> None:
        self.field = field
        self.value = value
        self.allowed = allowed
        super().__init__(f"{field}: {value!r} is not allowed; expected {allowed}")

    def __reduce__(self) -> tuple[type[ConfigError], tuple[str, Any, str]]:
        return type(self), (self.field, self.value, self.allowed)


class CallRefusedError(FuselineError):
    """A call was refused before it began; the callee has not been touched."""

    __slots__ = ()


class Refusal(Protocol):
    """What all refusals of a circuit until a moment have in common."""

    @property
    def agent(self) -> str:
        """Name of the agent."""
        ...

    @property
    def state(self) -> CircuitState:
        """The state that refuses."""
        ...

    @property
    def cause(self) -> str:
        """Why."""
        ...

    def retry_after_seconds(self) -> float:
        """When asking again can succeed, from now; 0.0 if unknown."""
        ...


class CircuitBreakerOpenError(CallRefusedError):
    """The breaker refused the call: the circuit is open, or all probes of the round are out.

    Refusing is a hot path and most of these are never looked at, so what was given stays in
    `args`, where the interpreter puts it, and the values are worked out when somebody reads them.
    """

    __slots__ = ()

    if TYPE_CHECKING:

        def __init__(
            self, agent: str, state: CircuitState, retry_after_seconds: float, cause: str
        ) -> None: ...

    def _values(self) -> tuple[str, CircuitState, float, str]:
        if len(self.args) > 1:
            return cast("tuple[str, CircuitState, float, str]", self.args)
        refusal: Refusal = self.args[0]
        return refusal.agent, refusal.state, refusal.retry_after_seconds(), refusal.cause

    @property
    def agent(self) -> str:
        """Name of the agent."""
        return self._values()[0]

    @property
    def state(self) -> CircuitState:
        """The state that refused the call: OPEN, HALF_OPEN, or CLOSED while `recovering`."""
        return self._values()[1]

    @property
    def retry_after_seconds(self) -> float:
        """When asking again can succeed; 0.0 if unknown, and never 0.0 if known.

        From now, while the end of OPEN is known; else from the moment of refusal.
        """
        return self._values()[2]

    @property
    def cause(self) -> str:
        """Why the call is refused, e.g. `consecutive_failures`, `forced_open` or `recovering`."""
        return self._values()[3]

    def __str__(self) -> str:
        agent, state, seconds, cause = self._values()
        wait = f"; retry in {seconds:.3g} s" if seconds else ""
        return f"circuit of agent {agent!r} is {state.value} ({cause}){wait}"

    def __repr__(self) -> str:
        return f"{type(self).__name__}{self._values()!r}"

    def __reduce__(self) -> tuple[Any, ...]:
        # A moment of this process's clock says nothing to another.
        return type(self), self._values(), vars(self)


class BulkheadFullError(CallRefusedError):
    """``max_concurrent_calls`` calls to the agent are in flight in this process already."""

    def __init__(self, agent: str, max_concurrent_calls: int) -> None:
        self.agent = agent
        self.max_concurrent_calls = max_concurrent_calls

    def __str__(self) -> str:
        return (
            f"agent {self.agent!r} has {self.max_concurrent_calls} calls in flight, "
            "the most this process allows (max_concurrent_calls)"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.agent, self.max_concurrent_calls)


class ManagerClosedError(FuselineError, RuntimeError):
    """The manager has been closed, so nothing could be recorded any more."""

    def __str__(self) -> str:
        return f"the call to agent {self.args[0]!r} was not made: the manager is closed"


class BackendError(FuselineError):
    """The Redis or Valkey server cannot be used as it is."""


class BackendUnavailableError(BackendError):
    """The server does not answer, or refuses this user."""


class IncompatibleServerError(BackendError):
    """The server lacks what Fuseline needs (Redis Functions, so Redis 7.0 or any Valkey)."""


class NamespaceMismatchError(BackendError):
    """The namespace was made with other fixed properties (its number of shards)."""


class WrongKeyTypeError(BackendError):
    """A key of the namespace holds another type: somebody else writes to it."""


class EmbeddedServerError(FuselineError):
    """The embedded server cannot be started or found."""


class AgentNotFoundError(FuselineError, LookupError):
    """No agent of that name is registered in the namespace."""

    def __init__(self, agent: str) -> None:
        self.agent = agent
        super().__init__(agent)

    def __str__(self) -> str:
        return f"agent {self.agent!r} is not registered; `fuseline status` lists those that are"


class NoEndpointError(AgentNotFoundError):
    """The agent is registered, but not where it is; only code of one's own can call it."""

    def __str__(self) -> str:
        return (
            f"agent {self.agent!r} has no endpoint; `fuseline configure {self.agent} url=...` "
            "gives it one"
        )


class RevisionConflictError(FuselineError):
    """The agent was changed by somebody else since it was read."""


class NotReproducedError(FuselineError):
    """Folding the log again does not give the transitions that the history holds."""


class TaskNotFoundError(FuselineError, LookupError):
    """Nothing is known of the task: it never was, or its result is no longer kept."""

    def __str__(self) -> str:
        return f"task {self.args[0]!r} is not known; results are kept for a while only"
