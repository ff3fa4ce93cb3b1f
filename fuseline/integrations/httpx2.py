"""A transport for httpx2: every request of a client through the breaker of its host.

    transport = CircuitBreakerTransport(manager)
    async with httpx2.AsyncClient(transport=transport) as client:
        response = await client.get("https://billing.example/invoices")

For `AsyncClient` only; a `Client` that blocks has no event loop for a breaker to live in.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2

from fuseline.integrations.http_calls import Body
from fuseline.integrations.http_transport import (
    GuardedTransport,
    Library,
    RefusedByBulkheadError,
    RefusedByCircuitError,
)


class OpenCircuitError(RefusedByCircuitError, httpx2.TransportError):
    """The circuit refused the request; a transport error, too, for those who handle these."""


class FullBulkheadError(RefusedByBulkheadError, httpx2.TransportError):
    """`max_concurrent_calls` requests are in flight; a transport error, too."""


class _Stream(httpx2.AsyncByteStream):
    def __init__(self, body: Body) -> None:
        self._body = body

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._body.pieces()

    async def aclose(self) -> None:
        await self._body.aclose()


class CircuitBreakerTransport(
    GuardedTransport[httpx2.Request, httpx2.Response], httpx2.AsyncBaseTransport
):
    """Guards what another transport sends; see `GuardedTransport` for its arguments."""

    library = Library(
        OpenCircuitError, FullBulkheadError, httpx2.ReadTimeout, _Stream, httpx2.AsyncHTTPTransport
    )
