"""The three HTTP clients behind one face, so that each test tries all of them."""

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Self

import aiohttp
import httpx
import httpx2

import fuseline.integrations.aiohttp
import fuseline.integrations.httpx
import fuseline.integrations.httpx2
from fuseline import CircuitBreakerManager


class Client:
    """One library.

    Attributes:
        integration: the module that is tried.
        library_error: what those catch who use the library.
    """

    integration: Any
    library_error: type[Exception]

    def __init__(self, manager: CircuitBreakerManager, timeout_seconds: float, options: Any):
        self.manager = manager
        self.timeout_seconds = timeout_seconds
        self.options = options

    async def __aenter__(self) -> Self:
        raise NotImplementedError

    async def __aexit__(self, *_: object) -> None:
        raise NotImplementedError

    async def status(self, url: str) -> int:
        """Asks, and reads the answer to its end."""
        raise NotImplementedError

    def head(self, url: str) -> contextlib.AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Asks and waits for the head; the body's pieces."""
        raise NotImplementedError

    async def without_body(self, url: str) -> int:
        """A HEAD request, whose answer is never read."""
        raise NotImplementedError


class _Httpx(Client):
    library: Any

    async def __aenter__(self) -> Self:
        transport = self.integration.CircuitBreakerTransport(self.manager, **self.options)
        self.client = self.library.AsyncClient(transport=transport, timeout=self.timeout_seconds)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.client.aclose()

    async def status(self, url: str) -> int:
        return (await self.client.get(url)).status_code

    @contextlib.asynccontextmanager
    async def head(self, url: str) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self.client.stream("GET", url) as response:
            yield response.aiter_raw()

    async def without_body(self, url: str) -> int:
        async with self.client.stream("HEAD", url) as response:
            return response.status_code


class Httpx2(_Httpx):
    library = httpx2
    integration = fuseline.integrations.httpx2
    library_error = httpx2.TransportError


class Httpx(_Httpx):
    library = httpx
    integration = fuseline.integrations.httpx
    library_error = httpx.TransportError


class Aiohttp(Client):
    integration = fuseline.integrations.aiohttp
    library_error = aiohttp.ClientError

    async def __aenter__(self) -> Self:
        middleware = self.integration.CircuitBreakerMiddleware(self.manager, **self.options)
        self.session = aiohttp.ClientSession(
            middlewares=[middleware],
            timeout=aiohttp.ClientTimeout(sock_connect=30, sock_read=self.timeout_seconds),
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.session.close()

    async def status(self, url: str) -> int:
        async with self.session.get(url) as response:
            await response.read()
            return response.status

    @contextlib.asynccontextmanager
    async def head(self, url: str) -> AsyncIterator[AsyncIterator[bytes]]:
        async with self.session.get(url) as response:
            yield response.content.iter_any()

    async def without_body(self, url: str) -> int:
        async with self.session.head(url) as response:
            return response.status


CLIENTS: list[type[Client]] = [Httpx2, Httpx, Aiohttp]

Open = Callable[..., Any]
"""Opens a client: the fixtures `open_client` and `open_any`."""
