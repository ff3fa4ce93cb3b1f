"""Answers `GET /livez`, `/readyz` and `/version` of a process, on a port or a unix socket.

h11 does the HTTP: it comes with the HTTP client, and a server framework for three fixed answers
would be the largest dependency of a worker or projector.
"""

from __future__ import annotations

import json
import platform
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import anyio
import h11
import typer
from anyio.abc import ByteStream, Listener, SocketStream

import fuseline
from fuseline.core.errors import ConfigError
from fuseline.events import library
from fuseline.events.backend import Backend

HealthPort = Annotated[
    int | None, typer.Option(help="Answer /livez, /readyz, /version there.", show_default=False)
]
HealthHost = Annotated[str, typer.Option(help="Address of that port.")]
HealthSocket = Annotated[
    Path | None, typer.Option(help="Answer on a unix socket.", show_default=False)
]

_PATIENCE_SECONDS = 5.0
_MAX_REQUEST = 16 << 10

# Whoever asks has left, or speaks something else.
_NOBODY = (h11.RemoteProtocolError, anyio.BrokenResourceError, anyio.EndOfStream)

Answer = tuple[HTTPStatus, dict[str, Any]]


@asynccontextmanager
async def listening(
    port: int | None, host: str, socket: Path | None
) -> AsyncIterator[Sequence[Listener[SocketStream]]]:
    """Listens where it is asked for; nobody is answered before `answering`.

    Raises:
        ConfigError: a port or a socket cannot be had.
    """
    async with AsyncExitStack() as stack:
        listeners = []
        if port is not None:
            listeners.append(await _listen_on_port(port, host))
            stack.push_async_callback(listeners[-1].aclose)
        if socket is not None:
            listeners.append(await _listen_on_socket(socket))
            stack.push_async_callback(listeners[-1].aclose)
        yield listeners


@asynccontextmanager
async def answering(
    listeners: Sequence[Listener[SocketStream]],
    reasons: Callable[[], list[str]],
    backend: Backend,
    **who: str,
) -> AsyncIterator[None]:
    """Answers on the listeners meanwhile.

    Args:
        listeners: from `listening`.
        reasons: why the process is not ready; empty if it is.
        backend: the namespace, whose server `/version` names.
        who: the name of the process, for `/version`.
    """
    responder = _Responder(reasons, lambda: _version(backend) | who)
    async with anyio.create_task_group() as tasks:
        for listener in listeners:
            tasks.start_soon(responder.serve, listener)
        yield
        tasks.cancel_scope.cancel()


async def _listen_on_port(port: int, host: str) -> Listener[SocketStream]:
    try:
        return await anyio.create_tcp_listener(local_host=host, local_port=port)
    except (OSError, OverflowError) as error:
        raise ConfigError("health_port", port, f"a free port of {host} ({error})") from error


async def _listen_on_socket(path: Path) -> Listener[SocketStream]:
    """One that is left over is replaced."""
    try:
        return await anyio.create_unix_listener(path)
    except (OSError, ValueError) as error:
        raise ConfigError("health_socket", str(path), f"a path for a socket ({error})") from error


def _version(backend: Backend) -> dict[str, Any]:
    """Build info."""
    return {
        "fuseline": fuseline.__version__,
        "functions": f"{library.VERSION}.{library.BUILD}",
        "python": platform.python_version(),
        "server": backend.server,
    }


class _Responder:
    """Answers for one process until cancelled."""

    def __init__(
        self, reasons: Callable[[], list[str]], version: Callable[[], dict[str, Any]]
    ) -> None:
        self._reasons = reasons
        self._paths: dict[bytes, Callable[[], Answer]] = {
            b"/livez": lambda: (HTTPStatus.OK, {"alive": True}),
            b"/readyz": self._ready,
            b"/version": lambda: (HTTPStatus.OK, version()),
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

    def _ready(self) -> Answer:
        found = self._reasons()
        status = HTTPStatus.SERVICE_UNAVAILABLE if found else HTTPStatus.OK
        return status, {"ready": not found, "reasons": found}
