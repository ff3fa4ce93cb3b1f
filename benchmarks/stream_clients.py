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

import uvloop

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
        # What came before the last line break of events is whole; figures are passed over unread.
        whole, end, rest = data.rpartition(b"\n\n")
        if not end:
            self._rest += data
            return
        whole, self._rest = self._rest + whole, rest
        if (at := whole.find(self._agent)) >= 0 and whole.find(b"event: changes") >= 0:
            for mark in _MARK.findall(whole, at):
                self.seen.setdefault(int(mark) % 10_000_000, now)
        if not self.ready and b"event: snapshot" in whole and b"\nid: " in b"\n" + whole:
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
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]))
