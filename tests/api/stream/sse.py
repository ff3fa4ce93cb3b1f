"""A client of the stream on a bare socket: reads as slowly, and ends as rudely, as a test wants."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode, urlsplit


class Event(NamedTuple):
    """One event; a comment has the kind `:`."""

    kind: str
    data: Any
    id: str | None


class Sse:
    """One connection; `last_id` is what a browser would send when it connects again."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._text = b""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.last_id: str | None = None

    @classmethod
    async def connect(
        cls,
        url: str,
        last_id: str | None = None,
        *,
        headers: dict[str, str] | None = None,
        receive_buffer: int | None = None,
        **query: str,
    ) -> Self:
        parts = urlsplit(url)
        sock = socket.socket()
        if receive_buffer is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (parts.hostname, parts.port))
        limit = 1 << 12 if receive_buffer else 1 << 22
        client = cls(*await asyncio.open_connection(sock=sock, limit=limit))
        client.last_id = last_id
        lines = [f"GET {parts.path}?{urlencode(query)} HTTP/1.1", f"Host: {parts.netloc}"]
        lines += [f"{name}: {value}" for name, value in (headers or {}).items()]
        if last_id is not None:
            lines.append(f"Last-Event-ID: {last_id}")
        client._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        try:
            client.status = int((await client._reader.readline()).split()[1])
            while line := (await client._reader.readline()).strip():
                name, _, value = line.decode().partition(":")
                client.headers[name.lower()] = value.strip()
        except BaseException:
            client._writer.close()  # nobody else knows of it
            raise
        return client

    async def body(self) -> Any:
        """The JSON of an answer that is no stream."""
        return json.loads(await self._reader.readexactly(int(self.headers["content-length"])))

    async def next(self, timeout_seconds: float = 10.0) -> Event | None:
        """The next event or comment; None at the end of the stream."""
        async with asyncio.timeout(timeout_seconds):
            while b"\n\n" not in self._text:
                size = int((await self._reader.readline()).strip() or b"0", 16)
                if size == 0:
                    return None
                self._text += await self._reader.readexactly(size)
                await self._reader.readexactly(2)
        raw, _, self._text = self._text.partition(b"\n\n")
        kind, data, event_id = "", None, None
        for line in raw.decode().split("\n"):
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            match field:
                case "":
                    kind = ":"
                case "event":
                    kind = value
                case "data":
                    data = json.loads(value)
                case "id":
                    event_id = self.last_id = value
                case "retry":
                    kind = "retry"
        return Event(kind, data, event_id)

    async def until(
        self, wanted: str | Callable[[Event], Any], timeout_seconds: float = 10.0
    ) -> Event:
        """The next event of a kind, or that fulfils a condition; others are passed over."""
        async with asyncio.timeout(timeout_seconds):
            while (event := await self.next(timeout_seconds)) is not None:
                if event.kind == wanted if isinstance(wanted, str) else wanted(event):
                    return event
        raise AssertionError("the stream has ended")

    async def change(self, agent: str, timeout_seconds: float = 10.0, **values: Any) -> Event:
        """The next event of changes in which an agent stands so."""

        def fits(event: Event) -> bool:
            return event.kind == "changes" and any(
                circuit["agent"] == agent and values.items() <= circuit.items()
                for circuit in event.data["circuits"]
            )

        return await self.until(fits, timeout_seconds)

    async def snapshot(self) -> tuple[str, dict[str, Any]]:
        """The reason of the next snapshot, and its circuits by name, all parts together."""
        circuits: dict[str, Any] = {}
        while True:
            event = await self.until("snapshot")
            circuits |= {circuit["agent"]: circuit for circuit in event.data["circuits"]}
            if event.data["part"] == event.data["parts"]:
                return event.data["reason"], circuits

    def abort(self) -> None:
        """Ends without a word."""
        self._writer.transport.abort()

    async def close(self) -> None:
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


@contextlib.asynccontextmanager
async def stream(url: str, last_id: str | None = None, **options: Any) -> AsyncIterator[Sse]:
    """A connected client, closed at the end."""
    client = await Sse.connect(url, last_id, **options)
    try:
        yield client
    finally:
        await client.close()
