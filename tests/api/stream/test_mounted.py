"""The stream where it is mounted: behind roles, beside compression, and no longer than access."""

import asyncio
import json
from typing import Any

import httpx2

from fuseline.api.access.roles import Role
from fuseline.api.access.tokens import TokenStore
from tests.api.running import RunningApi


async def events(answer: httpx2.Response) -> list[tuple[str, dict[str, Any]]]:
    """All events until the stream ends."""
    found, name = [], ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            found.append((name, json.loads(line[6:])))
    return found


async def test_nobody_without_credentials_looks(api: RunningApi) -> None:
    assert (await api.client(None).get("stream")).status_code == 401


async def test_a_viewer_sees_a_change_made_through_the_api(api: RunningApi) -> None:
    admin = api.client()
    await admin.post("agents", json={"name": "billing"})
    seen = asyncio.Event()

    async def look() -> dict[str, Any]:
        headers = {"Accept-Encoding": "gzip"}
        async with api.client(Role.VIEWER).stream("GET", "stream", headers=headers) as answer:
            assert answer.status_code == 200
            assert "content-encoding" not in answer.headers
            assert answer.headers["content-type"].startswith("text/event-stream")
            name = ""
            async for line in answer.aiter_lines():
                if line.startswith("event: "):
                    name = line[7:]
                if line.startswith("data: "):
                    if name == "snapshot":
                        seen.set()
                    for circuit in json.loads(line[6:]).get("circuits", ()):
                        if circuit.get("mode") == "forced_open":
                            found: dict[str, Any] = circuit
                            return found
        raise AssertionError("the stream ended")

    looking = asyncio.create_task(look())
    await seen.wait()
    await admin.post("circuits/billing/override", json={"mode": "forced_open", "reason": "test"})
    async with asyncio.timeout(5):
        assert (await looking)["agent"] == "billing"


async def test_a_revoked_token_ends_its_stream(api: RunningApi) -> None:
    store = TokenStore(api.backend)
    made = await store.create("leaver", Role.VIEWER, life_ms=None, created_by="test")
    client = api.client(None, Authorization=f"Bearer {made.text}")
    async with asyncio.timeout(15), client.stream("GET", "stream") as answer:
        assert answer.status_code == 200
        await store.revoke(made.token.id)
        assert (await events(answer))[-1] == ("closing", {"reason": "access"})


async def test_a_bad_filter_is_refused_before_anything_is_sent(api: RunningApi) -> None:
    answer = await api.client().get("stream?state=broken")
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "state"
    assert "half_open" in answer.json()["errors"][0]["allowed"]
