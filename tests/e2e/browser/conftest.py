"""One browser and one `fuseline up` for all tests of a process; each test has agents of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, expect

from fuseline.api.access.roles import Role
from tests.e2e.browser.chromium import MissingError, build_ui, chromium, complaints_of
from tests.e2e.browser.running_up import Callers, Up, callers_of, running_up
from tests.e2e.browser.scene import make_scene

# A machine that does other things too is slow; nothing waits longer than it has to.
_PATIENCE_MS = 20_000

Opens = Callable[..., Awaitable[Page]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All tests here share one event loop: a browser belongs to the loop it was started in."""
    for item in items:
        if "/e2e/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, with the web UI built; skips where either cannot be had."""
    expect.set_options(timeout=_PATIENCE_MS)
    async with AsyncExitStack() as stack:
        try:
            await asyncio.to_thread(build_ui)
            opened = await stack.enter_async_context(chromium())
        except MissingError as missing:
            pytest.skip(str(missing))
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def up(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Up]:
    """A `fuseline up` that asks for tokens; keep to agents of your own."""
    async with running_up(tmp_path_factory.mktemp("up"), tokens=True) as started:
        yield started


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def callers(up: Up) -> AsyncIterator[Callers]:
    """A worker beside it."""
    async with callers_of(up) as opened:
        yield opened


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def scene(up: Up, callers: Callers) -> None:
    """Something to show on every page."""
    await make_scene(up, callers)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def logged_in(browser: Browser, up: Up, callers: Callers) -> dict[Role, Any]:
    """What a browser keeps after a login, by role."""
    kept = {}
    for role, token in (await callers.make_tokens()).items():
        context = await browser.new_context()
        answer = await context.request.post(f"{up.url}/api/v1/session", data={"token": token})
        assert answer.ok, await answer.text()
        kept[role] = await context.storage_state()
        await context.close()
    return kept


@pytest_asyncio.fixture(loop_scope="session")
async def visit(browser: Browser, up: Up, logged_in: dict[Role, Any]) -> AsyncIterator[Opens]:
    """Opens a path as somebody of a role; at the end no page may have complained."""
    opened = []

    async def go(path: str, role: Role | None = Role.ADMIN, **options: Any) -> Page:
        state = logged_in[role] if role is not None else None
        context = await browser.new_context(
            base_url=up.url, storage_state=state, reduced_motion="reduce", **options
        )
        page = await context.new_page()
        page.set_default_timeout(_PATIENCE_MS)
        opened.append((context, complaints_of(page)))
        await page.goto(path)
        return page

    yield go
    for context, _ in opened:
        await context.close()
    assert [complaint for _, found in opened for complaint in found] == []
