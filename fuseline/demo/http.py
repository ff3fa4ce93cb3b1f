"""HTTP on the streams of asyncio: as much of it as the demonstration needs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import msgspec
from opentelemetry import propagate

_REASONS = {200: "OK", 400: "Bad Request", 503: "Service Unavailable"}
_MAX_BODY = 1 << 20

Headers = dict[str, str]
"""Of a request, by their names in lower case."""

Handler = Callable[[Headers, bytes], Awaitable[tuple[int, dict[str, Any]]]]
"""Takes headers and body of a request; gives status and JSON body of the reply."""


class HttpStatusError(Exception):
    """The agent answered with a status of 500 or more."""

    def __init__(self, status: int) -> None:
        self.status = status
        super().__init__(f"the agent answered {status}")


async def serve(handler: Handler, host: str, port: int) -> asyncio.Server:
    """Starts a server; port 0 takes a free one."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _answer(handler, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            pass  # the caller left, or speaks something else
        except asyncio.CancelledError:
            pass  # this process ends, and the streams of Python 3.11 would print a traceback
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()

    return await asyncio.start_server(connected, host, port)


async def _answer(
    handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    headers = _headers(head)
    body = await reader.readexactly(_length(headers))
    status, document = await handler(headers, body)
    content = msgspec.json.encode(document)
    writer.write(
        f"HTTP/1.1 {status} {_REASONS.get(status, 'Unknown')}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        "Connection: close\r\n\r\n".encode()
        + content
    )
    await writer.drain()


async def post(url: str, document: dict[str, Any]) -> Any:
    """Posts a JSON document with the trace context; returns the document of the answer.

    Raises:
        HttpStatusError: the status is 500 or more.
        OSError: no connection, or it broke.
    """
    parts = urlsplit(url)
    content = msgspec.json.encode(document)
    traced: Headers = {}
    propagate.inject(traced)
    lines = "".join(f"{name}: {value}\r\n" for name, value in traced.items())
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 80)
    try:
        writer.write(
            f"POST {parts.path or '/'} HTTP/1.1\r\nHost: {parts.netloc}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
            f"{lines}"
            "Connection: close\r\n\r\n".encode()
            + content
        )
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            body = await reader.readexactly(_length(_headers(head)))
        except asyncio.IncompleteReadError:
            raise ConnectionResetError("the agent closed the connection") from None
    finally:
        writer.close()
    status = int(head.split(b" ", 2)[1])
    if status >= 500:
        raise HttpStatusError(status)
    return msgspec.json.decode(body)


def _headers(head: bytes) -> Headers:
    pairs = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs if name}


def _length(headers: Headers) -> int:
    length = int(headers.get("content-length", "0"))
    if not 0 <= length <= _MAX_BODY:
        raise ValueError("a body of a length that is not accepted")
    return length
