"""Answers `GET /livez`, `/readyz` and `/version`, on a port or a unix socket.

h11 does the HTTP: it comes with the HTTP client, and a server framework for three fixed answers
would be the largest dependency of a worker.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import anyio
import h11
from anyio.abc import ByteStream, Listener, SocketStream

from fuseline.bridge.tasks import health
from fuseline.bridge.tasks.worker import TaskWorker
from fuseline.core.errors import ConfigError

_PATIENCE_SECONDS = 5.0
_MAX_REQUEST = 16 << 10

# Whoever asks has left, or speaks something else.
_NOBODY = (h11.RemoteProtocolError, anyio.BrokenResourceError, anyio.EndOfStream)

Answer = tuple[HTTPStatus, dict[str, Any]]


async def listen_on_port(port: int, host: str) -> Listener[SocketStream]:
    """A listener on a TCP port.

    Raises:
        ConfigError: it cannot be had.
    """
    try:
        return await anyio.create_tcp_listener(local_host=host, local_port=port)
    except (OSError, OverflowError) as error:
        raise ConfigError("health_port", port, f"a free port of {host} ({error})") from error


async def listen_on_socket(path: Path) -> Listener[SocketStream]:
    """A listener on a unix socket; one that is left over is replaced.

    Raises:
        ConfigError: it cannot be made.
    """
    try:
        return await anyio.create_unix_listener(path)
    except (OSError, ValueError) as error:
        raise ConfigError("health_socket", str(path), f"a path for a socket ({error})") from error


class Responder:
    """Answers for one worker until cancelled."""

    def __init__(self, worker: TaskWorker) -> None:
        self._worker = worker
        self._paths: dict[bytes, Callable[[], Answer]] = {
            b"/livez": self._live,
            b"/readyz": self._ready,
            b"/version": self._version,
        }

    async def serve(self, listener: Listener[SocketStream]) -> None:
        """Answers on a listener; closes it in the end."""
        async with listener:
            await listener.serve(self._connected)

    async def _connected(self, stream: ByteStream) -> None:
        async with stream:
            with anyio.move_on_after(_PATIENCE_SECONDS), suppress(*_NOBODY):
                await self._answer(stream)

    async def _answer(self, stream: ByteStream) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_MAX_REQUEST)
        while (event := connection.next_event()) is h11.NEED_DATA:
            connection.receive_data(await stream.receive())
        if not isinstance(event, h11.Request):
            return
        status, document = self._reply(event)
        body = json.dumps(document).encode() + b"\n"
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(body))),
            ("cache-control", "no-store"),
            ("connection", "close"),
        ]
        parts = [h11.Response(status_code=status, headers=headers, reason=status.phrase.encode())]
        sent = [connection.send(part) for part in parts]
        if event.method != b"HEAD":
            sent.append(connection.send(h11.Data(data=body)))
        await stream.send(b"".join(part for part in sent if part))

    def _reply(self, request: h11.Request) -> Answer:
        answer = self._paths.get(request.target.partition(b"?")[0])
        if answer is None:
            return HTTPStatus.NOT_FOUND, {"paths": [path.decode() for path in self._paths]}
        if request.method not in (b"GET", b"HEAD"):
            return HTTPStatus.METHOD_NOT_ALLOWED, {"methods": ["GET", "HEAD"]}
        return answer()

    def _live(self) -> Answer:
        return HTTPStatus.OK, {"alive": True}

    def _ready(self) -> Answer:
        found = health.reasons(self._worker)
        status = HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK
        return status, {"ready": not found, "reasons": found}

    def _version(self) -> Answer:
        return HTTPStatus.OK, health.version(self._worker)
