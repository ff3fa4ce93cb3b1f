"""The door of the API as tests knock at it: without HTTP, with a real server behind."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any

from fuseline.api.access.access import Access, LoggedIn
from fuseline.api.access.attempts import Limits
from fuseline.api.access.roles import Caller, Role
from fuseline.api.access.settings import ApiSettings
from fuseline.api.access.tokens import NewToken
from fuseline.events.backend import Backend
from tests.logbook import open_backend

HOST = "127.0.0.1:8787"
ORIGIN = f"http://{HOST}"
CLIENT = "198.51.100.7"


class Door:
    """One API process's door, and a client in front of it."""

    def __init__(self, backend: Backend, access: Access) -> None:
        self.backend = backend
        self.access = access

    async def token(self, role: Role = Role.VIEWER, life_ms: int | None = None) -> NewToken:
        return await self.access.tokens.create(
            f"test-{role.value}", role, life_ms=life_ms, created_by="tester"
        )

    async def ask(
        self,
        token: str | None = None,
        *,
        method: str = "GET",
        cookies: dict[str, str] | None = None,
        client: str | None = CLIENT,
        **headers: str,
    ) -> Caller:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if token is not None:
            named["authorization"] = f"Bearer {token}"
        return await self.access.authenticate(
            method=method,
            headers={"host": HOST} | named,
            cookies=cookies or {},
            client_address=client,
        )

    async def log_in(
        self, token: str, cookies: dict[str, str] | None = None, **headers: str
    ) -> LoggedIn:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.access.log_in(
            token, headers={"host": HOST} | named, cookies=cookies or {}, client_address=CLIENT
        )


def cookies_of(logged_in: LoggedIn) -> dict[str, str]:
    """What a browser sends back."""
    name, _, value = logged_in.set_cookie.partition(";")[0].partition("=")
    return {name: value}


def wrong_secret(token: str) -> str:
    """The token with another secret of the same form."""
    return token[:-1] + ("A" if token[-1] != "A" else "B")


@contextlib.asynccontextmanager
async def open_door(
    url: str,
    namespace: str,
    *,
    local_mode: bool = False,
    limits: Limits | None = None,
    **settings: Any,
) -> AsyncIterator[Door]:
    """The door of a process of its own."""
    async with (
        open_backend(url, namespace) as backend,
        Access(backend, ApiSettings(**settings), local_mode=local_mode, limits=limits) as access,
    ):
        yield Door(backend, access)
