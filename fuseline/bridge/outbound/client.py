"""The HTTP client of one agent: its own pool, under the policy, trusting no environment."""

from __future__ import annotations

import ssl
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore2
import httpx2

from fuseline.bridge.outbound.backend import GuardedBackend
from fuseline.core.endpoint import Endpoint


class _Transport(httpx2.AsyncHTTPTransport):
    """The library's transport over a pool that connects through our backend."""

    def __init__(
        self, ssl_context: ssl.SSLContext, backend: GuardedBackend, max_connections: int
    ) -> None:
        super().__init__(verify=ssl_context, trust_env=False)
        if not isinstance(getattr(self, "_pool", None), httpcore2.AsyncConnectionPool):
            # Replacing the pool is the only way to a backend of one's own; should the library
            # change, calls must not go past the policy.
            raise RuntimeError(
                "this version of httpx2 cannot be guarded; install the one that fuseline asks for"
            )
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl_context,
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=httpx2.Limits().keepalive_expiry,
            network_backend=backend,
        )


def make_client(
    endpoint: Endpoint, ssl_context: ssl.SSLContext, backend: GuardedBackend, max_connections: int
) -> httpx2.AsyncClient:
    """Makes the client; whoever made it closes it.

    Redirects are not followed, proxies and credentials of the environment are not used, and
    cookies are not kept: what one call brings must not go into another.
    """
    connect = min(endpoint.connect_timeout_seconds, endpoint.attempt_timeout_seconds)
    return httpx2.AsyncClient(
        transport=_Transport(ssl_context, backend, max_connections),
        timeout=httpx2.Timeout(endpoint.attempt_timeout_seconds, connect=connect, pool=connect),
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )
