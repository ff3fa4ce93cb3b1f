"""What the transports for HTTP clients share: breakers by host, and what an answer says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from fuseline.bridge.classify import PLAIN_SUCCESS, Classifier, Verdict
from fuseline.bridge.guard import Guard
from fuseline.bridge.protocols.statuses import failed_status
from fuseline.bridge.protocols.transport_errors import fault_of
from fuseline.core.endpoint import FAILURE_STATUSES, checked_statuses, status_in

T = TypeVar("T")

_PORTS = {"http": 80, "https": 443}

CUT_OFF = "the call was a probe of the circuit, and its lease is over"
"""What is said of a call that `probe_lease_seconds` has ended."""


class Url(Protocol):
    """An URL of httpx2, httpx or yarl."""

    @property
    def scheme(self) -> str:
        """In lower case."""
        ...

    @property
    def host(self) -> str | None:
        """Without the brackets of an address."""
        ...

    @property
    def port(self) -> int | None:
        """As given, or the scheme's."""
        ...


def agent_of_url(url: Url) -> str:
    """The host, with the port where that is not the scheme's: `api.example.com-8443`."""
    host = (url.host or "").lower().replace(":", "-")  # a name of an agent has no colon
    return host if url.port in (None, _PORTS.get(url.scheme)) else f"{host}-{url.port}"


def classifier_of(
    status_of: Callable[[Any], tuple[int, Mapping[str, str]]],
    failure_statuses: Sequence[str | int] = FAILURE_STATUSES,
) -> Classifier:
    """Classifies as the executor does: broken connections, timeouts and failing statuses fail.

    Args:
        status_of: status and headers of a response.
        failure_statuses: those that fail, like 503, or 5xx for a class.

    Raises:
        ConfigError: a status is none.
    """
    failing = checked_statuses("failure_statuses", failure_statuses)

    def classifier(response: Any, error: BaseException | None) -> Verdict | None:
        if error is not None:
            fault = fault_of(error)
            return None if fault is None else fault.verdict
        status, headers = status_of(response)
        return failed_status(status, headers) if status_in(status, failing) else PLAIN_SUCCESS

    return classifier


def body_counts(method: str, status: int, headers: Mapping[str, str]) -> bool:
    """Whether the call goes on until the body ends; else its head has said all.

    A status that is no answer decides by itself, whether or not anybody reads on.
    """
    return (
        200 <= status < 300
        and status != 204
        and method != "HEAD"
        and headers.get("content-length") != "0"
    )


async def head_of(guard: Guard, send: Callable[[], Awaitable[T]]) -> T:
    """Sends an admitted request and waits for the head of the answer.

    Raises:
        TimeoutError: it is a probe, and its lease is over.
        Exception: whatever `send` raises; the call has ended then.
    """
    try:
        async with asyncio.timeout_at(guard.loop_deadline()):
            return await send()
    except BaseException as error:
        guard.end(None, error)
        raise


class Body:
    """The body of an answer of httpx2 or httpx; the call counts when it ends.

    One that is left before its end says nothing about the agent.
    """

    def __init__(
        self, guard: Guard, response: Any, timeout_error: Callable[[str], Exception]
    ) -> None:
        self._guard = guard
        self._source = response.stream
        self._pieces = guard.stream(_pieces(self._source), response)
        self._timeout_error = timeout_error

    async def __aiter__(self) -> AsyncGenerator[bytes, None]:
        """The body as it comes."""
        try:
            async for piece in self._pieces:
                yield piece
        except TimeoutError as error:
            raise self._timeout_error(CUT_OFF) from error

    async def aclose(self) -> None:
        """Lets go of the connection."""
        try:
            await self._pieces.aclose()
        finally:
            self._guard.end(None, GeneratorExit())  # where nobody has begun to read
            await self._source.aclose()


async def _pieces(source: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
    async for piece in source:
        yield piece
