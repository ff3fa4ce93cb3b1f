"""What can become of a server while others use it, each as a context manager that heals it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

from tests.logbook import open_backend
from tests.servers import RealServer

NS = "ns"

Fault = Callable[[RealServer], contextlib.AbstractAsyncContextManager[None]]


@contextlib.asynccontextmanager
async def killed(server: RealServer) -> AsyncIterator[None]:
    await asyncio.to_thread(server.kill)
    yield
    await asyncio.to_thread(server.start)


@contextlib.asynccontextmanager
async def stopped(server: RealServer) -> AsyncIterator[None]:
    server.pause()
    yield
    server.resume()


async def tell(server: RealServer, *commands: tuple[str | int, ...]) -> None:
    async with open_backend(server.url, NS) as backend:
        for command in commands:
            await backend.wire.call(*command)


@contextlib.asynccontextmanager
async def full(server: RealServer) -> AsyncIterator[None]:
    await tell(server, ("CONFIG", "SET", "maxmemory-policy", "noeviction"))
    await tell(server, ("CONFIG", "SET", "maxmemory", 1))
    yield
    await tell_any(server, "CONFIG", "SET", "maxmemory", "0")


@contextlib.asynccontextmanager
async def read_only(server: RealServer) -> AsyncIterator[None]:
    await tell(server, ("REPLICAOF", "127.0.0.1", 1))
    yield
    await tell_any(server, "REPLICAOF", "NO", "ONE")


@contextlib.asynccontextmanager
async def revoked(server: RealServer) -> AsyncIterator[None]:
    await tell(server, ("ACL", "SETUSER", "worker", "off"), ("CLIENT", "KILL", "USER", "worker"))
    yield
    await tell(server, ("ACL", "SETUSER", "worker", "on"))


async def tell_any(server: RealServer, *command: str) -> None:
    """Sends a command to a server that could not make or check a namespace now."""
    reader, writer = await asyncio.open_unix_connection(server.socket)
    writer.write(f"*{len(command)}\r\n".encode())
    writer.write(b"".join(f"${len(part)}\r\n{part}\r\n".encode() for part in command))
    assert (await reader.readline()).startswith(b"+OK")
    writer.close()


FAULTS: dict[str, Fault] = {
    "killed": killed,
    "stopped": stopped,
    "full": full,
    "read_only": read_only,
    "revoked": revoked,
}


async def make_user(server: RealServer) -> str:
    """A user that `revoked` locks out; the URL to connect as it."""
    await tell(server, ("ACL", "SETUSER", "worker", "on", ">secret", "~*", "&*", "+@all"))
    return server.url.replace("unix://", "unix://worker:secret@")
