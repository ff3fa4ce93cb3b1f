"""Any ASGI application answers refused calls with 503.

    app = RefusedCallMiddleware(app)              # around any application that lets them through
    app.add_middleware(RefusedCallMiddleware)     # Starlette, FastAPI

Litestar handles exceptions before a middleware sees them; see `fuseline.integrations.litestar`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fuseline.core.errors import CallRefusedError
from fuseline.integrations.problems import answer_to

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class RefusedCallMiddleware:
    """Answers a request that ended with a `CallRefusedError`, unless an answer has begun.

    Args:
        app: the application.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serves one request; all but HTTP passes through."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watched)
        except CallRefusedError as refused:
            if begun:
                raise
            answer = answer_to(refused, scope["path"])
            headers = [
                (name.lower().encode(), value.encode()) for name, value in answer.headers.items()
            ]
            length = (b"content-length", str(len(answer.body)).encode())
            await send(
                {
                    "type": "http.response.start",
                    "status": answer.status,
                    "headers": [*headers, length],
                }
            )
            await send({"type": "http.response.body", "body": answer.body})
