"""Asking the agents of `tests.bridge.a2a.server`, past the executor or through it."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from fuseline import Result
from fuseline.bridge.protocols.a2a import A2AProtocol
from fuseline.bridge.protocols.base import AgentCallError, AgentRequest
from fuseline.core.endpoint import Endpoint

_ROOT = Path(__file__).parents[3]


@contextmanager
def a2a_server() -> Iterator[str]:
    """The server's process; its URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bridge.a2a.server"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=_ROOT,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url.startswith("http://"), "the A2A server has not started"
        yield url
    finally:
        process.stdin.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


class RemoteAgent:
    """One agent of the server, which no other test has."""

    def __init__(self, server: str, client: httpx2.AsyncClient) -> None:
        self.name = f"agent-{uuid.uuid4().hex[:8]}"
        self.url = f"{server}/{self.name}"
        self.client = client

    async def setup(self, **what: Any) -> None:
        """Changes its card, or scripts its next answers."""
        (await self.client.post(f"{self.url}/setup", json=what)).raise_for_status()

    async def asked(self, method: str = "") -> list[dict[str, Any]]:
        """What it was asked, in order; only requests of this method if one is named."""
        log = (await self.client.get(f"{self.url}/log")).json()["asked"]
        return [entry for entry in log if not method or entry["method"] == method]

    async def methods(self) -> list[str]:
        return [entry["method"] for entry in await self.asked()]

    async def canceled(self) -> list[str]:
        """Ids of the tasks that were canceled, of all agents of the server."""
        ids: list[str] = (await self.client.get(f"{self.url}/log")).json()["canceled"]
        return ids

    def request(
        self,
        payload: Any,
        headers: dict[str, str] | None = None,
        max_response_bytes: int = 1 << 20,
        **options: Any,
    ) -> AgentRequest:
        endpoint = Endpoint(
            url=self.url, protocol="a2a", options=options, max_response_bytes=max_response_bytes
        )
        return AgentRequest(
            agent=self.name, payload=payload, headers=headers or {}, endpoint=endpoint
        )


async def failing(
    protocol: A2AProtocol, agent: RemoteAgent, payload: Any, **options: Any
) -> AgentCallError:
    """The error of a call that must fail."""
    with pytest.raises(AgentCallError) as caught:
        await protocol.send(agent.client, agent.request(payload, **options))
    return caught.value


def kind(found: AgentCallError) -> tuple[Result, str]:
    """How the log counts it."""
    return found.verdict.result, found.verdict.failure_kind


def answer(result: Any) -> str:
    """The body of a JSON-RPC response."""
    return json.dumps({"jsonrpc": "2.0", "id": 1, "result": result})


def error(code: Any, message: str = "no") -> str:
    return json.dumps({"jsonrpc": "2.0", "id": 1, "error": {"code": code, "message": message}})


def task(state: str, **more: Any) -> dict[str, Any]:
    """A task in the JSON form of A2A 1.0."""
    return {"id": "t-1", "contextId": "c-1", "status": {"state": f"TASK_STATE_{state}"}} | more
