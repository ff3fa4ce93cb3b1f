"""The clients of the stream's benchmark, in a process of their own: who was told what when.

Reads bytes only as far as it must: this shares two cores with what it measures.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time
from urllib.parse import urlsplit

_MARK = re.compile(rb'"mode_until_ms":(\d+)')


class Client(asyncio.Protocol):
    """One connection; notes when each change of the agent under test arrives."""

    def __init__(self, request: bytes, agent: bytes) -> None:
        self._request, self._agent = request, b'"agent":"' + agent + b'"'
        self._rest = b""
        self.ready = False
        self.bytes = 0
        self.seen: dict[int, int] = {}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        now = time.monotonic_ns()
        self.bytes += len(data)
        self._rest += data
        events = self._rest.split(b"\n\n")
        self._rest = events.pop()
        for event in events:
            if b"event: changes" in event and self._agent in event:
                for mark in _MARK.findall(event):
                    self.seen.setdefault(int(mark) % 10_000_000, now)
            elif b"event: snapshot" in event and b"\nid: " in b"\n" + event:
                self.ready = True


async def main(url: str, count: int, agent: str, kinds: str) -> None:
    """Connects, says so, and at the end of its input prints what was seen."""
    parts = urlsplit(url)
    request = f"GET {parts.path}?kinds={kinds} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode()
    loop = asyncio.get_running_loop()
    clients = []
    for _ in range(count):
        _, client = await loop.create_connection(
            lambda: Client(request, agent.encode()), parts.hostname, parts.port
        )
        clients.append(client)
    while not all(client.ready for client in clients):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.read)
    total = sum(client.bytes for client in clients)
    print(json.dumps({"bytes": total, "seen": [client.seen for client in clients]}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]))
