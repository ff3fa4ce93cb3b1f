"""Changes as they happen: server-sent events that go on where a broken connection stopped."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator
from time import monotonic
from types import TracebackType
from typing import Self, cast

import anyio
import httpx2
import msgspec

from fuseline.client.errors import ApiError, ClientError, Unavailable, UnexpectedAnswer, Unreachable
from fuseline.client.operation import Operation
from fuseline.client.transport import Transport, Values
from fuseline.schemas.stream import (
    StreamChanges,
    StreamClosing,
    StreamEvent,
    StreamFigures,
    StreamHealth,
    StreamOverrun,
    StreamSnapshot,
)

STREAM: Operation[StreamEvent] = Operation("followCircuits", "GET", "/stream", object)  # type: ignore[arg-type]  # a union of types is one
EVENTS: dict[str, type[StreamEvent]] = {
    "snapshot": StreamSnapshot,
    "changes": StreamChanges,
    "figures": StreamFigures,
    "health": StreamHealth,
    "overrun": StreamOverrun,
    "closing": StreamClosing,
}
"""What the data of an event is, by its name."""

SILENCE_SECONDS = 45.0
"""The API says something every 15 s; after so long without, the connection is taken for dead."""

_RECONNECT_SECONDS = 1.0
_LONGEST_RECONNECT_SECONDS = 30.0
_MAX_EVENT_BYTES = 16 << 20
_PASSING = (500, 502, 503, 504)  # what balancers answer while an API process is restarted

_Source = AsyncGenerator[httpx2.ServerSentEvent]


class EventStream:
    """The events of the stream; iterate over it once. Connects when first asked.

    A connection that ends, breaks or is silent is made anew with the last id, so that nothing is
    missed; if too much was missed, a snapshot tells so and begins again. Breaking out of the
    iteration leaves it open: close it, use it as a context manager, or close the client.

    Attributes:
        last_id: of the last event that was handed out; another stream can go on from it.
    """

    def __init__(
        self,
        transport: Transport,
        query: Values,
        *,
        last_id: str | None,
        silence_seconds: float,
        give_up_seconds: float | None,
    ) -> None:
        self.last_id = last_id
        self._transport = transport
        self._query = query
        self._silence_seconds = silence_seconds
        self._give_up_seconds = give_up_seconds
        self._response: httpx2.Response | None = None
        self._source: _Source | None = None
        self._closed = False
        self._failures = 0
        self._away_since: float | None = None
        self._reconnect_seconds = _RECONNECT_SECONDS

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamEvent:
        """The next event; waits for it, and for a connection if need be.

        Raises:
            ClientError: the API refuses, or could not be reached for `give_up_seconds`.
        """
        while not self._closed:
            try:
                event = await self._next()
            except (Unreachable, Unavailable) as error:
                await self._drop()
                await self._pause(error)
            except BaseException:
                # Also when the waiting is cut short: the next call goes on from the last id.
                await self._drop()
                raise
            else:
                if event is not None:
                    return event
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Ends the stream."""
        self._closed = True
        await self._drop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _next(self) -> StreamEvent | None:
        """The next event; None if it was only to keep the connection alive."""
        if self._source is None:
            self._source = await self._connect()
        try:
            sent = await anext(self._source)
        except StopAsyncIteration:
            raise Unreachable(f"{STREAM.name}: the stream has ended") from None
        except httpx2.SSEError as error:
            raise UnexpectedAnswer(f"{STREAM.name}: {error}") from error
        except httpx2.TransportError as error:
            raise self._transport.unreachable(STREAM, error) from error
        self._failures, self._away_since = 0, None
        if sent.retry is not None:
            self._reconnect_seconds = sent.retry / 1000
        kind = EVENTS.get(sent.event)
        event = None if kind is None else _decode(sent.data, kind)
        if sent.id:
            self.last_id = sent.id
        return event

    async def _connect(self) -> _Source:
        request = self._transport.request(
            STREAM,
            query=self._query,
            headers={
                "Accept": "text/event-stream",
                "Cache-Control": "no-store",
                "Last-Event-ID": self.last_id,
            },
        )
        request.extensions["timeout"]["read"] = self._silence_seconds
        try:
            self._response = answer = await self._transport.http.send(request, stream=True)
            if answer.status_code != 200:
                await answer.aread()
        except httpx2.TransportError as error:
            raise self._transport.unreachable(STREAM, error) from error
        try:
            self._transport.judge(STREAM, answer)
        except ApiError as error:
            if error.status in _PASSING and not isinstance(error, Unavailable):
                raise Unreachable(str(error)) from error
            raise
        source = httpx2.EventSource(answer, max_event_size=_MAX_EVENT_BYTES)
        return cast("_Source", aiter(source))

    async def _drop(self) -> None:
        source, self._source = self._source, None
        response, self._response = self._response, None
        with anyio.CancelScope(shield=True):
            if source is not None:
                await source.aclose()
            if response is not None:
                await response.aclose()

    async def _pause(self, error: ClientError) -> None:
        now = monotonic()
        if self._away_since is None:
            self._away_since = now
        if self._give_up_seconds is not None and now - self._away_since >= self._give_up_seconds:
            raise error
        longest = max(_LONGEST_RECONNECT_SECONDS, self._reconnect_seconds)
        grown = min(longest, self._reconnect_seconds * 2 ** min(self._failures, 16))
        self._failures += 1
        # All clients of an API that was restarted must not come back at the same moment.
        seconds = grown * random.uniform(0.5, 1.0)  # noqa: S311 - spreads load, keeps no secret
        asked = error.retry_after_seconds if isinstance(error, ApiError) else None
        await anyio.sleep(max(seconds, asked or 0.0))


def _decode(data: str, kind: type[StreamEvent]) -> StreamEvent:
    try:
        return msgspec.json.decode(data, type=kind)
    except msgspec.MsgspecError as error:
        raise UnexpectedAnswer(f"{STREAM.name}: an event cannot be read: {error}") from error
