"""Every page on a phone: nothing is cut off, and nothing scrolls sideways but what says so."""

from playwright.async_api import Page, expect
from playwright.async_api import TimeoutError as Late

from tests.e2e.browser.conftest import Opens
from tests.e2e.browser.scene import PAGES, settled

WIDTH = 390
FITS = "() => document.scrollingElement.scrollWidth <= innerWidth"
# Rows are cards there, so that nothing is beside the screen; and the tab one is on is to be seen.
CUT = """() => [
  ...[...document.querySelectorAll(".fl-cards")]
    .filter(one => one.scrollWidth > one.parentElement.clientWidth)
    .map(one => `a table is ${one.scrollWidth} px wide: ${one.innerText.slice(0, 60)}`),
  ...[...document.querySelectorAll("nav [data-status=active]")]
    .filter(one => one.offsetWidth > 0 && one.getBoundingClientRect().right > innerWidth)
    .map(one => `the tab is not to be seen: ${one.innerText}`),
]"""


async def complaint_of(page: Page) -> list[str]:
    """What is wider than the screen; charts may be drawn anew a moment later."""
    try:
        await page.wait_for_function(FITS, timeout=5_000)
    except Late:
        wide = await page.evaluate("document.scrollingElement.scrollWidth")
        return [f"the page is {wide} px wide, it scrolls sideways"]
    found: list[str] = await page.evaluate(CUT)
    return found


async def test_no_page_scrolls_sideways_on_a_phone(visit: Opens, scene: None) -> None:
    page = await visit("/", viewport={"width": WIDTH, "height": 844})
    html = page.locator("html")
    wrong = []
    for name, path in PAGES.items():
        await page.goto(path)
        await settled(page)
        for scheme in ("light", "dark"):
            await page.emulate_media(color_scheme=scheme)
            await expect(html).to_have_attribute("data-mantine-color-scheme", scheme)
            wrong += [f"{name}, {scheme}: {one}" for one in await complaint_of(page)]
    assert wrong == []
