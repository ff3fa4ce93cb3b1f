"""Every page against axe-core, in both themes, and on narrow screens."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect
from playwright.async_api import TimeoutError as Late

from fuseline.api.access.roles import Role
from tests.e2e.browser.conftest import Opens
from tests.e2e.browser.running_up import BAD, Callers, Up

AGENT = "axe-agent"
PAGES = {
    "circuits": "/?by=tag",
    "agents": "/agents",
    "new agent": "/agents/new",
    "overview": f"/agents/{AGENT}",
    "timeline": f"/agents/{AGENT}/timeline?span=300000",
    "settings": f"/agents/{AGENT}/settings",
    "what-if": f"/agents/{AGENT}/what-if",
    "alerts of the agent": f"/agents/{AGENT}/alerts",
    "audit": f"/agents/{AGENT}/audit",
    "alerts": "/alerts",
    "tokens": "/tokens",
    "about": "/about",
    "login": "/login",
    "not there": "/nowhere",
    "no such agent": "/agents/gone",
}
FITS = "width => document.documentElement.scrollWidth <= width"
WIDTHS = {"phone": 360, "zoomed to 200 %": 640}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def scene(up: Up, callers: Callers) -> AsyncIterator[None]:
    """An agent with a history, open, and one that an operator holds."""
    agent = await callers.agent()
    await up.register(AGENT, agent, tags=["eu", "money"], description="Has everything to show.")
    await callers.call(AGENT, 3)
    tried = {"settings": {"failure_threshold": 2}, "reason": "to be seen"}
    await up.ask("PUT", f"/circuits/{AGENT}/shadow", tried)
    agent.manners = BAD
    await callers.call(AGENT, 3)
    await up.register("axe-held", None)
    word = {"mode": "forced_closed", "reason": "tried", "expires_in_seconds": 600}
    await up.ask("POST", "/circuits/axe-held/override", word)
    yield


async def settled(page: Page) -> None:
    """Waits until a page shows what it is about."""
    await expect(page.get_by_role("heading").first).to_be_visible()
    await expect(page.locator("[aria-busy=true]")).to_have_count(0)


async def no_violation(page: Page, what: str, **options: Any) -> None:
    """Lets axe look at a page as it is."""
    found = (await Axe().run(page, options={"resultTypes": ["violations"]} | options)).response[
        "violations"
    ]
    told = "\n".join(
        f"{what}: {one['id']}: {node['html'][:200]} {node['failureSummary']}"
        for one in found
        for node in one["nodes"]
    )
    assert told == ""


@pytest.mark.parametrize("name", PAGES)
async def test_axe_finds_nothing(visit: Opens, scene: None, name: str) -> None:
    page = await visit(PAGES[name], role=None if name == "login" else Role.ADMIN)
    await settled(page)
    await no_violation(page, name)
    await page.emulate_media(color_scheme="dark")
    await expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    # Colours turn in a moment, and are neither the one nor the other meanwhile.
    await page.evaluate(
        "() => Promise.all(document.getAnimations().map(one => one.finished.catch(() => null)))"
    )
    # Of all rules only this one looks at colours.
    await no_violation(page, f"{name}, dark", runOnly=["color-contrast"])
    for what, width in WIDTHS.items():
        await page.set_viewport_size({"width": width, "height": 700})
        try:  # charts are drawn anew a moment later
            await page.wait_for_function(FITS, arg=width, timeout=5_000)
        except Late:
            wide = await page.evaluate("document.documentElement.scrollWidth")
            raise AssertionError(f"{name} {what}: {wide} px wide, it scrolls sideways") from None


async def test_axe_finds_nothing_in_what_opens(visit: Opens, scene: None) -> None:
    page = await visit(f"/agents/{AGENT}/timeline?span=300000")
    happened = page.get_by_role("region", name="What happened").get_by_role("button")
    await happened.filter(has_text="failures in a row").first.click()
    await expect(page.get_by_role("region", name="Why this happened")).to_contain_text(
        "Settings in force"
    )
    await no_violation(page, "explanation")
    await page.get_by_role("button", name="Control", exact=True).click()
    await expect(page.get_by_role("menuitem").first).to_be_visible()
    # An open menu stands at the end of the document, in no landmark; its button names it.
    await no_violation(page, "menu", rules={"region": {"enabled": False}})
    await page.get_by_role("menuitem", name="Force open").click()
    await expect(page.get_by_role("dialog")).to_be_visible()
    await no_violation(page, "dialog")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("textbox", name="Agent, page or action")).to_be_focused()
    await no_violation(page, "palette")
