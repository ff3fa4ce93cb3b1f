"""A transport for httpx: every request of a client through the breaker of its host.

    transport = CircuitBreakerTransport(manager)
    async with httpx.AsyncClient(transport=transport) as client:
        response = await client.get("https://billing.example/invoices")

For `AsyncClient` only; a `Client` that blocks has no event loop for a breaker to live in.
"""

from __future__ import annotations

from fuseline.integrations.extras import missing
from fuseline.integrations.http_calls import Body
from fuseline.integrations.http_transport import (
    GuardedTransport,
    Library,
    RefusedByBulkheadError,
    RefusedByCircuitError,
)

try:
    import httpx
except ImportError as error:
    raise missing("httpx", error) from error


class OpenCircuitError(RefusedByCircuitError, httpx.TransportError):
    """The circuit refused the request; a transport error, too, for those who handle these."""


class FullBulkheadError(RefusedByBulkheadError, httpx.TransportError):
    """`max_concurrent_calls` requests are in flight; a transport error, too."""


class _Body(Body, httpx.AsyncByteStream):
    """A body that the library takes for one of its own."""


class CircuitBreakerTransport(
    GuardedTransport[httpx.Request, httpx.Response], httpx.AsyncBaseTransport
):
    """Guards what another transport sends; see `GuardedTransport` for its arguments."""

    library = Library(
        OpenCircuitError, FullBulkheadError, httpx.ReadTimeout, _Body, httpx.AsyncHTTPTransport
    )
