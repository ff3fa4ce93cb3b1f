"""Sending a request and judging the answer; all operations go through here."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar
from urllib.parse import quote

import anyio
import httpx2
import msgspec

from fuseline.client.errors import KINDS, ApiError, UnexpectedAnswer, Unreachable
from fuseline.client.operation import Operation
from fuseline.client.retrying import repeating
from fuseline.client.settings import Target
from fuseline.schemas.problems import Problem

T = TypeVar("T")

Values = Mapping[str, Any]

_CONNECT_SECONDS = 5.0
_MAX_DETAIL = 200
_problems = msgspec.json.Decoder(Problem)


class Transport:
    """The connections to one API.

    Args:
        target: the API and the token.
        timeout_seconds: longest wait for an answer, repetitions included.
        attempts: how often what changes nothing is asked in all.
        ca_file: PEM file with the authorities to trust; None: those that come along.
    """

    def __init__(
        self,
        target: Target,
        *,
        timeout_seconds: float,
        attempts: int,
        ca_file: str | None = None,
    ) -> None:
        self.target = target
        self.timeout_seconds = timeout_seconds
        self.csrf_token: str | None = None
        self._attempts = attempts
        verify = True if ca_file is None else ssl.create_default_context(cafile=ca_file)
        # A proxy or .netrc of the environment must not get to see the token unasked.
        self.http = httpx2.AsyncClient(
            verify=verify,
            trust_env=False,
            headers={"User-Agent": "fuseline-client", "Accept": "application/json"},
            timeout=httpx2.Timeout(timeout_seconds, connect=min(_CONNECT_SECONDS, timeout_seconds)),
        )

    async def close(self) -> None:
        """Closes the connections."""
        await self.http.aclose()

    async def call(self, operation: Operation[T], **parts: Any) -> T:
        """Carries an operation out; see `send`.

        Raises:
            ClientError: see `send`; also, the answer cannot be read.
        """
        answer = await self.send(operation, **parts)
        return operation.decode(answer.content)

    async def send(
        self,
        operation: Operation[Any],
        *,
        path: Mapping[str, str] | None = None,
        query: Values | None = None,
        headers: Mapping[str, str | None] | None = None,
        body: Any = None,
        wait_seconds: float = 0.0,
    ) -> httpx2.Response:
        """Carries an operation out.

        Args:
            operation: which.
            path: values of the path's parameters.
            query: parameters; None is left out.
            headers: more headers; None is left out.
            body: sent as JSON; None: nothing is sent.
            wait_seconds: how long the API itself may take on top.

        Raises:
            ApiError: the API refused it or could not serve it.
            Unreachable: no answer came in time.
            UnexpectedAnswer: what answered is not a Fuseline API.
        """
        request = self.request(operation, path=path, query=query, headers=headers, body=body)
        seconds = self.timeout_seconds + wait_seconds
        request.extensions["timeout"]["read"] = seconds

        async def once() -> httpx2.Response:
            return await self._once(operation, request)

        try:
            with anyio.fail_after(seconds):
                if operation.is_safe and self._attempts > 1:
                    return await repeating(self._attempts)(once)
                return await once()
        except TimeoutError as error:
            raise Unreachable(
                f"{operation.name}: no answer from {self.target.url} within {seconds:g} s"
            ) from error

    def request(
        self,
        operation: Operation[Any],
        *,
        path: Mapping[str, str] | None = None,
        query: Values | None = None,
        headers: Mapping[str, str | None] | None = None,
        body: Any = None,
    ) -> httpx2.Request:
        """An operation as a request; see `send`."""
        filled = {name: quote(value, safe="") for name, value in (path or {}).items()}
        sent = {name: value for name, value in (headers or {}).items() if value is not None}
        if body is not None:
            sent["Content-Type"] = "application/json"
        return self.http.build_request(
            operation.method,
            self.target.base + operation.path.format_map(filled),
            params=list(_query(query or {})),
            headers=sent | self._credentials(operation),
            content=None if body is None else msgspec.json.encode(body),
        )

    def judge(self, operation: Operation[Any], answer: httpx2.Response) -> None:
        """Lets an answer pass that has been read and is one of the operation's.

        Raises:
            ApiError, UnexpectedAnswer: see `send`.
        """
        if answer.status_code in operation.statuses:
            return
        if answer.status_code < 400:
            raise UnexpectedAnswer(
                f"{operation.name}: {self.target.url} answered with status {answer.status_code}; "
                "is this the address of a Fuseline API?"
            )
        kind = KINDS.get(answer.status_code, ApiError)
        raise kind(answer.status_code, _problem(answer), _retry_after(answer))

    async def _once(self, operation: Operation[Any], request: httpx2.Request) -> httpx2.Response:
        try:
            answer = await self.http.send(request)
        except httpx2.TransportError as error:
            raise self.unreachable(operation, error) from error
        self.judge(operation, answer)
        return answer

    def unreachable(self, operation: Operation[Any], error: Exception) -> Unreachable:
        """What a broken connection looks like to callers."""
        told = str(error) or type(error).__name__
        return Unreachable(f"{operation.name}: {self.target.url} cannot be reached: {told}")

    def _credentials(self, operation: Operation[Any]) -> dict[str, str]:
        if self.target.token is not None and self.csrf_token is None:
            return {"Authorization": f"Bearer {self.target.token}"}
        if operation.is_safe:
            return {}
        # A session, or the local mode: these want to know which page asks, as of a browser.
        origin = {"Origin": self.target.origin}
        return origin if self.csrf_token is None else origin | {"X-CSRF-Token": self.csrf_token}


def _query(values: Values) -> Iterable[tuple[str, str]]:
    for name, value in values.items():
        if value is None:
            continue
        for one in value if isinstance(value, list | tuple) else (value,):
            yield name, text_of(one)


def text_of(value: Any) -> str:
    """A value as a query has it; a time with its zone."""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value.value) if isinstance(value, Enum) else str(value)


def _problem(answer: httpx2.Response) -> Problem:
    """The problem of an answer; one made up where something in between has answered."""
    try:
        return _problems.decode(answer.content)
    except msgspec.MsgspecError:
        return Problem(
            type="about:blank",
            title=answer.reason_phrase or f"status {answer.status_code}",
            status=answer.status_code,
            detail=answer.text[:_MAX_DETAIL],
            instance=answer.url.path,
            request_id=answer.headers.get("X-Request-ID", ""),
        )


def _retry_after(answer: httpx2.Response) -> float | None:
    word = answer.headers.get("Retry-After", "")
    return float(word) if word.isascii() and word.isdigit() else None
