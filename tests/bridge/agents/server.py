"""A real HTTP server whose manners a test chooses, down to the bytes."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

Manners = Callable[["Request", asyncio.StreamWriter], Awaitable[None]]


class Request:
    """What came in."""

    def __init__(self, line: str, headers: dict[str, str], body: bytes) -> None:
        self.method, self.target, _ = line.split(" ", 2)
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Agent:
    """Listens on loopback; each request is answered by the manners in force then."""

    def __init__(self, manners: Manners) -> None:
        self.manners = manners
        self.requests: list[Request] = []
        self.connections = 0
        self.closed = 0  # connections that have ended, from whichever side
        self.url = ""
        self.port = 0

    @property
    def open(self) -> int:
        return self.connections - self.closed

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while (request := await _read(reader)) is not None:
                self.requests.append(request)
                manners = asyncio.ensure_future(self.manners(request, writer))
                gone = asyncio.ensure_future(reader.read(1))
                await asyncio.wait({manners, gone}, return_when=asyncio.FIRST_COMPLETED)
                answered = manners.done()  # else the caller has left
                if not await _settle(manners, gone) or not answered or writer.is_closing():
                    break
        except (ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            pass
        finally:
            self.closed += 1
            writer.transport.abort()


async def _settle(*tasks: asyncio.Future[Any]) -> bool:
    """Ends tasks and takes their errors; whether none has failed by its connection."""
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    errors = [task.exception() for task in tasks if not task.cancelled()]
    for error in errors:
        if error is not None and not isinstance(error, ConnectionError | ssl.SSLError):
            raise error
    return not any(errors)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    line, *rest = head.decode("latin-1").strip().split("\r\n")
    headers = dict(field.split(": ", 1) for field in rest)
    headers = {name.lower(): value for name, value in headers.items()}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(line, headers, body)


@contextlib.asynccontextmanager
async def agent_at(
    manners: Manners, *, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Agent]:
    """Runs an agent; at the end its connections are cut."""
    agent = Agent(manners)
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await agent.serve(reader, writer)
        except asyncio.CancelledError:
            pass
        finally:
            tasks.discard(task)

    server = await asyncio.start_server(serve, host, 0, ssl=tls)
    agent.port = server.sockets[0].getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    agent.url = f"{'https' if tls else 'http'}://{shown}:{agent.port}/agent"
    try:
        yield agent
    finally:
        server.close()
        for task in list(tasks):
            task.cancel()
        if tasks:
            await asyncio.wait(set(tasks))
        await server.wait_closed()
