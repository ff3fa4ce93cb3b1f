"""A transport for httpx2: every request of a client through the breaker of its host.

    transport = CircuitBreakerTransport(manager)
    async with httpx2.AsyncClient(transport=transport) as client:
        response = await client.get("https://billing.example/invoices")

For `AsyncClient` only; a `Client` that blocks has no event loop for a breaker to live in.
"""

from __future__ import annotations

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


class _Body(Body, httpx2.AsyncByteStream):
    """A body that the library takes for one of its own."""


class CircuitBreakerTransport(
    GuardedTransport[httpx2.Request, httpx2.Response], httpx2.AsyncBaseTransport
):
    """Guards what another transport sends; see `GuardedTransport` for its arguments."""

    library = Library(
        OpenCircuitError, FullBulkheadError, httpx2.ReadTimeout, _Body, httpx2.AsyncHTTPTransport
    )
