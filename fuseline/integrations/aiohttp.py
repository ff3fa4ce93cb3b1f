"""A client middleware for aiohttp: every request of a session through the breaker of its host.

async with aiohttp.ClientSession(middlewares=[CircuitBreakerMiddleware(manager)]) as session:
async with session.get("https://billing.example/invoices") as response:
...
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from functools import partial

from fuseline.bridge.guard import Guard
from fuseline.bridge.manager import CircuitBreakerManager
from fuseline.core.config import CircuitBreakerConfig
from fuseline.core.endpoint import FAILURE_STATUSES
from fuseline.core.errors import BulkheadFullError, CircuitBreakerOpenError
from fuseline.integrations import http_calls
from fuseline.integrations.calls import AgentOf, Breakers
from fuseline.integrations.extras import missing

try:
    import aiohttp
except ImportError as error:
    raise missing("aiohttp", error) from error


class OpenCircuitError(CircuitBreakerOpenError, aiohttp.ClientError):
    """The circuit refused the request; a client error, too, for those who handle these."""


class FullBulkheadError(BulkheadFullError, aiohttp.ClientError):
    """`max_concurrent_calls` requests are in flight; a client error, too."""


class CircuitBreakerMiddleware:
    """Guards the requests of a session.

    Connection errors, timeouts and the failing statuses count as failures, with what `Retry-After`
    asks for; other answers as successes. An answer counts when its body has been read; one that is
    left before says nothing. Each redirect is a request of its own.

    Args:
        manager: connected before the first request.
        agent_of: names the agent of a request; None back: nothing guards it. By default the
            host, so that each one that is called gets a breaker.
        config: registers agents that are not there yet.
        failure_statuses: those that fail, like 503, or 5xx for a class.

    Raises:
        ConfigError: a status is none.
    """

    def __init__(
        self,
        manager: CircuitBreakerManager,
        *,
        agent_of: AgentOf[aiohttp.ClientRequest] | None = None,
        config: CircuitBreakerConfig | None = None,
        failure_statuses: Sequence[str | int] = FAILURE_STATUSES,
    ) -> None:
        self._breakers: Breakers[aiohttp.ClientRequest] = Breakers(
            manager,
            agent_of or _host_of,
            config,
            http_calls.classifier_of(_status_of, failure_statuses),
        )

    async def __call__(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Sends one request.

        Raises:
            OpenCircuitError, FullBulkheadError: the breaker does not admit it.
            aiohttp.ClientError: whatever aiohttp raises.
            ConfigError: the agent's name is not allowed.
        """
        guard = self._breakers.guard(request)
        if guard is None:
            return await handler(request)
        try:
            await guard.begin()
        except CircuitBreakerOpenError as refused:
            raise OpenCircuitError(*refused.args) from None
        except BulkheadFullError as full:
            raise FullBulkheadError(full.agent, full.max_concurrent_calls) from None
        response = await http_calls.head_of(guard, partial(handler, request))
        connection = response.connection
        if connection is None or not http_calls.body_counts(request.method, *_status_of(response)):
            guard.end(response, None)  # an answer that is there as a whole has no connection
        else:
            guard.leave_span()
            cut = _cut_off_later(guard, response)
            connection.add_callback(partial(_end, guard, response, cut))
        return response


def _end(guard: Guard, response: aiohttp.ClientResponse, cut: asyncio.TimerHandle | None) -> None:
    """The connection is let go of, so the call has ended: how, aiohttp tells in several places."""
    if cut is not None:
        cut.cancel()
    content = response.content
    if content.is_eof():
        guard.end(response, None)
        return
    reading = sys.exception()  # what made the reader close the connection, a timeout of aiohttp
    broken = reading if isinstance(reading, TimeoutError) else content.exception()
    # Closing an answer that is in order makes it an error of the plain class.
    left = broken is None or type(broken) is aiohttp.ClientConnectionError
    guard.end(None, GeneratorExit() if left else broken)


def _cut_off_later(guard: Guard, response: aiohttp.ClientResponse) -> asyncio.TimerHandle | None:
    """Watches the lease of a probe."""
    deadline = guard.loop_deadline()
    if deadline is None:
        return None

    def cut() -> None:
        guard.end(None, TimeoutError())
        response.close()

    return asyncio.get_running_loop().call_at(deadline, cut)


def _host_of(request: aiohttp.ClientRequest) -> str:
    return http_calls.agent_of_url(request.url)


def _status_of(response: aiohttp.ClientResponse) -> tuple[int, Mapping[str, str]]:
    return response.status, response.headers
