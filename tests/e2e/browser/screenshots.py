"""Every page as it looks, from a real demonstration: `python -m tests.e2e.browser.screenshots`.

Light and dark, on a desktop and on a phone, as PNG files into a folder, if one is named: all of
them, or those that `--only` names. With `--docs` the few that the documentation shows, as WebP
files into docs/images. Ends with 1 where a page complains or scrolls sideways.
"""

import argparse
import asyncio
import base64
import sys
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, ViewportSize, expect
from playwright.async_api import Error as PlaywrightError

from tests.alerts.support import SECRET, receiving
from tests.e2e.browser.chromium import ROOT, MissingError, build_ui, chromium, complaints_of
from tests.e2e.browser.running_up import Up, running_up
from tests.e2e.browser.shown import (
    EMPTY,
    LATE,
    OPEN,
    OVER,
    PAGES,
    REFUSED,
    SHADOWED,
    UNUSED,
    Step,
    intercept,
    release,
)
from tests.waiting import eventually

HISTORY_SECONDS = 80
SIZES = (ViewportSize(width=1280, height=800), ViewportSize(width=360, height=740))
DOCS = ROOT / "docs" / "images"
QUALITY = 82

SHOWN = {  # in the documentation: page, theme, and how much of it
    "ui-circuits": ("circuits", "light", 720),
    "ui-circuits-dark": ("circuits-by-tag", "dark", 860),
    "ui-agent": ("agent", "dark", 820),
    "ui-explanation": ("explanation", "light", 1180),
    "ui-settings": ("settings", "light", 900),
}


async def prepare(up: Up) -> None:
    """What a demonstration has not: tags, an override, a token, a shadow, agents nobody calls."""
    for name, tags in (("steady", ["search"]), ("flaky", ["payments"]), ("outage", ["payments"])):
        change = {"tags": [*tags, "eu"], "description": f"The {name} agent of the demonstration"}
        await up.ask("PATCH", f"/agents/{name}?reason=sorted+by+team", change)
    for name in (UNUSED, "archive", "translate"):
        await up.register(name, None, tags=["back-office"])
    word = {"mode": "forced_open", "reason": "contract ended", "expires_in_seconds": 3600}
    await up.ask("POST", "/circuits/archive/override", word)
    change = {"circuit_breaker_config": {"minimum_calls": 12}}
    await up.ask("PATCH", "/agents/flaky?reason=fewer+false+alarms", change)
    tried = {"settings": {"failure_threshold": 2}, "reason": "would it be too nervous?"}
    await up.ask("PUT", f"/circuits/{SHADOWED}/shadow", tried)
    await up.ask("POST", "/tokens", {"name": "ci-deploy", "role": "operator"})


async def alert(up: Up, url: str) -> None:
    """Somebody who is told, a channel that fails, and rules."""
    secret = "${env:OPS_WEBHOOK_SECRET}"
    for name, path in (("ops", "/ok"), ("legacy", "/status/410")):
        to = {"kind": "webhook", "url": url + path, "secret": secret}
        await up.ask("POST", "/alerts/channels", {"name": name, "to": to})
    scope = {"tags": ["payments"], "channels": ["ops", "legacy"]}
    for rule in (
        {"name": "payments-open", "when": {"kind": "opened"}, "severity": "critical"} | scope,
        {"name": "redis", "when": {"kind": "redis_lost"}, "channels": ["ops"]},
        {"name": "forgotten", "when": {"kind": "override_longer", "for_seconds": 5}},
    ):
        await up.ask("POST", "/alerts/rules", rule)


async def take(
    browser: Browser,
    url: str,
    name: str,
    page_step: tuple[str, Step],
    scheme: Any,
    size: ViewportSize,
) -> Page:
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
    path, step = page_step
    await intercept(page, name)
    await page.goto(path)
    if name in LATE:
        await expect(page.locator("main .mantine-Skeleton-root").first).to_be_visible()
    else:
        await expect(page.get_by_role("heading").first).to_be_visible()
        if name not in REFUSED:
            await expect(page.locator("[aria-busy=true]")).to_have_count(0)
    await step(page)
    if name not in OVER:
        # Lists draw what is in the window only: let all of the page be in it.
        tall = await page.evaluate("document.documentElement.scrollHeight")
        await page.set_viewport_size({"width": size["width"], "height": max(tall, size["height"])})
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
        size = ViewportSize(width=1280, height=height)
        page = await take(browser, url, name, PAGES[name], scheme, size)
        await page.set_viewport_size(size)
        session = await page.context.new_cdp_session(page)
        shot = {"format": "webp", "quality": QUALITY}
        answer = await session.send("Page.captureScreenshot", shot)
        (DOCS / f"{file}.webp").write_bytes(base64.b64decode(answer["data"]))
        await page.context.close()


async def write_all(
    browser: Browser, url: str, folder: Path, pages: Mapping[str, tuple[str, Step]]
) -> int:
    """Pictures of these pages; the number of complaints."""
    folder.mkdir(parents=True, exist_ok=True)
    complaints = 0
    for scheme in ("light", "dark"):
        for size in SIZES:
            for name, page_step in pages.items():
                try:
                    page = await take(browser, url, name, page_step, scheme, size)
                except (AssertionError, PlaywrightError) as error:
                    complaints += 1
                    print(f"{name} {scheme} {size['width']}: {error}", file=sys.stderr)
                    continue
                complaints += page.complaints  # type: ignore[attr-defined]
                await page.screenshot(path=folder / f"{name}-{scheme}-{size['width']}.png")
                await release()
                await page.context.close()
    print(f"{len(pages) * len(SIZES) * 2} screenshots in {folder}, {complaints} complaints")
    return complaints


async def of_nothing(browser: Browser, folder: Path, only: Collection[str]) -> int:
    """Pictures of a server that nobody has used yet; the number of complaints."""
    with tempfile.TemporaryDirectory(prefix="fuseline-shots-") as data:
        async with running_up(Path(data)) as up:
            return await write_all(browser, up.url, folder, chosen_of(EMPTY, only))


async def of_demo(
    browser: Browser, folder: Path | None, only: Collection[str], *, docs: bool
) -> int:
    """Pictures of the demonstration; the number of complaints."""
    complaints = 0
    variables = {"FUSELINE_OUTBOUND_ALLOW": "127.0.0.1", "OPS_WEBHOOK_SECRET": SECRET}
    with tempfile.TemporaryDirectory(prefix="fuseline-shots-") as data:
        async with receiving() as receiver, running_up(Path(data), "--demo", **variables) as up:

            async def registered() -> bool:
                return (await up.ask("GET", "/agents"))["total"] == 3

            await eventually(registered, 30)
            await prepare(up)
            await alert(up, receiver.url)
            print(f"the demonstration runs for {HISTORY_SECONDS} s first", flush=True)
            await asyncio.sleep(HISTORY_SECONDS)

            async def in_trouble() -> bool:
                found = (await up.ask("GET", "/circuits"))["items"]
                return any(one["agent"] == OPEN and one["state"] == "open" for one in found)

            if folder is not None:
                complaints = await write_all(browser, up.url, folder, chosen_of(PAGES, only))
            if docs:
                await eventually(in_trouble, 60, 0.1)
                await write_docs(browser, up.url)
    return complaints


def chosen_of(pages: Mapping[str, tuple[str, Step]], only: Collection[str]) -> Any:
    """Those that are wanted; all unless some are named."""
    return {name: page for name, page in pages.items() if not only or name in only}


async def main(folder: Path | None, only: Collection[str], *, docs: bool) -> int:
    """Takes what is asked for; the number of complaints."""
    await asyncio.to_thread(build_ui)
    expect.set_options(timeout=30_000)
    complaints = 0
    async with chromium() as browser:
        if folder is not None and chosen_of(EMPTY, only):
            complaints += await of_nothing(browser, folder, only)
        if docs or chosen_of(PAGES, only):
            complaints += await of_demo(browser, folder, only, docs=docs)
    return complaints


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--docs", action="store_true", help="also those of the documentation")
    parser.add_argument("--only", nargs="+", default=[], choices=[*PAGES, *EMPTY], metavar="PAGE")
    chosen = parser.parse_args()
    try:
        sys.exit(1 if asyncio.run(main(chosen.folder, chosen.only, docs=chosen.docs)) else 0)
    except MissingError as missing:
        sys.exit(str(missing))
