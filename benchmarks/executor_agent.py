"""A local agent in a process of its own: answers each POST with the same JSON, connections kept."""

from __future__ import annotations

import asyncio

from benchmarks.children import Answer, serve

_BODY = b'{"result": {"text": "The order is on its way.", "tokens": [12, 7]}}'
_REPLY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(_BODY)
) + _BODY


class _Connection(asyncio.Protocol):
    """As much of HTTP as the benchmark's two clients speak."""

    def __init__(self) -> None:
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._received += data
        while (end := self._received.find(b"\r\n\r\n")) >= 0:
            head = self._received[:end].lower()
            _, _, rest = head.partition(b"content-length:")
            length = int(rest.split(b"\r\n", 1)[0] or 0)
            if len(self._received) < end + 4 + length:
                return
            self._received = self._received[end + 4 + length :]
            self._transport.write(_REPLY)


async def listen() -> Answer:
    """Begin to listen; answers with the port."""
    server = await asyncio.get_running_loop().create_server(_Connection, "127.0.0.1", 0)
    return {"port": server.sockets[0].getsockname()[1]}


if __name__ == "__main__":
    asyncio.run(serve({"listen": listen}))
