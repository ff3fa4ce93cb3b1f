"""Manners of agents, good and bad."""

import asyncio
import gzip
import json
import struct
from collections.abc import Iterable
from typing import Any

from tests.bridge.agents.server import Manners, Request

JSON = {"Content-Type": "application/json"}


def reply(body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> bytes:
    """A whole answer."""
    fields = {"Content-Length": str(len(body))} | (headers or {})
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} Said\r\n{lines}\r\n".encode() + body


def sends(raw: bytes, *, close: bool = False) -> Manners:
    """These bytes, whatever was asked."""

    async def manners(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)
        await writer.drain()
        if close:
            writer.close()

    return manners


def answers(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Manners:
    """JSON."""
    return sends(reply(json.dumps(value).encode(), status, JSON | (headers or {})))


async def echoes(request: Request, writer: asyncio.StreamWriter) -> None:
    """What was asked."""
    writer.write(reply(request.body, headers=JSON))


async def hangs(request: Request, writer: asyncio.StreamWriter) -> None:
    """Takes the request and says nothing."""
    await asyncio.Event().wait()


async def resets(request: Request, writer: asyncio.StreamWriter) -> None:
    """Answers with a TCP reset."""
    sock = writer.get_extra_info("socket")
    sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER of 0 s
    writer.transport.abort()


async def hangs_up(request: Request, writer: asyncio.StreamWriter) -> None:
    """Closes the connection without a word."""
    writer.close()


garbage = sends(b"\x16\x03\x01 this is not HTTP\r\n\r\n", close=True)
no_json = sends(reply(b"<html>hello</html>", headers={"Content-Type": "text/html"}))


def trickles(every_seconds: float = 0.02) -> Manners:
    """A byte now and then, for ever."""

    async def manners(request: Request, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(every_seconds)

    return manners


def redirects(to: str, status: int = 307) -> Manners:
    return sends(reply(b"", status, {"Location": to}))


def compresses(value: Any) -> Manners:
    body = gzip.compress(json.dumps(value).encode())
    return sends(reply(body, headers=JSON | {"Content-Encoding": "gzip"}))


def bomb(megabytes: int) -> Manners:
    """A string of JSON that is a thousandth of its size on the wire."""
    body = gzip.compress(b'"' + b" " * (megabytes << 20) + b'"')
    return sends(reply(body, headers=JSON | {"Content-Encoding": "gzip"}))


def cut_short(body: bytes = b'{"a": ') -> Manners:
    """Promises more than it sends, and closes."""
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body) + 100}\r\n\r\n".encode()
    return sends(head + body, close=True)


async def endless(request: Request, writer: asyncio.StreamWriter) -> None:
    """A body without end, in chunks."""
    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b" " * 0x10000 + b"\r\n")
        await writer.drain()


def streams(
    pieces: Iterable[bytes],
    media: str = "application/x-ndjson",
    *,
    then: Manners | None = None,
    ends: bool = True,
) -> Manners:
    """An answer in chunks; then the end of the body, or other manners."""

    async def manners(request: Request, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Type: {media}\r\nTransfer-Encoding: chunked\r\n\r\n"
        writer.write(head.encode())
        for piece in pieces:
            writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            await writer.drain()
        if then is not None:
            await then(request, writer)
        elif ends:
            writer.write(b"0\r\n\r\n")
        else:
            writer.close()

    return manners


def in_turn(*turns: Manners) -> Manners:
    """One after the other; the last one for good."""
    left = list(turns)

    async def manners(request: Request, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(request, writer)

    return manners
