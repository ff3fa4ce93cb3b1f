"""The seam between the executor and the protocols agents speak.

A protocol makes one attempt and says what came back; breaker, retries, deadlines, connections and
trace context are the executor's. What went wrong is raised as an `AgentCallError`, which carries
the verdict that the log gets.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from typing import Any, Protocol

import httpx2
from msgspec import Struct

from fuseline.bridge.classify import Verdict
from fuseline.core.endpoint import Endpoint
from fuseline.core.errors import FuselineError

ENTRY_POINT_GROUP = "fuseline.protocols"
"""Distributions register further protocols here: name = protocol name, object = its class."""


class AgentRequest(Struct, frozen=True, kw_only=True):
    """One attempt, ready to send.

    Attributes:
        agent: name of the agent.
        payload: what to ask, any JSON value.
        headers: to send as they are: secrets resolved, trace context and idempotency key in.
        endpoint: where and how the agent is reached.
    """

    agent: str
    payload: Any
    headers: Mapping[str, str]
    endpoint: Endpoint


class AgentReply(Struct, frozen=True, kw_only=True):
    """What an agent answered.

    Attributes:
        result: the answer, any JSON value.
        status: HTTP status of the answer.
        details: what the protocol knows besides, e.g. an A2A task's id and state.
    """

    result: Any
    status: int = 200
    details: Mapping[str, Any] = {}


class AgentCallError(FuselineError):
    """An attempt ended without an answer that counts.

    Attributes:
        agent: name of the agent.
        verdict: how the attempt counts in the log.
        sent: whether the agent may have seen the request; False makes repeating always safe.
        status: HTTP status, or 0 when there was none.
    """

    def __init__(
        self, agent: str, message: str, verdict: Verdict, *, sent: bool = True, status: int = 0
    ) -> None:
        super().__init__(f"agent {agent!r}: {message}")
        self.agent = agent
        self.verdict = verdict
        self.sent = sent
        self.status = status


class AgentProtocol(Protocol):
    """One way to talk to agents; made once a process and shared by all calls."""

    name: str

    async def send(self, client: httpx2.AsyncClient, request: AgentRequest) -> AgentReply:
        """Makes one attempt.

        Raises:
            AgentCallError: it failed, or the agent says that the request is wrong.
        """
        ...

    def stream(
        self, client: httpx2.AsyncClient, request: AgentRequest
    ) -> AsyncGenerator[Any, None]:
        """Makes one attempt whose answer comes in parts; ends when the answer does.

        Raises:
            AgentCallError: as `send`, also in the middle.
        """
        ...
