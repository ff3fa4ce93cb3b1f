"""A real API on loopback, in this process's event loop, with a projector beside it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import httpx2

from fuseline.api.access.roles import Role
from fuseline.api.access.settings import ApiSettings
from fuseline.api.access.tokens import TokenStore
from fuseline.api.server import run_api
from fuseline.core.config import CircuitBreakerConfig
from fuseline.events.backend import Backend
from fuseline.projections.projector import Projector
from tests.logbook import open_backend


class RunningApi:
    """One API, a token for each role, and clients for them.

    Attributes:
        url: of the root.
        tokens: by role.
        backend: of the test's own.
    """

    def __init__(self, url: str, tokens: dict[Role, str], backend: Backend) -> None:
        self.url = url
        self.tokens = tokens
        self.backend = backend
        self._clients: list[httpx2.AsyncClient] = []

    def client(self, role: Role | None = Role.ADMIN, **headers: str) -> httpx2.AsyncClient:
        """A client with the token of a role; None: without."""
        if role is not None:
            headers["Authorization"] = f"Bearer {self.tokens[role]}"
        made = httpx2.AsyncClient(
            base_url=f"{self.url}/api/v1/", headers=headers, timeout=30, trust_env=False
        )
        self._clients.append(made)
        return made

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()


@asynccontextmanager
async def running_api(
    url: str,
    namespace: str,
    *,
    own_url: str | None = None,
    local_mode: bool = False,
    projector: bool = True,
    defaults: CircuitBreakerConfig | None = None,
    **settings: Any,
) -> AsyncIterator[RunningApi]:
    """Starts it; stops it in order.

    With `own_url` the API alone works under `url`; what the test itself does is done there.
    """
    async with (
        open_backend(own_url or url, namespace) as own,
        open_backend(url, namespace) as backend,
    ):
        store = TokenStore(own)
        tokens = {
            role: (await store.create(f"{role}-of-test", role, life_ms=None, created_by="t")).text
            for role in Role
        }
        ready: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        jobs: list[Callable[[], Any]] = [
            lambda: run_api(
                backend,
                ApiSettings(port=0, **settings),
                defaults or CircuitBreakerConfig(),
                local_mode=local_mode,
                on_ready=ready.set_result,
            )
        ]
        if projector:
            jobs.append(Projector(own, "test-projector").run)
        tasks = [asyncio.create_task(job()) for job in jobs]
        try:
            await asyncio.wait([ready, *tasks], return_when=asyncio.FIRST_COMPLETED)
            if not ready.done():
                tasks[0].result()
            api = RunningApi(await ready, tokens, own)
            yield api
            await api.close()
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
