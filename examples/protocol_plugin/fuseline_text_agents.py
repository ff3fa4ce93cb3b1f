# ruff: noqa: INP001 - a module of its own
"""A protocol of one's own: the payload is posted as plain text, and so is the answer.

    pip install ./examples/protocol_plugin
    fuseline configure notes --register url=https://notes.example/ask protocol=text

A protocol makes one attempt. Breaker, retries, deadlines, connections, secrets and trace context
are the executor's; whatever goes wrong is raised as an `AgentCallError` that says how it counts.
"""

from collections.abc import AsyncGenerator

import httpx2

from fuseline import AgentCallError, AgentReply, Result, Verdict
from fuseline.bridge.protocols.base import AgentRequest
from fuseline.bridge.protocols.http import check_status
from fuseline.bridge.protocols.limits import LimitedBody
from fuseline.bridge.protocols.transport_errors import transport_error


class TextProtocol:
    """Plain text over POST; made once a process, used by many calls at a time."""

    name = "text"

    async def send(self, client: httpx2.AsyncClient, request: AgentRequest) -> AgentReply:
        """Makes one attempt.

        Raises:
            AgentCallError: it failed, or the payload is no text.
        """
        text = "".join([piece async for piece in self.stream(client, request)])
        return AgentReply(result=text)

    async def stream(
        self, client: httpx2.AsyncClient, request: AgentRequest
    ) -> AsyncGenerator[str, None]:
        """Makes one attempt; the answer as it comes, line by line.

        Raises:
            AgentCallError: as `send`, also in the middle.
        """
        if not isinstance(request.payload, str):
            # Nothing was sent, so it says nothing about the agent.
            verdict = Verdict(Result.NOT_SENT, "bad_payload")
            raise AgentCallError(request.agent, "the payload is no text", verdict, sent=False)
        headers = {"Content-Type": "text/plain; charset=utf-8", **request.headers}
        content = request.payload.encode()
        url = request.endpoint.url
        try:
            async with client.stream("POST", url, content=content, headers=headers) as response:
                await check_status(request, response)
                limit = request.endpoint.max_response_bytes
                rest = b""
                async for chunk in LimitedBody(request.agent, response, limit).chunks():
                    *lines, rest = (rest + chunk).split(b"\n")
                    for line in lines:
                        yield line.decode(errors="replace") + "\n"
                if rest:
                    yield rest.decode(errors="replace")
        except (httpx2.HTTPError, httpx2.StreamError) as error:
            raise transport_error(request.agent, error) from error
