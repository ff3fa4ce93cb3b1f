"""The Agent2Agent protocol (A2A), versions 1.0 and 0.3, over JSON-RPC; needs the extra `a2a`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any

import httpx2

from fuseline.bridge.protocols.base import AgentReply, AgentRequest
from fuseline.core.errors import ConfigError

_SDK = frozenset({"a2a", "google"})


class A2AProtocol:
    """Speaks to A2A agents; `A2AOptions` says what `Endpoint.options` may hold.

    The SDK takes about a second to import, so it is only imported when this is made.

    Raises:
        ConfigError: the SDK is not installed.
    """

    name = "a2a"

    def __init__(self) -> None:
        try:
            from fuseline.bridge.protocols.a2a_client import A2AClient
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in _SDK:
                raise
            raise ConfigError(
                "protocol", self.name, "another one, or the package a2a-sdk: install fuseline[a2a]"
            ) from error
        self._client = A2AClient()

    async def send(self, client: httpx2.AsyncClient, request: AgentRequest) -> AgentReply:
        """Sends a message and follows the task that the agent makes of it to its end.

        The result is text, data, or a list of parts or artifacts as JSON; `details` holds
        `task_id`, `context_id` and `state`. A task that asks for input or for authorization is
        answered, not failed: look at `state`.

        Raises:
            AgentCallError: it failed, or the agent says that the request is wrong; or the payload
                or an option of the endpoint is, and then nothing was sent.
        """
        return await self._client.send(client, request)

    async def stream(
        self, client: httpx2.AsyncClient, request: AgentRequest
    ) -> AsyncGenerator[Any, None]:
        """Sends a message and yields the parts of the answer: texts, data, other parts as JSON.

        An agent whose card says that it cannot stream gives its whole answer as one part.

        Raises:
            AgentCallError: as `send`, also in the middle.
        """
        parts = self._client.stream(client, request)
        try:
            async for part in parts:
                yield part
        finally:
            await parts.aclose()
