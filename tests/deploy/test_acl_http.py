"""Every route of the HTTP API, its server user being the one of `api.acl`."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from tests.api.running import running_api
from tests.deploy.acl_support import Users
from tests.waiting import eventually


async def report(ask: Callable[..., Any]) -> None:
    """A program's calls until a probe has closed the circuit again."""
    settings = {"failure_threshold": 1, "timeout_seconds": 0.05, "half_open_max_calls": 1}
    await ask("POST", "agents", 201, json={"name": "b", "circuit_breaker_config": settings})
    for number, (result, state) in enumerate((("failure", "open"), ("success", "closed")), 1):

        async def admitted() -> Any:
            answer = await ask("POST", "circuits/b/admissions", 200)
            return answer if answer["admitted"] else None

        ticket = (await eventually(admitted))["ticket"]
        outcome = {"ticket": ticket, "result": result, "duration_ms": 1}
        sent = {"worker": "w", "run": 1, "sequence": number, "outcomes": [outcome]}
        answer = await ask("POST", "circuits/b/outcomes", 200, json=sent)
        assert answer["state"] in (state, "half_open")


async def test_every_route_works_under_the_apis_file(users: Users) -> None:
    async with running_api(users.url("api"), users.namespace, own_url=users.server.url) as api:
        client = api.client()

        async def ask(method: str, path: str, status: int, **sent: Any) -> Any:
            answer = await client.request(method, path, **sent)
            assert answer.status_code == status, (path, answer.text)
            return answer.json() if answer.content and status != 304 else None

        await ask("POST", "agents", 201, json={"name": "a", "tags": ["x"]})
        await ask("GET", "agents?tag=x", 200)
        await ask("GET", "agents/a", 200)
        await ask("PATCH", "agents/a", 200, json={"description": "new"})
        await ask("PUT", "agents/a", 200, json={"circuit_breaker_config": {"timeout_seconds": 9}})
        await ask("GET", "defaults", 200)
        override = {"mode": "forced_open", "reason": "test"}
        forced = await ask("POST", "circuits/a/override", 200, json=override)
        assert forced["in_force"]
        await ask("GET", "circuits", 200)
        await ask("GET", "circuits/a", 200)
        items = (await ask("GET", "circuits/a/timeline", 200))["items"]
        await ask("GET", "circuits/a/timeline?kinds=failure", 200)
        await ask("GET", "circuits/a/timeline/counts?since=-30d", 200)
        await ask("GET", "circuits/a/timeline/bands", 200)
        await ask("GET", "circuits/a/state?at=-1ms", 200)
        await ask("GET", f"circuits/a/explain?transition={items[-1]['id']}", 200)
        await report(ask)
        task = await ask("POST", "tasks", 202, json={"agent": "a", "payload": 1})
        await ask("GET", f"tasks/{task['task']}?wait_seconds=0.2", 200)
        await ask("GET", "me", 200)
        made = await ask("POST", "tokens", 201, json={"name": "t", "role": "viewer"})
        await ask("GET", "tokens", 200)
        await ask("POST", "session", 201, json={"token": made["text"]})
        await ask("DELETE", f"tokens/{made['token']['id']}", 204)
        await ask("DELETE", "session", 204)
        to = {"kind": "webhook", "url": "https://x.example", "secret": "${env:X}"}
        await ask("POST", "alerts/channels", 201, json={"name": "ops", "to": to})
        await ask("PUT", "alerts/channels/ops", 200, json={"to": to, "description": "x"})
        await ask("POST", "alerts/channels/ops/test", 409)
        rule = {"name": "r", "when": {"kind": "opened"}, "channels": ["ops"]}
        await ask("POST", "alerts/rules", 201, json=rule)
        await ask("GET", "alerts/rules/r", 200)
        await ask("DELETE", "alerts/rules/r", 204)
        await ask("DELETE", "alerts/channels/ops", 204)
        for part in ("rules", "channels", "incidents?state=open", "incidents", "deliveries"):
            await ask("GET", f"alerts/{part}", 200)
        await ask("GET", "alerts/audit", 200)
        await ask("GET", "alerts/notifier", 200)
        for path in ("healthz", "readyz", "version", "metrics"):
            answer = await client.get(path)
            assert answer.status_code == 200, answer.text
        async with (
            asyncio.timeout(10),
            client.stream("GET", "stream") as stream,
            aclosing(stream.aiter_lines()) as lines,
        ):
            async for line in lines:
                if line == "event: snapshot":
                    break
        await ask("DELETE", "agents/a?reason=done", 204)
        assert users.denied() <= {("api", "command", "info")}  # it asks, and does without
