"""Calling the agents of the registry: each attempt goes through the agent's breaker."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from time import monotonic
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

import httpx2
from opentelemetry import context as otel_context
from opentelemetry import propagate

from fuseline.bridge.agent_call import AgentCall, cut_off, probe_cut_off
from fuseline.bridge.lines import Lines
from fuseline.bridge.manager import CircuitBreakerManager
from fuseline.bridge.outbound.backend import Resolver, resolve
from fuseline.bridge.outbound.policy import OutboundPolicy
from fuseline.bridge.protocols.base import AgentCallError, AgentProtocol, AgentReply, AgentRequest
from fuseline.bridge.protocols.registry import load_protocol
from fuseline.bridge.retry import repeat
from fuseline.bridge.secrets import SecretSource
from fuseline.core.errors import ConfigError

MAX_CONNECTIONS = 100
"""Connections of one process to one agent, unless told otherwise."""

DRAIN_SECONDS = 5.0
"""Longest wait, when closing, for calls under way."""

_END = object()


class ExternalAgentExecutor:
    """Calls agents at the endpoints the registry has for them.

        async with ExternalAgentExecutor(manager) as executor:
            reply = await executor.call("billing-agent", {"order": 17})

    An endpoint that is changed in the registry is in force as soon as the breaker's view tells of
    it. A call waits no longer than its total deadline, and for the log no longer than a breaker
    does.

    Args:
        manager: connected; its breakers guard the calls.
        outbound: where connections may lead; None: from FUSELINE_OUTBOUND_ALLOW and _DENY.
        secrets: resolves references in headers; None: FUSELINE_SECRET_DIRS, and the environment.
        protocols: protocols by name, before those that are installed.
        ssl_context: for TLS to agents; None: the system's certificates.
        max_connections: of one agent; more calls wait for one.
        resolver: looks host names up.
        environ: the environment; None: that of the process.

    Raises:
        ConfigError: an argument or variable is not allowed.
    """

    def __init__(
        self,
        manager: CircuitBreakerManager,
        *,
        outbound: OutboundPolicy | None = None,
        secrets: SecretSource | None = None,
        protocols: Mapping[str, AgentProtocol] | None = None,
        ssl_context: ssl.SSLContext | None = None,
        max_connections: int = MAX_CONNECTIONS,
        resolver: Resolver = resolve,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        environ = os.environ if environ is None else environ
        if max_connections < 1:
            raise ConfigError("max_connections", max_connections, "a whole number from 1")
        self._protocols = dict(protocols or {})
        self._secrets = secrets or SecretSource.from_env(environ)
        self._lines = Lines(
            manager,
            outbound or OutboundPolicy.from_env(environ),
            self._protocol,
            ssl_context or httpx2.create_ssl_context(),
            max_connections,
            resolver,
        )
        self._in_use = 0
        self._open = False
        self._idle = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open = False
        try:
            if self._in_use:
                self._idle.clear()
                async with asyncio.timeout(DRAIN_SECONDS):
                    await self._idle.wait()
        except TimeoutError:
            pass  # the calls that are left end with their connections
        finally:
            await self._lines.close()

    async def call(
        self,
        agent: str,
        payload: Any,
        *,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> AgentReply:
        """Calls an agent and waits for its answer.

        Args:
            agent: its name in the registry.
            payload: any JSON value.
            idempotency_key: by which the agent knows repetitions; None: one is made for the call.
            timeout_seconds: the total deadline; None: the endpoint's.

        Raises:
            AgentCallError: the last attempt failed, or the agent says that the request is wrong.
            CircuitBreakerOpenError, BulkheadFullError: the breaker does not admit an attempt.
            AgentNotFoundError: no such agent, or it has no endpoint.
            BackendUnavailableError: this process has never seen the agent, and cannot ask now.
            ConfigError: the agent's protocol is not installed, or an argument is not allowed.
        """
        call = await self._begin(agent, payload, idempotency_key, timeout_seconds)
        try:
            try:
                return await call.line.breaker.call(self._attempt, call)
            except AgentCallError as failed:
                return await repeat(
                    lambda: call.line.breaker.call(self._attempt, call),
                    failed,
                    call.line.endpoint,
                    call.deadline,
                )
            except TimeoutError as error:
                raise probe_cut_off(agent) from error
        finally:
            await self._leave(call)

    async def stream(
        self,
        agent: str,
        payload: Any,
        *,
        idempotency_key: str | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncGenerator[Any, None]:
        """Calls an agent whose answer comes in parts; counts when that ends.

        A stream that is left before its end says nothing about the agent; close it (`aclosing`) to
        leave at once. Attempts are repeated only before the first part.

        Args and Raises: as `call`.
        """
        call = await self._begin(agent, payload, idempotency_key, timeout_seconds)
        try:
            try:
                parts, part = await self._first(call)
            except AgentCallError as failed:
                parts, part = await repeat(
                    lambda: self._first(call), failed, call.line.endpoint, call.deadline
                )
            async with aclosing(parts):
                while part is not _END:
                    yield part
                    part = await anext(parts, _END)
        except TimeoutError as error:
            raise probe_cut_off(agent) from error
        finally:
            await self._leave(call)

    # --- one call ---

    async def _begin(
        self, agent: str, payload: Any, key: str | None, timeout_seconds: float | None
    ) -> AgentCall:
        if not self._open:
            raise RuntimeError("the executor is not open; use `async with`")
        if timeout_seconds is not None and not timeout_seconds > 0:
            raise ConfigError("timeout_seconds", timeout_seconds, "a number above 0")
        if key is not None and not (0 < len(key) <= 255 and key.isascii() and key.isprintable()):
            raise ConfigError("idempotency_key", key, "1 to 255 printable ASCII characters")
        started = monotonic()
        line = self._lines.find(agent)
        if line is None:
            line = await self._lines.open(agent)
        if timeout_seconds is None:
            timeout_seconds = line.endpoint.timeout_seconds
        line.in_use += 1
        self._in_use += 1
        return AgentCall(line, payload, key or uuid4().hex, started + timeout_seconds)

    async def _leave(self, call: AgentCall) -> None:
        self._in_use -= 1
        if not self._in_use:
            self._idle.set()
        await call.line.leave()

    # --- one attempt, inside the breaker ---

    async def _attempt(self, call: AgentCall) -> AgentReply:
        line = call.line
        left = call.left_seconds()
        limit = min(line.endpoint.attempt_timeout_seconds, left)
        scope = asyncio.timeout(limit)
        try:
            async with scope:
                return await line.protocol.send(line.client, self._request(call))
        except TimeoutError as error:
            if not scope.expired():
                raise
            raise cut_off(call, "attempt" if limit < left else "total", limit) from error

    async def _first(self, call: AgentCall) -> tuple[AsyncGenerator[Any, None], Any]:
        parts = await call.line.breaker.call(self._parts, call)
        return parts, await anext(parts, _END)

    async def _parts(self, call: AgentCall) -> AsyncGenerator[Any, None]:
        line = call.line
        left = limit = call.left_seconds()
        async with aclosing(line.protocol.stream(line.client, self._request(call))) as parts:
            while True:
                scope = asyncio.timeout(left)
                try:
                    async with scope:
                        part = await anext(parts, _END)
                except TimeoutError as error:
                    if not scope.expired():
                        raise
                    raise cut_off(call, "total", limit) from error
                if part is _END:
                    return
                yield part
                left = call.deadline - monotonic()
                if left <= 0:
                    raise cut_off(call, "total", limit)

    def _request(self, call: AgentCall) -> AgentRequest:
        line = call.line
        agent, endpoint = line.breaker.name, line.endpoint
        headers = self._secrets.headers(agent, endpoint) if endpoint.headers else {}
        headers["Idempotency-Key"] = call.key
        if otel_context.get_current():  # empty without a tracer at work
            propagate.inject(headers)
        return AgentRequest(agent=agent, payload=call.payload, headers=headers, endpoint=endpoint)

    def _protocol(self, name: str) -> AgentProtocol:
        protocol = self._protocols.get(name)
        if protocol is None:
            protocol = self._protocols[name] = load_protocol(name)
        return protocol
