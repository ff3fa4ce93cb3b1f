"""The parts of an answer that comes as a stream: server-sent events, or JSON lines."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import httpx2
import msgspec

from fuseline.bridge.classify import Verdict
from fuseline.bridge.protocols.base import AgentCallError, AgentRequest
from fuseline.bridge.protocols.limits import LimitedBody
from fuseline.core.events import Result

_decode = msgspec.json.Decoder().decode

_EVENTS = "text/event-stream"
_JSON = "application/json"
_DONE = "[DONE]"  # how OpenAI and those who follow it end a stream


async def parts_of(request: AgentRequest, response: httpx2.Response) -> AsyncGenerator[Any, None]:
    """The JSON value of each event or line; of an answer in plain JSON the whole.

    Raises:
        AgentCallError: a part is no JSON, or together they are too large.
        httpx2.HTTPError: the stream broke.
    """
    body = LimitedBody(request.agent, response, request.endpoint.max_response_bytes)
    media = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media == _JSON:
        yield _value(request, response, await body.read())
        return
    texts = _events(request, response, body) if media == _EVENTS else _lines(body)
    async with aclosing(texts):
        async for text in texts:
            yield _value(request, response, text)


async def _events(
    request: AgentRequest, response: httpx2.Response, body: LimitedBody
) -> AsyncGenerator[str | bytes, None]:
    """The data of each event, up to the end or the mark of it."""
    total = 0
    source = httpx2.EventSource(response, max_event_size=request.endpoint.max_response_bytes)
    async for event in source:
        total += len(event.data)
        body.check(total)
        if event.data == _DONE:
            return
        if event.data:
            yield event.data


async def _lines(body: LimitedBody) -> AsyncGenerator[str | bytes, None]:
    """Lines as JSON means them: the client's own also end at marks that JSON may hold (U+2028)."""
    rest = b""
    async with aclosing(body.chunks()) as chunks:
        async for chunk in chunks:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                if line.strip():
                    yield line
    if rest.strip():
        yield rest


def _value(request: AgentRequest, response: httpx2.Response, text: str | bytes) -> Any:
    try:
        return _decode(text)
    except (ValueError, RecursionError) as error:
        raise AgentCallError(
            request.agent,
            f"a part of its answer is no JSON: {error}",
            Verdict(Result.FAILURE, "malformed"),
            status=response.status_code,
        ) from error
