"""JSON-RPC over the executor's connections: one request and one answer, or a stream of them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, cast
from uuid import uuid4

import httpx2
import msgspec

from fuseline.bridge.classify import Verdict
from fuseline.bridge.protocols import a2a_wire as wire
from fuseline.bridge.protocols.a2a_answer import malformed, rpc_error
from fuseline.bridge.protocols.base import AgentCallError, AgentRequest
from fuseline.bridge.protocols.http import check_status
from fuseline.bridge.protocols.limits import LimitedBody
from fuseline.bridge.protocols.transport_errors import transport_error
from fuseline.core.events import Result

_SSE = "text/event-stream"
_Events = AsyncGenerator[httpx2.ServerSentEvent, None]


async def get_document(
    client: httpx2.AsyncClient, request: AgentRequest, url: str, headers: Mapping[str, str]
) -> tuple[Any, httpx2.Response]:
    """Gets a JSON document; None where the server says that it has not changed.

    Raises:
        AgentCallError: there is none.
    """
    message = client.build_request("GET", url, headers=headers)
    async with _answered(client, request, message) as response:
        if response.status_code == 304 and "If-None-Match" in message.headers:
            return None, response
        await check_status(request, response)
        return _decoded(request, await _body(request, response).read(), response), response


async def call(
    client: httpx2.AsyncClient,
    request: AgentRequest,
    interface: wire.Interface,
    what: wire.Call,
    *,
    polling: bool = False,
) -> Any:
    """Makes one JSON-RPC request and gives its result.

    Raises:
        AgentCallError: there is none.
    """
    message = _post(client, request, interface, what, "application/json")
    async with _answered(client, request, message) as response:
        await check_status(request, response)
        body = await _body(request, response).read()
        return _result(request, body, response, polling=polling)


async def events(
    client: httpx2.AsyncClient, request: AgentRequest, interface: wire.Interface, what: wire.Call
) -> AsyncGenerator[Any, None]:
    """Makes one JSON-RPC request whose results come as server-sent events.

    An answer that is no such stream is taken for one that ends after its first result, which is
    how errors that a server finds at once arrive.

    Raises:
        AgentCallError: it broke, or an event is an error.
    """
    message = _post(client, request, interface, what, _SSE)
    async with _answered(client, request, message) as response:
        await check_status(request, response)
        if response.headers.get("content-type", "").partition(";")[0].strip().lower() != _SSE:
            yield _result(request, await _body(request, response).read(), response)
            return
        body, size = _body(request, response), 0
        source = httpx2.EventSource(response, max_event_size=request.endpoint.max_response_bytes)
        try:
            async with aclosing(cast("_Events", aiter(source))) as parts:
                async for part in parts:
                    data = part.data.encode()
                    size += len(data)
                    body.check(size)
                    if data:
                        yield _result(request, data, response)
        except httpx2.SSEError:  # an event that does not end
            body.check(request.endpoint.max_response_bytes + 1)
            raise
        except (httpx2.NetworkError, httpx2.RemoteProtocolError) as error:
            raise broken(request, f"the stream of its answer broke: {error}") from error


def broken(request: AgentRequest, text: str) -> AgentCallError:
    """The exception for a stream that ends before what it tells of does."""
    return AgentCallError(
        request.agent, text, Verdict(Result.FAILURE, "a2a_stream_broken"), status=200
    )


@asynccontextmanager
async def _answered(
    client: httpx2.AsyncClient, request: AgentRequest, message: httpx2.Request
) -> AsyncGenerator[httpx2.Response, None]:
    """The response, its body not yet read; what goes wrong meanwhile is said in our own words."""
    try:
        response = await client.send(message, stream=True)
        try:
            yield response
        finally:
            await response.aclose()
    except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError) as error:
        raise transport_error(request.agent, error) from error


def _post(
    client: httpx2.AsyncClient,
    request: AgentRequest,
    interface: wire.Interface,
    what: wire.Call,
    accept: str,
) -> httpx2.Request:
    headers = {
        **request.headers,
        "Accept": accept,
        "A2A-Version": interface.version.value,
        "Content-Type": "application/json",
    }
    envelope = {"jsonrpc": "2.0", "id": uuid4().hex, "method": what.method, "params": what.params}
    content = msgspec.json.encode(envelope)
    return client.build_request("POST", interface.url, headers=headers, content=content)


def _body(request: AgentRequest, response: httpx2.Response) -> LimitedBody:
    return LimitedBody(request.agent, response, request.endpoint.max_response_bytes)


def _result(
    request: AgentRequest, body: bytes, response: httpx2.Response, *, polling: bool = False
) -> Any:
    document = _decoded(request, body, response)
    status = response.status_code
    if not isinstance(document, dict):
        raise malformed(request.agent, "JSON that is no JSON-RPC", status)
    if document.get("error") is not None:
        raise rpc_error(request.agent, document["error"], status, polling=polling)
    if "result" not in document:
        raise malformed(request.agent, "JSON-RPC without a result", status)
    return document["result"]


def _decoded(request: AgentRequest, body: bytes, response: httpx2.Response) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise malformed(request.agent, f"no JSON ({error})", response.status_code) from error
