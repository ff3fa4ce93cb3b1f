"""Every page as it looks, from a real demonstration: `python -m tests.e2e.browser.screenshots`.

Light and dark, on a desktop and on a phone, as PNG files into a folder, if one is named. With
`--docs` the few that the documentation shows, as WebP files into docs/images. Ends with 1 where a
page complains or scrolls sideways.
"""

import argparse
import asyncio
import base64
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.e2e.browser.chromium import ROOT, MissingError, build_ui, chromium, complaints_of
from tests.e2e.browser.running_up import Up, running_up
from tests.waiting import eventually

AGENT = "flaky"
OPEN = "outage"
HISTORY_SECONDS = 80
SIZES = (ViewportSize(width=1280, height=800), ViewportSize(width=360, height=740))
DOCS = ROOT / "docs" / "images"
QUALITY = 82

Step = Callable[[Page], Awaitable[object]]


async def _nothing(page: Page) -> None:
    """As the page opens."""


async def _explain(page: Page) -> None:
    rows = page.get_by_role("region", name="What happened").get_by_role("button")
    await rows.filter(has_text="failures in a row").first.click()
    await expect(page.get_by_text("Settings in force")).to_be_visible()


async def _force(page: Page) -> None:
    await page.get_by_role("button", name="Control", exact=True).click()
    await page.get_by_role("menuitem", name="Force open").click()
    await (
        page.get_by_role("dialog").get_by_role("textbox").fill("the supplier repairs its database")
    )


async def _palette(page: Page) -> None:
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("dialog")).to_be_visible()


PAGES: dict[str, tuple[str, Step]] = {
    "circuits": ("/", _nothing),
    "circuits-by-tag": ("/?by=tag", _nothing),
    "agents": ("/agents", _nothing),
    "agent-new": ("/agents/new", _nothing),
    "agent": (f"/agents/{AGENT}", _nothing),
    "force": (f"/agents/{AGENT}", _force),
    "timeline": (f"/agents/{OPEN}/timeline?span=120000", _nothing),
    "explanation": (f"/agents/{OPEN}/timeline?span=120000", _explain),
    "settings": (f"/agents/{AGENT}/settings", _nothing),
    "what-if": (f"/agents/{AGENT}/what-if", _nothing),
    "agent-alerts": (f"/agents/{AGENT}/alerts", _nothing),
    "audit": (f"/agents/{AGENT}/audit", _nothing),
    "alerts": ("/alerts", _nothing),
    "tokens": ("/tokens", _nothing),
    "about": ("/about", _nothing),
    "palette": ("/", _palette),
    "login": ("/login", _nothing),
    "not-found": ("/nowhere", _nothing),
}
SHOWN = {  # in the documentation: page, theme, and how much of it
    "ui-circuits": ("circuits", "light", 720),
    "ui-circuits-dark": ("circuits-by-tag", "dark", 860),
    "ui-agent": ("agent", "dark", 820),
    "ui-explanation": ("explanation", "light", 1180),
    "ui-settings": ("settings", "light", 900),
}


async def prepare(up: Up) -> None:
    """What a demonstration has not: tags, somebody's word, a token, agents nobody calls."""
    for name, tags in (("steady", ["search"]), ("flaky", ["payments"]), ("outage", ["payments"])):
        change = {"tags": [*tags, "eu"], "description": f"The {name} agent of the demonstration"}
        await up.ask("PATCH", f"/agents/{name}?reason=sorted+by+team", change)
    for name in ("invoices", "archive", "translate"):
        await up.register(name, None, tags=["back-office"])
    word = {"mode": "forced_open", "reason": "contract ended", "expires_in_seconds": 3600}
    await up.ask("POST", "/circuits/archive/override", word)
    change = {"circuit_breaker_config": {"minimum_calls": 12}}
    await up.ask("PATCH", "/agents/flaky?reason=fewer+false+alarms", change)
    await up.ask("POST", "/tokens", {"name": "ci-deploy", "role": "operator"})


async def take(browser: Browser, url: str, name: str, scheme: Any, size: ViewportSize) -> Page:
    """Opens a page and waits until it has settled; its context is the caller's to close."""
    phone = size["width"] < 600
    context = await browser.new_context(
        base_url=url,
        viewport=size,
        color_scheme=scheme,
        reduced_motion="reduce",
        is_mobile=phone,
        device_scale_factor=2 if phone else 1,
    )
    page = await context.new_page()
    complaints = complaints_of(page)
    path, step = PAGES[name]
    await page.goto(path)
    await expect(page.get_by_role("heading").first).to_be_visible()
    await expect(page.locator("[aria-busy=true]")).to_have_count(0)
    await step(page)
    await page.wait_for_timeout(400)  # charts are drawn a frame or two after their figures come
    wide = await page.evaluate("document.documentElement.scrollWidth")
    if wide > size["width"]:
        complaints.append(f"it is {wide} px wide and scrolls sideways")
    for complaint in complaints:
        print(f"{name} {scheme} {size['width']}: {complaint}", file=sys.stderr)
    page.complaints = len(complaints)  # type: ignore[attr-defined]
    return page


async def write_docs(browser: Browser, url: str) -> None:
    """The few of the documentation; Chromium itself writes WebP."""
    for file, (name, scheme, height) in SHOWN.items():
        page = await take(browser, url, name, scheme, ViewportSize(width=1280, height=height))
        session = await page.context.new_cdp_session(page)
        shot = {"format": "webp", "quality": QUALITY}
        answer = await session.send("Page.captureScreenshot", shot)
        (DOCS / f"{file}.webp").write_bytes(base64.b64decode(answer["data"]))
        await page.context.close()


async def write_all(browser: Browser, url: str, folder: Path) -> int:
    """All of them; the number of complaints."""
    folder.mkdir(parents=True, exist_ok=True)
    complaints = 0
    for scheme in ("light", "dark"):
        for size in SIZES:
            for name in PAGES:
                page = await take(browser, url, name, scheme, size)
                complaints += page.complaints  # type: ignore[attr-defined]
                file = folder / f"{name}-{scheme}-{size['width']}.png"
                # What lies over a page covers the window, not the whole page.
                await page.screenshot(path=file, full_page=name not in ("force", "palette"))
                await page.context.close()
    print(f"{len(PAGES) * len(SIZES) * 2} screenshots in {folder}, {complaints} complaints")
    return complaints


async def main(folder: Path | None, *, docs: bool) -> int:
    """Takes what is asked for; the number of complaints."""
    await asyncio.to_thread(build_ui)
    complaints = 0
    with tempfile.TemporaryDirectory(prefix="fuseline-shots-") as data:
        async with running_up(Path(data), "--demo") as up, chromium() as browser:

            async def registered() -> bool:
                return (await up.ask("GET", "/agents"))["total"] == 3

            await eventually(registered, 30)
            await prepare(up)
            print(f"the demonstration runs for {HISTORY_SECONDS} s first", flush=True)
            await asyncio.sleep(HISTORY_SECONDS)

            async def in_trouble() -> bool:
                found = (await up.ask("GET", "/circuits"))["items"]
                return any(one["agent"] == OPEN and one["state"] == "open" for one in found)

            if folder is not None:
                complaints = await write_all(browser, up.url, folder)
            if docs:
                await eventually(in_trouble, 60, 0.1)
                await write_docs(browser, up.url)
    return complaints


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--docs", action="store_true", help="also those of the documentation")
    chosen = parser.parse_args()
    try:
        sys.exit(1 if asyncio.run(main(chosen.folder, docs=chosen.docs)) else 0)
    except MissingError as missing:
        sys.exit(str(missing))
