"""Plain HTTP: the payload is posted as JSON, the answer is JSON, or a stream of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from functools import lru_cache
from typing import Any

import httpx2
import msgspec

from fuseline.bridge.classify import PLAIN_SUCCESS, Verdict
from fuseline.bridge.protocols.base import AgentCallError, AgentReply, AgentRequest
from fuseline.bridge.protocols.http_parts import parts_of
from fuseline.bridge.protocols.limits import LimitedBody
from fuseline.bridge.protocols.statuses import failed_status
from fuseline.bridge.protocols.transport_errors import transport_error
from fuseline.core.events import Result

_encode = msgspec.json.encode
_url = lru_cache(maxsize=4096)(httpx2.URL)  # parsing one takes longer than all else we do here
_decode = msgspec.json.Decoder().decode

_JSON = "application/json"
_PARTS = "text/event-stream, application/x-ndjson, application/json;q=0.5"

# The executor's deadline of the attempt covers these; a second clock for each read would cost.
_NO_LIMIT: dict[str, float | None] = {"read": None, "write": None}

_QUOTED = 200
_EXCERPT_BYTES = 4096


class HttpProtocol:
    """JSON over POST."""

    name = "http"

    async def send(self, client: httpx2.AsyncClient, request: AgentRequest) -> AgentReply:
        """See `base.AgentProtocol`."""
        agent, endpoint = request.agent, request.endpoint
        try:
            response = await client.send(_build(client, request, _JSON), stream=True)
            try:
                await check_status(request, response)
                body = await LimitedBody(agent, response, endpoint.max_response_bytes).read()
            finally:
                await response.aclose()
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise transport_error(agent, error) from error
        status = response.status_code
        if status == 204 and not body:
            return AgentReply(result=None, status=status)
        try:
            result = _decode(body)
        except (ValueError, RecursionError) as error:
            raise AgentCallError(
                agent,
                f"its answer of {len(body)} bytes is no JSON: {error}",
                Verdict(Result.FAILURE, "malformed"),
                status=status,
            ) from error
        return AgentReply(result=result, status=status)

    async def stream(
        self, client: httpx2.AsyncClient, request: AgentRequest
    ) -> AsyncGenerator[Any, None]:
        """See `base.AgentProtocol`; yields the JSON values of a stream of events or lines.

        An answer that is no stream is one part.
        """
        try:
            response = await client.send(_build(client, request, _PARTS, timed=True), stream=True)
            try:
                await check_status(request, response)
                async for part in parts_of(request, response):
                    yield part
            finally:
                await response.aclose()
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
            raise transport_error(request.agent, error) from error


def _build(
    client: httpx2.AsyncClient, request: AgentRequest, accept: str, *, timed: bool = False
) -> httpx2.Request:
    try:
        content = _encode(request.payload)
    except (TypeError, ValueError, RecursionError) as error:
        raise AgentCallError(
            request.agent,
            f"the payload is no JSON: {error}",
            Verdict(Result.NOT_SENT, "bad_payload"),
            sent=False,
        ) from error
    headers = {"Content-Type": _JSON, "Accept": accept, **request.headers}
    built = client.build_request(
        "POST", _url(request.endpoint.url), content=content, headers=headers
    )
    if not timed:
        built.extensions["timeout"] |= _NO_LIMIT
    return built


async def check_status(request: AgentRequest, response: httpx2.Response) -> None:
    """Whether the status is that of an answer.

    Raises:
        AgentCallError: it is not.
    """
    status, endpoint = response.status_code, request.endpoint
    if not 200 <= status < 300 or endpoint.fails(status) or endpoint.ignores(status):
        raise await _status_error(request, response)


async def _status_error(request: AgentRequest, response: httpx2.Response) -> AgentCallError:
    """The error for an answer whose status says that it is none."""
    endpoint, status = request.endpoint, response.status_code
    kind = f"http_{status}"
    if endpoint.ignores(status):
        verdict = Verdict(Result.IGNORED, kind)
    elif endpoint.fails(status):
        verdict = failed_status(status, response.headers)
    elif 300 <= status < 400:
        verdict = Verdict(Result.FAILURE, kind)  # asked for an answer, it names another address
    else:
        verdict = PLAIN_SUCCESS  # the agent is alive; the request was wrong
    message = f"it answered with status {status}"
    if 300 <= status < 400:
        message += ", and redirects are not followed"
    elif said := await _excerpt(response):
        message += f": {said}"
    return AgentCallError(request.agent, message, verdict, status=status)


async def _excerpt(response: httpx2.Response) -> str:
    """What the agent says about it; reading a short body to its end also spares its connection."""
    body = b""
    try:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _EXCERPT_BYTES:
                break
    except (httpx2.HTTPError, httpx2.StreamError):
        pass
    text = body[:_EXCERPT_BYTES].decode(errors="replace")
    return "".join(c if c.isprintable() else " " for c in text).strip()[:_QUOTED]
