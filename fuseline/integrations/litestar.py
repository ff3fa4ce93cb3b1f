"""Litestar answers refused calls with 503.

app = Litestar(routes, exception_handlers=EXCEPTION_HANDLERS)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from litestar import Request, Response

from fuseline.core.errors import CallRefusedError
from fuseline.integrations.problems import MEDIA_TYPE, answer_to


def refused(request: Request[Any, Any, Any], error: CallRefusedError) -> Response[bytes]:
    """The answer for a call that a breaker refused."""
    answer = answer_to(error, request.url.path)
    headers = {"Retry-After": answer.headers["Retry-After"]}
    return Response(answer.body, status_code=answer.status, headers=headers, media_type=MEDIA_TYPE)


EXCEPTION_HANDLERS: dict[
    type[CallRefusedError], Callable[[Request[Any, Any, Any], Any], Response[bytes]]
] = {CallRefusedError: refused}
"""For an application, a router or a handler."""
