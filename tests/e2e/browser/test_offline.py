"""The server is lost and comes back, and the page knows."""

import re
from pathlib import Path

from playwright.async_api import Browser, expect

from tests.e2e.browser.chromium import complaints_of
from tests.e2e.browser.running_up import BAD, callers_of, running_up


async def test_a_lost_server_is_told_what_is_old_is_marked_and_it_goes_on(
    browser: Browser, tmp_path: Path
) -> None:
    async with running_up(tmp_path) as up, callers_of(up) as callers:
        agent, other = await callers.agent(), await callers.agent()
        agent.manners = BAD
        await up.register("billing", agent)
        await up.register("search", other)
        await callers.call("billing", 3)
        assert await callers.call("search") == ["good"]  # an agent that a worker knows
        page = await browser.new_page(base_url=up.url)
        complaints = complaints_of(page)
        # A script that cannot be fetched at first must not take the page with it.
        menu = re.compile("/assets/ControlMenu")
        await page.route(menu, lambda route: route.abort())
        await page.goto("/")
        card = page.get_by_role("article", name="billing")
        await expect(card).to_contain_text("Open")
        await expect(page.get_by_text("Live", exact=True)).to_be_visible()
        await page.unroute(menu)
        await expect(card.get_by_role("button", name="Control billing")).to_be_visible()
        lost = page.get_by_text("The connection to the server is lost")
        await expect(lost).to_have_count(0)
        loaded = await page.evaluate("performance.timeOrigin")

        up.kill()
        await expect(lost).to_be_visible()
        await expect(card).to_contain_text(re.compile(r"last seen (just now|\d+\ss ago)"))
        hatched = await card.evaluate("one => getComputedStyle(one).backgroundImage")
        assert "repeating-linear-gradient" in hatched
        await expect(card).to_contain_text("3 failures in a row")  # what is known stays
        await expect(page.get_by_role("row", name=re.compile("search"))).to_be_visible()

        # Its Redis went with it. Workers decide alone; what they saw stands there afterwards.
        other.manners = BAD
        assert await callers.call("search", 4, away=True) == ["http_503"] * 3 + ["refused"]
        await up.start()
        await expect(lost).to_be_hidden()
        await expect(page.get_by_text("Live", exact=True)).to_be_visible()
        await expect(page.get_by_role("article", name="search")).to_contain_text("Open")
        await expect(card).not_to_contain_text("last seen")
        assert await page.evaluate("performance.timeOrigin") == loaded
        assert complaints == []
        await page.context.close()
