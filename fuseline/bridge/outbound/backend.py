"""Connecting under the policy: what is checked is what is connected to.

A name is looked up once for a connection. Each address is checked and the connection is made to
that very address, so a name that leads elsewhere the second time (DNS rebinding) gains nothing.
TLS still asks for the name, because the layer above starts it with the host of the URL.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from time import monotonic
from typing import Any

import httpcore2

from fuseline.bridge.outbound.addresses import Address, parse_address
from fuseline.bridge.outbound.policy import OutboundPolicy, OutboundRefusedError

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host, the best first; raises OSError."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """Asks the system.

    Raises:
        OSError: it knows no address.
    """
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # uvloop and asyncio differ in how often the same address comes; the order counts.
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class GuardedBackend(httpcore2.AsyncNetworkBackend):
    """Opens connections for the pool of one agent.

    Args:
        agent: its name, for errors.
        policy: decides about each address.
        resolver: looks names up.
    """

    def __init__(self, agent: str, policy: OutboundPolicy, resolver: Resolver = resolve) -> None:
        self._agent = agent
        self._policy = policy
        self._resolve = resolver
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Looks up, checks, and connects to the first allowed address that answers.

        Raises:
            OutboundRefusedError: no address of the host is allowed.
            httpcore2.ConnectError, httpcore2.ConnectTimeout: it cannot be reached.
        """
        deadline = None if timeout is None else monotonic() + timeout
        failure: Exception = httpcore2.ConnectError(f"{host} has no address")
        for address in await self._allowed(host, port, timeout):
            left = None if deadline is None else max(deadline - monotonic(), 0.001)
            try:
                return await self._inner.connect_tcp(
                    str(address), port, left, local_address, socket_options
                )
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
                if deadline is not None and monotonic() >= deadline:
                    break
        raise failure

    async def _allowed(self, host: str, port: int, timeout: float | None) -> list[Address]:
        self._policy.check_host(self._agent, host)
        try:
            async with asyncio.timeout(timeout):
                found = await self._resolve(host, port)
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(f"{host} was not found in time") from error
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"{host} is not found: {error}") from error
        allowed = []
        refusal: OutboundRefusedError | None = None
        for text in found:
            try:
                address = parse_address(text)
                self._policy.check(self._agent, host, address)
            except OutboundRefusedError as error:
                refusal = error
                continue
            except ValueError:
                continue
            allowed.append(address)
        if not allowed and refusal is not None:
            raise refusal
        return allowed

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ARG002 - the library's signature
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - the same
    ) -> httpcore2.AsyncNetworkStream:
        """No agent is reached by a file of this machine.

        Raises:
            OutboundRefusedError: always.
        """
        raise OutboundRefusedError(self._agent, f"unix sockets like {path!r} are not reachable")

    async def sleep(self, seconds: float) -> None:
        """For the pool's own retries, which are turned off."""
        await self._inner.sleep(seconds)
