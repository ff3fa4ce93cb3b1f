"""Every page against axe-core, in both themes, and on narrow screens."""

from typing import Any

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page, expect
from playwright.async_api import TimeoutError as Late

from fuseline.api.access.roles import Role
from tests.e2e.browser.conftest import Opens
from tests.e2e.browser.scene import AGENT, PAGES, settled
from tests.waiting import eventually

FITS = "width => document.documentElement.scrollWidth <= width"
WIDTHS = {"phone": 360, "zoomed to 200 %": 640}


async def no_violation(page: Page, what: str, **options: Any) -> None:
    """Lets axe look at a page; what it finds must last.

    A button that is enabled while axe looks has the colours of a disabled one for a moment.
    """
    told = ""

    async def is_clean() -> bool:
        nonlocal told
        answer = await Axe().run(page, options={"resultTypes": ["violations"]} | options)
        told = "\n".join(
            f"{what}: {one['id']}: {node['html'][:200]} {node['failureSummary']}"
            for one in answer.response["violations"]
            for node in one["nodes"]
        )
        return not told

    try:
        await eventually(is_clean, 5, 0.2)
    except AssertionError:
        raise AssertionError(told) from None


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
    page = await visit(f"/agents/{AGENT}/timeline?span=3600000")
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


async def test_axe_finds_nothing_in_forms_and_in_what_they_find(visit: Opens, scene: None) -> None:
    page = await visit("/alerts")
    await page.get_by_role("button", name="New rule").click()
    await page.get_by_role("switch", name="Quiet hours").check(force=True)
    await expect(page.get_by_role("textbox", name="Time zone")).to_be_visible()
    await no_violation(page, "rule")
    await page.keyboard.press("Escape")
    await page.get_by_role("button", name="New channel").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Key of the signature")
    await no_violation(page, "channel")
    await page.goto(f"/agents/{AGENT}/what-if")
    await page.get_by_role("button", name="Find settings").click()
    await expect(page.get_by_text("the cheapest at worst")).to_be_visible()
    await expect(page.get_by_role("region", name="Shadow").get_by_role("row")).not_to_have_count(0)
    await no_violation(page, "proposals and a shadow")
    await page.emulate_media(color_scheme="dark")
    await expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    await no_violation(page, "proposals and a shadow, dark", runOnly=["color-contrast"])
