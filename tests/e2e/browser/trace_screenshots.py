"""From a transition to its traces in a viewer, as docs/telemetry.md shows it.

`python -m tests.e2e.browser.trace_screenshots http://localhost:6006` goes the way of that page with
a demonstration of its own and writes each step into docs/images. The viewer is Arize Phoenix, which
needs no container; it has to run, and takes what the demonstration exports within minutes.
"""

import argparse
import asyncio
import base64
import sys
import tempfile
from pathlib import Path

from playwright.async_api import Error, Locator, Page, ViewportSize, expect

from tests.e2e.browser.chromium import MissingError, build_ui, chromium
from tests.e2e.browser.running_up import Up, running_up
from tests.e2e.browser.screenshots import DOCS, QUALITY
from tests.waiting import eventually

AGENT = "outage"
CAUSE = "failures in a row"
TRACE_PATH = "/redirects/traces/{trace_id}"
PROJECT_PATH = "/redirects/projects/default"
SIZE = ViewportSize(width=1280, height=820)
HIGH = ViewportSize(width=1280, height=1240)
_MARGIN = 8
_OPENS_SECONDS = 120
# Phoenix takes in some hundred spans a second, where nothing else runs.
_ARRIVES_SECONDS = 300
_LOOK_SECONDS = 20
_LIGHT = """
localStorage.setItem("arize-phoenix-theme-mode", "light")
localStorage.setItem("arize-phoenix-theme", "light")
localStorage.setItem(
  "arize-phoenix-preferences", '{"state": {"isSideNavExpanded": false}, "version": 0}'
)
"""


async def record(up: Up) -> None:
    """Waits until the agent's circuit has opened and closed again."""

    async def has_closed() -> bool:
        if not any(one["agent"] == AGENT for one in (await up.ask("GET", "/circuits"))["items"]):
            return False
        items = (await up.ask("GET", f"/circuits/{AGENT}/timeline?kinds=transition"))["items"]
        return {"consecutive_failures", "probes_succeeded"} <= {one["cause"] for one in items}

    await eventually(has_closed, _OPENS_SECONDS, 0.5)


async def save(page: Page, name: str, part: Locator | None = None) -> None:
    """Writes what the window shows, or the height of a part of the page; Chromium writes WebP."""
    session = await page.context.new_cdp_session(page)
    shot: dict[str, object] = {"format": "webp", "quality": QUALITY}
    if part is not None:
        box = await part.bounding_box()
        assert box is not None
        top, height = box["y"] - _MARGIN, box["height"] + 2 * _MARGIN
        clip = {"x": 0, "y": top, "width": SIZE["width"], "height": height, "scale": 1}
        shot |= {"clip": clip, "captureBeyondViewport": True}
    answer = await session.send("Page.captureScreenshot", shot)
    file = DOCS / f"{name}.webp"
    file.write_bytes(base64.b64decode(answer["data"]))
    print(f"{file.name}: {file.stat().st_size} bytes")


async def explained(page: Page, url: str) -> str:
    """Step 1: the transition with its calls; returns the id of its event."""
    await page.goto(f"{url}/agents/{AGENT}/timeline?span=120000")
    rows = page.get_by_role("region", name="What happened").get_by_role("button")
    await rows.filter(has_text=CAUSE).first.click()
    panel = page.get_by_role("region", name="Why this happened")
    await expect(panel.get_by_text("Settings in force")).to_be_visible()
    links = panel.get_by_title("Open in the viewer of traces")
    await expect(links.nth(5)).to_be_attached()  # that of the transition, those of its five calls
    await page.wait_for_timeout(400)  # charts are drawn a frame or two after their figures come
    await save(page, "trace-explained", panel)
    event = await panel.locator("dt", has_text="Event").locator("+ dd").inner_text()
    return event.split()[-1]


async def followed(page: Page) -> Page:
    """Step 2: a click on a call's link, and its trace in the viewer; returns that page."""
    panel = page.get_by_role("region", name="Why this happened")
    async with page.context.expect_page() as opened:
        await panel.get_by_title("Open in the viewer of traces").first.click()
    viewer = await opened.value

    async def is_there() -> bool:
        tree = viewer.get_by_test_id("trace-tree")
        try:
            for span in ("ask", f"POST {AGENT}", "fuseline.call"):
                await tree.get_by_text(span, exact=True).click(timeout=_LOOK_SECONDS * 1000)
        except Error:
            await viewer.reload()
            return False
        return True

    await eventually(is_there, _ARRIVES_SECONDS, 1)
    await expect(viewer.get_by_role("row").filter(has_text="failure_kind")).to_be_visible()
    await save(viewer, "trace-call")
    return viewer


async def transition(viewer: Page, address: str, event: str) -> None:
    """Step 3: the transition's own span, found by its event."""
    await viewer.set_viewport_size(HIGH)
    await viewer.goto(f"{address}{PROJECT_PATH}")
    await viewer.locator(".cm-content").first.click()
    await viewer.keyboard.press("Control+a")
    await viewer.keyboard.insert_text(f"attributes['fuseline']['event']['id'] == '{event}'")
    await viewer.keyboard.press("Enter")
    await viewer.get_by_role("link", name="fuseline.transition").click()
    await expect(viewer.get_by_role("row").filter(has_text="threshold.probes")).to_be_visible()
    await save(viewer, "trace-transition")


async def main(address: str, otlp: str) -> None:
    """Takes the pictures.

    Args:
        address: of the viewer's pages, without a slash at the end.
        otlp: where it takes OTLP over gRPC.
    """
    await asyncio.to_thread(build_ui)
    with tempfile.TemporaryDirectory(prefix="fuseline-traces-") as data:
        async with running_up(
            Path(data),
            "--demo",
            OTEL_EXPORTER_OTLP_ENDPOINT=otlp,
            OTEL_METRICS_EXPORTER="none",
        ) as up:
            await record(up)
        print("the demonstration has ended; its traces may still be arriving", flush=True)
        async with (
            running_up(Path(data), FUSELINE_API_TRACE_URL=f"{address}{TRACE_PATH}") as up,
            chromium() as browser,
        ):
            context = await browser.new_context(
                viewport=SIZE, color_scheme="light", reduced_motion="reduce"
            )
            await context.add_init_script(_LIGHT)
            page = await context.new_page()
            event = await explained(page, up.url)
            await transition(await followed(page), address, event)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("viewer", help="address of its pages, e.g. http://localhost:6006")
    parser.add_argument("otlp", nargs="?", default="http://localhost:4317", help="over gRPC")
    chosen = parser.parse_args()
    try:
        asyncio.run(main(chosen.viewer.rstrip("/"), chosen.otlp))
    except MissingError as missing:
        sys.exit(str(missing))
