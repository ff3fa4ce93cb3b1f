"""Every route of the application and every kind of caller: only what the route's role allows."""

from collections.abc import AsyncIterator, Iterator
from typing import Any, NamedTuple

import httpx2
import pytest
import pytest_asyncio
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from fuseline.api.access.access import Access
from fuseline.api.access.roles import Role, allows
from fuseline.api.access.settings import ApiSettings
from fuseline.api.access.tokens import TokenStore
from fuseline.api.app import Application
from fuseline.api.services import serving
from fuseline.core.config import CircuitBreakerConfig
from tests.api.asking import problem
from tests.api.running import RunningApi, running_api
from tests.logbook import open_backend
from tests.servers import RealServer
from tests.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

AGENT = "matrix-agent"
SECRETS = ("hdr-s3cret", "query-s3cret", "option-s3cret")


class Route(NamedTuple):
    """A method and path, and the role it needs; None: it is for everybody."""

    method: str
    path: str
    role: Role | None


class Callers(NamedTuple):
    """One API, and headers of callers by name."""

    api: RunningApi
    headers: dict[str, dict[str, str]]


def routes_of(application: Application) -> Iterator[Route]:
    for route in application._litestar.routes:  # what it really serves
        if not isinstance(route, HTTPRoute):
            continue
        if not route.path.startswith("/api/v1/"):
            # The pages of the UI: files that are the same for everybody.
            assert all(one.opt.get("public") for one in route.route_handlers if one.opt)
            assert set(route.methods) <= {"GET", "HEAD", "OPTIONS"}
            continue
        for handler in route.route_handlers:
            assert isinstance(handler, HTTPRouteHandler)
            role = None if handler.opt.get("public") else handler.opt.get("role", Role.VIEWER)
            for method in handler.http_methods:
                yield Route(str(method), route.path.removeprefix("/api/v1/"), role)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def routes(server: RealServer) -> list[Route]:
    settings = ApiSettings(port=0)
    async with (
        open_backend(server.url, "routes") as backend,
        Access(backend, settings) as access,
        serving(backend, settings, access, CircuitBreakerConfig()) as services,
    ):
        found = list(routes_of(Application(services)))
    assert {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} <= {one.method for one in found}
    assert len(found) > 30
    return found


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def callers(shared_api: RunningApi) -> AsyncIterator[Callers]:
    api = shared_api
    async with api.client() as admin:
        made = await admin.post(
            "agents",
            json={
                "name": AGENT,
                "url": f"https://a.example/?key={SECRETS[0]}",
                "headers": {"Authorization": f"Bearer {SECRETS[1]}"},
                "options": {"api_key": SECRETS[2]},
            },
        )
        assert made.status_code == 201
        await eventually(lambda: _is_there(admin))
    headers = {role.value: {"Authorization": f"Bearer {api.tokens[role]}"} for role in Role}
    store = TokenStore(api.backend)
    expired = await store.create("expired", Role.ADMIN, life_ms=1, created_by="t")
    revoked = await store.create("revoked", Role.ADMIN, life_ms=None, created_by="t")
    await store.revoke(revoked.token.id)
    wrong = api.tokens[Role.ADMIN][:-1] + ("A" if api.tokens[Role.ADMIN][-1] != "A" else "B")
    headers |= {
        "nobody": {},
        "expired": {"Authorization": f"Bearer {expired.text}"},
        "revoked": {"Authorization": f"Bearer {revoked.text}"},
        "wrong": {"Authorization": f"Bearer {wrong}"},
        "basic": {"Authorization": f"Basic {api.tokens[Role.ADMIN]}"},
        "in a cookie": {"Cookie": f"fuseline_session={api.tokens[Role.ADMIN]}"},
    }
    yield Callers(api, headers)


async def _is_there(client: httpx2.AsyncClient) -> bool:
    answer = await client.get(f"circuits/{AGENT}/timeline")
    return answer.status_code == 200 and len(answer.json()["items"]) == 1


async def session_of(api: RunningApi, role: Role) -> dict[str, str]:
    """Headers of a page of ours with a session just opened."""
    async with api.client(None) as client:
        opened = await client.post("session", json={"token": api.tokens[role]})
        assert opened.status_code == 201
        cookie = opened.headers["set-cookie"].partition(";")[0]
        return {
            "Cookie": cookie,
            "X-CSRF-Token": opened.json()["csrf_token"],
            "Origin": api.url,
        }


BODIES: dict[str, Any] = {
    "agents": {"name": "made-by-the-matrix", "url": "https://a.example/"},
    "agents/{name}": {"description": "by the matrix"},
    "circuits/{name}/override": {"mode": "forced_open", "reason": "matrix"},
    "circuits/{name}/outcomes": {
        "worker": "matrix",
        "run": 1,
        "sequence": 1,
        "outcomes": [{"ticket": "0", "result": "success", "duration_ms": 1}],
    },
    "circuits/{name}/shadow": {"settings": {"failure_threshold": 2}, "reason": "matrix"},
    "tasks": {"agent": AGENT, "payload": 1},
    "tokens": {"name": "made-by-the-matrix", "role": "admin"},
    "session": {"token": "fl_none"},
    "alerts/rules": {"name": AGENT, "when": {"kind": "opened"}},
    "alerts/rules/{name}": {"when": {"kind": "open_longer"}},
    "alerts/channels": {
        "name": AGENT,
        "to": {"kind": "webhook", "url": "https://a.example/", "secret": "${env:SECRET}"},
    },
    "alerts/channels/{name}": {
        "to": {"kind": "webhook", "url": "https://b.example/", "secret": "${env:SECRET}"},
    },
}
QUERIES: dict[str, dict[str, str]] = {
    "circuits/{name}/state": {"at": "-1s"},
    "circuits/{name}/explain": {"transition": "1"},
}


async def ask(client: httpx2.AsyncClient, route: Route, headers: dict[str, str]) -> int:
    """The status; of a stream that goes on, the status alone is read."""
    path = route.path
    for part, value in (("name:str", AGENT), ("task_id:str", "none"), ("token_id:str", "none")):
        path = path.replace("{" + part + "}", value)
    plain = route.path.replace(":str", "")
    query = dict(QUERIES.get(plain, {}))
    if route.method == "DELETE" and plain.startswith(("agents", "circuits")):
        query["reason"] = "matrix"
    body = BODIES.get(plain) if route.method in ("POST", "PUT", "PATCH") else None
    request = client.build_request(route.method, path, params=query, headers=headers, json=body)
    answer = await client.send(request, stream=True)
    try:
        if answer.status_code in (401, 403, 405, 429):
            await answer.aread()
            problem(answer, 401, 403, 405, 429)
        return answer.status_code
    finally:
        await answer.aclose()


async def facts(api: RunningApi) -> list[Any]:
    """All that a change would change."""
    async with api.client() as client:
        paths = (
            *("agents", "tokens", f"circuits/{AGENT}/timeline"),
            *("alerts/rules", "alerts/channels", "alerts/audit"),
        )
        found: list[Any] = [(await client.get(path)).json().get("items", []) for path in paths]
    queued = await api.backend.wire.call("XLEN", api.backend.keys.tasks.normal)
    tokens = [{**one, "last_used_at": None} for one in found[1]]
    return [found[0], tokens, *found[2:], queued]


OUTSIDERS = ("nobody", "expired", "revoked", "wrong", "basic", "in a cookie")


@pytest.mark.parametrize("name", OUTSIDERS)
async def test_without_valid_credentials_only_public_routes_answer(
    callers: Callers, routes: list[Route], name: str
) -> None:
    before = await facts(callers.api)
    async with callers.api.client(None) as client:
        for route in routes:
            await forget_attempts(callers.api)
            status = await ask(client, route, callers.headers[name])
            if route.role is None:
                assert status in (200, 204, 401), route  # 401: logging in with no token
            else:
                assert status == 401, route
    assert await facts(callers.api) == before


async def forget_attempts(api: RunningApi) -> None:
    prefix = api.backend.keys.access.attempts_prefix
    for key in (f"{prefix}127.0.0.1", f"{prefix}all"):
        await api.backend.wire.call("DEL", key)


@pytest.mark.parametrize("role", [Role.VIEWER, Role.CALLER, Role.OPERATOR])
async def test_a_role_does_what_it_is_for_and_nothing_more(
    callers: Callers, routes: list[Route], role: Role
) -> None:
    before = await facts(callers.api)
    async with callers.api.client(role) as client:
        for route in routes:
            if route.role not in (None, Role.VIEWER) and allows(role, route.role):
                continue  # changes something; see below
            status = await ask(client, route, {})
            if route.role is not None:
                assert (status == 403) == (not allows(role, route.role)), (route, status)
            assert status < 500, route
    assert await facts(callers.api) == before


async def test_callers_may_call(callers: Callers, routes: list[Route]) -> None:
    found = [one for one in routes if one.role is Role.CALLER and one.method == "POST"]
    assert len(found) == 3
    async with callers.api.client(Role.CALLER) as client:
        for route in found:
            assert await ask(client, route, {}) in (200, 202), route


async def test_operators_and_admins_may_change(callers: Callers, routes: list[Route]) -> None:
    order = ("POST", "PATCH", "PUT", "DELETE")
    routes = sorted(routes, key=lambda one: (*order, one.method).index(one.method))
    async with callers.api.client(Role.OPERATOR) as operator:
        for route in routes:
            if route.role is Role.OPERATOR:
                # Nobody would send a test of an alert here.
                well = (404, 409) if route.path.endswith("/test") else (200, 201, 202, 204)
                assert await ask(operator, route, {}) in well, route
    async with callers.api.client(Role.ADMIN) as admin:
        for route in routes:
            if route.role is Role.ADMIN and route.method != "DELETE":
                assert await ask(admin, route, {}) in (200, 201), route
        for name in ("made-by-the-matrix",):
            await admin.delete(f"agents/{name}", params={"reason": "tidy"})


def changing(routes: list[Route]) -> list[Route]:
    safe = ("GET", "HEAD", "OPTIONS")
    return [one for one in routes if one.role is not None and one.method not in safe]


@pytest.mark.parametrize(
    ("flaw", "changes"),
    [
        ("no CSRF token", {"X-CSRF-Token": ""}),
        ("a wrong CSRF token", {"X-CSRF-Token": "A" * 43}),
        ("another site", {"Origin": "https://evil.example"}),
        ("no origin", {"Origin": ""}),
        ("a null origin", {"Origin": "null"}),
        ("a cross-site fetch", {"Sec-Fetch-Site": "cross-site"}),
        ("a same-site fetch", {"Sec-Fetch-Site": "same-site"}),
        ("another cookie", {"Cookie": "fuseline_session=" + "A" * 43}),
    ],
)
async def test_a_session_changes_nothing_from_elsewhere(
    callers: Callers, routes: list[Route], flaw: str, changes: dict[str, str]
) -> None:
    before = await facts(callers.api)
    good = await session_of(callers.api, Role.ADMIN)
    headers = {name: value for name, value in (good | changes).items() if value}
    async with callers.api.client(None) as client:
        for route in changing(routes):
            assert await ask(client, route, headers) in (401, 403), (flaw, route)
    assert await facts(callers.api) == before


async def test_a_session_with_its_csrf_token_is_its_token(
    callers: Callers, routes: list[Route]
) -> None:
    for role in Role:
        headers = await session_of(callers.api, role)
        async with callers.api.client(None) as client:
            assert (await client.get("me", headers=headers)).json()["kind"] == "session"
            for route in routes:
                if route.role is None or route.path == "session" or allows(role, route.role):
                    continue
                assert await ask(client, route, headers) == 403, route
            path = f"circuits/{AGENT}/override"
            body = {"mode": "auto", "reason": "matrix"}
            done = await client.post(path, json=body, headers=headers)
            assert done.status_code == (200 if allows(role, Role.OPERATOR) else 403)
            out = await client.delete("session", headers=headers)
            assert out.status_code == 204
            assert (await client.get("me", headers=headers)).status_code == 401


async def test_head_and_options_open_nothing(callers: Callers, routes: list[Route]) -> None:
    before = await facts(callers.api)
    paths = {one.path: one.role for one in routes if one.method != "OPTIONS"}
    methods: dict[str, set[str]] = {}
    for one in routes:
        methods.setdefault(one.path, set()).add(one.method)
    async with callers.api.client(None) as nobody, callers.api.client() as admin:
        for path in paths:
            assert await ask(nobody, Route("OPTIONS", path, None), {}) in (401, 204)
            for method in ("HEAD", "TRACE"):
                request = nobody.build_request(method, path.replace(":str", ""))
                answer = await nobody.send(request)
                assert answer.status_code == 405, (method, path)
                assert set(answer.headers["allow"].split(", ")) == methods[path]
            target = path.replace("{name:str}", AGENT)
            allowed = (await admin.options(target)).headers["allow"]
            assert set(allowed.split(", ")) == methods[path]
    assert await facts(callers.api) == before


async def test_the_local_mode_is_for_this_machine_alone(
    server: RealServer, routes: list[Route]
) -> None:
    async with running_api(server.url, "matrix-local", local_mode=True) as api:
        port = api.url.rpartition(":")[2]
        foreign: list[dict[str, str]] = [
            {"Host": "evil.example"},
            {"Host": f"evil.example:{port}"},
            {"Host": "127.0.0.1"},
            {"Host": f"127.0.0.1.evil.example:{port}"},
            {"X-Forwarded-For": "192.0.2.1"},
            {"Forwarded": "for=192.0.2.1"},
        ]
        before = await facts(api)
        async with api.client(None) as client:
            for place, headers in enumerate(foreign):
                # All routes once; then every other sign on some of them.
                for route in routes if place == 0 else routes[place::5]:
                    if route.role is not None:
                        assert await ask(client, route, headers) == 403, (headers, route)
            for headers in ({}, {"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "none"}):
                for route in changing(routes):
                    assert await ask(client, route, headers) == 403, (headers, route)
            assert await facts(api) == before
            assert (await client.get("me")).json()["role"] == "admin"
            own = {"Origin": api.url}
            made = await client.post("agents", json=BODIES["agents"], headers=own)
            assert made.json()["updated_by"] == "local"


async def test_a_route_without_a_role_is_for_viewers_and_not_for_everybody(
    routes: list[Route],
) -> None:
    public = {one.path for one in routes if one.role is None}
    assert public == {
        "session", "healthz", "readyz", "version", "openapi.json", "docs",
    }  # fmt: skip
    admins = {(one.method, one.path) for one in routes if one.role is Role.ADMIN}
    assert {("POST", "agents"), ("DELETE", "agents/{name:str}"), ("POST", "tokens")} <= admins
