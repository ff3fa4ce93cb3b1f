"""The transport that httpx2 and httpx share: one interface, and classes of their own."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import TracebackType
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

from fuseline.bridge.manager import CircuitBreakerManager
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.endpoint import FAILURE_STATUSES
from fuseline.core.errors import BulkheadFullError, CircuitBreakerOpenError
from fuseline.core.states import CircuitState
from fuseline.integrations import http_calls
from fuseline.integrations.calls import AgentOf, Breakers

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


class RefusedByCircuitError(CircuitBreakerOpenError):
    """What the error of an open circuit needs to be one of the library's, too."""

    _request: Any

    def __init__(
        self, agent: str, state: CircuitState, retry_after_seconds: float, cause: str
    ) -> None:
        Exception.__init__(self, agent, state, retry_after_seconds, cause)
        self._request = None


class RefusedByBulkheadError(BulkheadFullError):
    """The same of a full bulkhead."""

    _request: Any

    def __init__(self, agent: str, max_concurrent_calls: int) -> None:
        BulkheadFullError.__init__(self, agent, max_concurrent_calls)
        self._request = None


class Library(NamedTuple):
    """The classes that differ."""

    open_circuit: type[RefusedByCircuitError]
    full_bulkhead: type[RefusedByBulkheadError]
    read_timeout: Callable[[str], Exception]
    body: type[http_calls.Body]
    transport: Callable[[], Any]


class GuardedTransport(Generic[RequestT, ResponseT]):
    """Guards what another transport sends.

    Connection errors, timeouts and the failing statuses count as failures, with what `Retry-After`
    asks for; other answers as successes. An answer counts when its body has been read; one that is
    left before says nothing. Each redirect and each retry of the client is a request of its own.

    Args:
        manager: connected before the first request.
        transport: what sends; None: the library's own, without proxies from the environment.
        agent_of: names the agent of a request; None back: nothing guards it. By default the
            host, so that each one that is called gets a breaker.
        config: registers agents that are not there yet.
        failure_statuses: those that fail, like 503, or 5xx for a class.

    Raises:
        ConfigError: a status is none.
    """

    library: ClassVar[Library]

    def __init__(
        self,
        manager: CircuitBreakerManager,
        transport: Any = None,
        *,
        agent_of: AgentOf[RequestT] | None = None,
        config: CircuitBreakerConfig | None = None,
        failure_statuses: Sequence[str | int] = FAILURE_STATUSES,
    ) -> None:
        self._transport = transport or self.library.transport()
        self._breakers: Breakers[RequestT] = Breakers(
            manager,
            agent_of or _host_of,
            config,
            http_calls.classifier_of(_status_of, failure_statuses),
        )

    async def handle_async_request(self, request: RequestT) -> ResponseT:
        """Sends one request.

        Raises:
            OpenCircuitError, FullBulkheadError: the breaker does not admit it.
            TransportError: the library's; whatever the other transport raises.
            ConfigError: the agent's name is not allowed.
        """
        library = self.library
        send: Any = partial(self._transport.handle_async_request, request)
        guard = self._breakers.guard(request)
        if guard is None:
            return await send()  # type: ignore[no-any-return]
        try:
            await guard.begin()
        except CircuitBreakerOpenError as refused:
            raise library.open_circuit(*refused.args) from None
        except BulkheadFullError as full:
            raise library.full_bulkhead(full.agent, full.max_concurrent_calls) from None
        try:
            response: Any = await http_calls.head_of(guard, send)
        except TimeoutError as error:
            raise library.read_timeout(http_calls.CUT_OFF) from error
        if http_calls.body_counts(_method_of(request), *_status_of(response)):
            response.stream = library.body(guard, response, library.read_timeout)
        else:
            guard.end(response, None)
        return response  # type: ignore[no-any-return]

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None:
        await self._transport.__aexit__(kind, error, traceback)

    async def aclose(self) -> None:
        """Closes the other transport."""
        await self._transport.aclose()


def _host_of(request: Any) -> str:
    return http_calls.agent_of_url(request.url)


def _method_of(request: Any) -> str:
    return str(request.method)


def _status_of(response: Any) -> tuple[int, Mapping[str, str]]:
    return response.status_code, response.headers
