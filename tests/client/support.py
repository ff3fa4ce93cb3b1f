"""What the tests of the client look at and stand in between."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import httpx2

from fuseline.client import FuselineClient

RESOURCES = ("agents", "alerts", "circuits", "tasks", "tokens", "session")


class Observed:
    """Which methods of a client were used, and what went over its connections.

    Attributes:
        called: names of methods, like `agents.list`.
        answers: those that are over, read.
        streams: those whose bodies go on.
    """

    def __init__(self, client: FuselineClient) -> None:
        self.called: set[str] = set()
        self.answers: list[httpx2.Response] = []
        self.streams: list[httpx2.Response] = []
        self.methods = {name for name in _public(client) if name != "aclose"}
        self._note(client, "", self.methods)
        for resource in RESOURCES:
            names = _public(getattr(client, resource))
            self._note(getattr(client, resource), f"{resource}.", names)
            self.methods |= {f"{resource}.{name}" for name in names}
        client._transport.http.event_hooks["response"].append(self._on_response)

    @property
    def responses(self) -> list[httpx2.Response]:
        return [*self.answers, *self.streams]

    def _note(self, target: Any, prefix: str, names: set[str]) -> None:
        for name in names:

            def noted(*args: Any, _name: str = name, **values: Any) -> Any:
                self.called.add(prefix + _name)
                return getattr(type(target), _name)(target, *args, **values)

            setattr(target, name, noted)

    async def _on_response(self, response: httpx2.Response) -> None:
        if response.headers.get("content-type", "").startswith("text/event-stream"):
            self.streams.append(response)
        else:
            await response.aread()
            self.answers.append(response)


def _public(target: Any) -> set[str]:
    return {
        name
        for name in dir(type(target))
        if not name.startswith("_") and callable(getattr(type(target), name))
    }


class Scripted:
    """An HTTP server whose answers are written beforehand, one a connection.

    Attributes:
        requests: what came in, whole heads.
    """

    def __init__(self, *answers: bytes) -> None:
        self.requests: list[str] = []
        self.url = ""
        self._answers = list(answers)
        self._serving: set[asyncio.Task[None] | None] = set()

    async def wait(self) -> None:
        """Until no connection is being served."""
        await asyncio.gather(*(task for task in self._serving if task is not None))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            self.requests.append((await reader.readuntil(b"\r\n\r\n")).decode())
            if self._answers:
                writer.write(self._answers.pop(0))
                await writer.drain()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def scripted(*answers: bytes) -> AsyncIterator[Scripted]:
    """A scripted server that listens; an empty answer is a connection that is closed."""
    made = Scripted(*answers)
    server = await asyncio.start_server(made._serve, "127.0.0.1", 0)
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        await made.wait()


def answer(status: str, body: str = "", *headers: str, kind: str = "application/json") -> bytes:
    """An answer as bytes."""
    lines = (
        f"HTTP/1.1 {status}",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body.encode())}",
        "Connection: close",
        *headers,
    )
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode()


class Relay:
    """Stands between a client and the API; cuts connections, or lets nothing through.

    Attributes:
        accepted: connections so far.
    """

    def __init__(self, port: int) -> None:
        self.accepted = 0
        self.url = ""
        self._port = port
        self._open = asyncio.Event()
        self._open.set()
        self._tasks: set[asyncio.Task[Any]] = set()

    def cut(self) -> None:
        """Ends all connections in the middle of whatever they are at."""
        for task in self._tasks:
            task.cancel()

    def hold(self) -> None:
        """Lets nothing through, and closes nothing."""
        self._open.clear()

    def release(self) -> None:
        """Lets everything through again."""
        self._open.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.accepted += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        inner = None
        try:
            inner_reader, inner = await asyncio.open_connection("127.0.0.1", self._port)
            with contextlib.suppress(OSError):
                async with asyncio.TaskGroup() as pumps:
                    pumps.create_task(self._pump(reader, inner))
                    pumps.create_task(self._pump(inner_reader, writer))
        except (asyncio.CancelledError, ExceptionGroup, OSError):
            pass
        finally:
            self._tasks.discard(task)
            writer.transport.abort()
            if inner is not None:
                inner.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while chunk := await source.read(1 << 16):
            await self._open.wait()
            sink.write(chunk)
            await sink.drain()
        raise ConnectionAbortedError


@contextlib.asynccontextmanager
async def relayed(url: str) -> AsyncIterator[Relay]:
    """A relay to the API at a URL."""
    relay = Relay(int(url.rpartition(":")[2]))
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0)
    relay.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield relay
    finally:
        server.close()
        relay.cut()
        await asyncio.gather(*relay._tasks, return_exceptions=True)
