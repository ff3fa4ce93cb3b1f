"""The stream as a response: sends until the stream or the client ends."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import anyio
from litestar import Litestar, Request
from litestar.response.base import ASGIResponse, Response
from litestar.types import Receive, Scope, Send

from fuseline.api.access.errors import AccessError
from fuseline.api.stream.delivery import Delivery
from fuseline.api.stream.filters import Filter
from fuseline.api.stream.hub import StreamHub
from fuseline.core.errors import BackendError
from fuseline.telemetry.logs import get_logger

_HEADERS = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",  # nginx would hold events back
}

_log = get_logger("stream")

MayLook = Callable[[], Awaitable[object]]
"""Asks whether the client may still look; raises AccessError if it may not."""


class _Silent(Exception):  # noqa: N818 - not an error of anybody's code
    """The client takes nothing any more."""


class StreamASGIResponse(ASGIResponse):
    """Takes a place at the hub, sends, and gives the place back however it ends."""

    _should_set_content_length = False

    def __init__(
        self,
        hub: StreamHub,
        wanted: Filter,
        last_id: str | None,
        may_look: MayLook,
        **rest: Any,
    ) -> None:
        super().__init__(**rest)
        self._may_look = may_look
        self._hub = hub
        self._wanted = wanted
        self._last_id = last_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Serves one client.

        Raises:
            TooManyStreamsError: all places are taken; nothing has been sent then.
        """
        with self._hub.open(self._wanted, self._last_id) as delivery:
            await self.start_response(send)
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_until_gone, receive, tasks.cancel_scope)
                tasks.start_soon(self._watch_access, delivery)

                async def deliver(data: bytes) -> None:
                    with anyio.move_on_after(self._hub.settings.send_seconds) as scope:
                        await send({"type": "http.response.body", "body": data, "more_body": True})
                    if scope.cancelled_caught:
                        raise _Silent

                try:
                    await delivery.run(deliver)
                    await send({"type": "http.response.body", "body": b"", "more_body": False})
                except _Silent:
                    # The server closes a connection whose response is not complete.
                    _log.warning("stream_client_silent", seconds=self._hub.settings.send_seconds)
                tasks.cancel_scope.cancel()
        await self.after_response()

    async def _watch_access(self, delivery: Delivery) -> None:
        """A token that is revoked, and a session that is ended, end its streams too."""
        while True:
            await anyio.sleep(self._hub.settings.check_seconds)
            try:
                await self._may_look()
            except AccessError:
                delivery.end("access")
                return
            except BackendError:
                continue  # nobody can say; the stream tells that the server is away


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


class StreamResponse(Response[None]):
    """What the route returns."""

    def __init__(
        self, hub: StreamHub, wanted: Filter, last_id: str | None, may_look: MayLook
    ) -> None:
        super().__init__(None, headers=_HEADERS, media_type="text/event-stream")
        self._hub = hub
        self._wanted = wanted
        self._last_id = last_id
        self._may_look = may_look

    def to_asgi_response(
        self,
        app: Litestar | None,  # noqa: ARG002
        request: Request[Any, Any, Any],  # noqa: ARG002
        **given: Any,
    ) -> StreamASGIResponse:
        """See Litestar's `Response`."""
        headers = dict(given.get("headers") or {}) | self.headers
        return StreamASGIResponse(
            self._hub,
            self._wanted,
            self._last_id,
            self._may_look,
            headers=headers,
            cookies=given.get("cookies"),
            media_type="text/event-stream",
            status_code=self.status_code or given.get("status_code"),
        )
