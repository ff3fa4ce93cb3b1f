"""Agents whose breaker a test drives through the API, with a worker's outcomes for them."""

from typing import Any

import httpx2

from tests.api.running import RunningApi
from tests.projections.support import Producer
from tests.waiting import eventually

ONE_FAILURE = {"failure_threshold": 1, "failure_rate_threshold": None, "timeout_seconds": 60}


async def circuit_of(client: httpx2.AsyncClient, name: str) -> dict[str, Any]:
    answer = await client.get(f"circuits/{name}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["circuit"]
    return found


async def until(client: httpx2.AsyncClient, name: str, **wanted: Any) -> dict[str, Any]:
    """The circuit once these fields of it are so."""

    async def there() -> dict[str, Any] | None:
        circuit = await circuit_of(client, name)
        return circuit if wanted.items() <= circuit.items() else None

    found: dict[str, Any] = await eventually(there)
    return found


class Agent:
    """A registered agent, and a worker's outcomes for it."""

    def __init__(self, client: httpx2.AsyncClient, api: RunningApi, name: str) -> None:
        self.client, self.name = client, name
        self.producer = Producer(api.backend, name, producer=hash(name) % 1_000_000 + 1)

    async def configure(self, **settings: Any) -> None:
        answer = await self.client.patch(
            f"agents/{self.name}", json={"circuit_breaker_config": settings}
        )
        assert answer.status_code == 200, answer.text

    async def override(self, mode: str, **more: Any) -> dict[str, Any]:
        answer = await self.client.post(
            f"circuits/{self.name}/override", json={"mode": mode, "reason": "a test", **more}
        )
        assert answer.status_code == 200, answer.text
        assert answer.json()["in_force"]
        found: dict[str, Any] = answer.json()["circuit"]
        return found

    async def until(self, **wanted: Any) -> dict[str, Any]:
        return await until(self.client, self.name, **wanted)

    async def open(self, **settings: Any) -> dict[str, Any]:
        """Has it open; after a short time it may be half open by the time it is looked at."""
        await self.configure(**(ONE_FAILURE | settings))
        before = (await circuit_of(self.client, self.name))["epoch"]
        await self.producer.fail(1)

        async def opened() -> dict[str, Any] | None:
            circuit = await circuit_of(self.client, self.name)
            return circuit if circuit["epoch"] > before else None

        found: dict[str, Any] = await eventually(opened)
        return found


async def agent(api: RunningApi, name: str, **settings: Any) -> Agent:
    client = api.client()
    body = {"name": name, "circuit_breaker_config": ONE_FAILURE | settings}
    assert (await client.post("agents", json=body)).status_code == 201
    return Agent(client, api, name)


async def items_there(client: httpx2.AsyncClient, name: str, kinds: str, count: int) -> bool:
    answer = await client.get(f"circuits/{name}/timeline", params={"kinds": kinds})
    return len(answer.json()["items"]) == count
