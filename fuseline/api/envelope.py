"""Around every request: its id, the headers that protect browsers, counting."""

from __future__ import annotations

import re
from collections.abc import Mapping
from secrets import token_hex
from time import monotonic
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from fuseline.api.metrics import answered

_ID = re.compile(rb"^[A-Za-z0-9._-]{1,64}$")
_ROUTELESS = "(no route)"


class Envelope:
    """Wraps the application, so that answers to unknown paths have all this too.

    Args:
        app: the application.
        headers: of every answer that does not set them itself, by the beginning of the path; the
            longest that fits counts.
    """

    def __init__(self, app: ASGIApp, headers: Mapping[str, Mapping[str, str]]) -> None:
        self._app = app
        self._headers = [
            (
                prefix,
                [(name.lower().encode(), value.encode()) for name, value in values.items()],
            )
            for prefix, values in sorted(headers.items(), key=lambda pair: -len(pair[0]))
        ]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request."""
        if scope["type"] is not ScopeType.HTTP and str(scope["type"]) != "http":
            await self._app(scope, receive, send)
            return
        started = monotonic()
        request_id = _request_id(scope)
        state: dict[str, Any] = scope  # type: ignore[assignment]
        state["request_id"] = request_id

        async def send_in_envelope(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message["headers"])
                there = {name.lower() for name, _ in headers}
                headers.append((b"x-request-id", request_id.encode()))
                headers += [pair for pair in self._for(scope["path"]) if pair[0] not in there]
                message["headers"] = headers
                answered(
                    str(scope.get("method")),
                    _route(scope),
                    message["status"],
                    monotonic() - started,
                )
            await send(message)

        await self._app(scope, receive, send_in_envelope)

    def _for(self, path: str) -> list[tuple[bytes, bytes]]:
        for prefix, headers in self._headers:
            if path.startswith(prefix):
                return headers
        return []


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _ID.match(value):
            return value.decode()
    return token_hex(8)


def _route(scope: Scope) -> str:
    return str(scope.get("path_template") or _ROUTELESS)
