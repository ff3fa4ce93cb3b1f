"""Reading an answer without letting it grow beyond what the endpoint allows."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import httpx2

from fuseline.bridge.classify import Verdict
from fuseline.bridge.protocols.base import AgentCallError
from fuseline.core.events import Result


class LimitedBody:
    """The body of an answer, decompressed, up to a limit.

    The client decompresses in small pieces, so what is held beyond the limit is one piece.

    Args:
        agent: its name, for errors.
        response: opened for streaming.
        max_bytes: the limit, after decompression.
    """

    def __init__(self, agent: str, response: httpx2.Response, max_bytes: int) -> None:
        self._agent = agent
        self._response = response
        self._max_bytes = max_bytes

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        """The body in pieces as they come.

        Raises:
            AgentCallError: it is larger than the limit.
            httpx2.HTTPError: it cannot be read.
        """
        total = 0
        async with aclosing(self._response.aiter_bytes()) as pieces:
            async for piece in pieces:
                total += len(piece)
                self.check(total)
                yield piece

    async def read(self) -> bytes:
        """The whole body.

        Raises:
            AgentCallError: it is larger than the limit.
            httpx2.HTTPError: it cannot be read.
        """
        declared = self._response.headers.get("content-length", "")
        if declared.isdigit():
            self.check(int(declared[:18]))
        pieces: list[bytes] = []
        total = 0
        async for piece in self._response.aiter_bytes():
            total += len(piece)
            self.check(total)
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def check(self, size: int) -> None:
        """Whether that many bytes are allowed.

        Raises:
            AgentCallError: they are not.
        """
        if size > self._max_bytes:
            raise AgentCallError(
                self._agent,
                f"its answer is larger than max_response_bytes ({self._max_bytes})",
                Verdict(Result.FAILURE, "too_large"),
                status=self._response.status_code,
            )
