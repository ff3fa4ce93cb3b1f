"""Every page and state that a picture is taken of: its address, and what is done there.

Of a demonstration (`PAGES`), and of a server that nobody has used yet (`EMPTY`).
"""

from collections.abc import Awaitable, Callable

from playwright.async_api import Page, Route, expect

AGENT = "flaky"
OPEN = "outage"
SHADOWED = "steady"
UNUSED = "invoices"

Step = Callable[[Page], Awaitable[object]]


async def _nothing(page: Page) -> None:
    """As the page opens."""


async def _explain(page: Page) -> None:
    rows = page.get_by_role("region", name="What happened").get_by_role("button")
    await rows.filter(has_text="failures in a row").first.click()
    await expect(page.get_by_text("Settings in force")).to_be_visible()


async def _travel(page: Page) -> None:
    lanes = page.get_by_role("application")
    await lanes.focus()
    await page.keyboard.press("p")
    for _ in range(3):
        await page.keyboard.press(",")
    then = page.get_by_role("region", name="The circuit at an instant")
    await expect(then.get_by_text("(kept)")).to_be_visible()
    await expect(then.get_by_text("Failure rate")).to_be_visible()


async def _control(page: Page) -> None:
    await page.get_by_role("button", name="Control", exact=True).click()
    await expect(page.get_by_role("menuitem").first).to_be_visible()


async def _force(page: Page) -> None:
    await _control(page)
    await page.get_by_role("menuitem", name="Force open").click()
    reason = page.get_by_role("dialog").get_by_role("textbox")
    await reason.fill("the supplier repairs its database")


async def _remove(page: Page) -> None:
    await page.get_by_role("button", name="Remove…").click()
    await expect(page.get_by_role("dialog")).to_be_visible()


async def _change(page: Page) -> None:
    await page.get_by_role("textbox", name="Failures in a row", exact=True).fill("8")
    await page.get_by_role("textbox", name="Open for", exact=True).fill("300")
    save = page.get_by_role("button", name="Save changes")
    await expect(save).to_be_enabled()


async def _wrong(page: Page) -> None:
    await page.get_by_role("textbox", name="Failures in a row", exact=True).fill("0")
    await page.get_by_role("textbox", name="Failure rate", exact=True).fill("140")
    await page.keyboard.press("Tab")
    await expect(page.get_by_text("fields to correct")).to_be_visible()


_SAVE_MEANWHILE = """async name => {
  const path = `/api/v1/agents/${name}`
  const stored = await (await fetch(path)).json()
  const failure_threshold = stored.circuit_breaker_config.failure_threshold === 4 ? 6 : 4
  const body = JSON.stringify({ circuit_breaker_config: { failure_threshold } })
  const headers = { "Content-Type": "application/json" }
  await fetch(`${path}?reason=meanwhile`, { method: "PATCH", headers, body })
}"""


async def _conflict(page: Page) -> None:
    await _change(page)
    await page.evaluate(_SAVE_MEANWHILE, UNUSED)
    await page.get_by_role("button", name="Save changes").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Choose for each field")


async def _try(page: Page) -> None:
    await page.get_by_role("textbox", name="Failures in a row", exact=True).fill("3")
    row = page.get_by_role("row", name="Openings").first
    await expect(row.get_by_role("cell").nth(1)).not_to_have_text(
        await row.get_by_role("cell").nth(0).inner_text()
    )


async def _propose(page: Page) -> None:
    await page.get_by_role("button", name="Find settings").click()
    await expect(page.get_by_text("the cheapest at worst")).to_be_visible()


async def _rule(page: Page) -> None:
    await page.get_by_role("button", name="New rule").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("textbox", name="Name").fill("payments-flap")
    await dialog.get_by_role("combobox", name="When").select_option("flapping")


async def _channel(page: Page) -> None:
    await page.get_by_role("button", name="New channel").click()
    await expect(page.get_by_role("dialog")).to_be_visible()


async def _token(page: Page) -> None:
    await page.get_by_role("button", name="New token").click()
    await expect(page.get_by_role("dialog")).to_be_visible()


async def _token_once(page: Page) -> None:
    await _token(page)
    await page.get_by_role("textbox", name="Name").fill("grafana")
    await page.get_by_role("button", name="Make the token").click()
    await expect(page.get_by_text("Copy it now")).to_be_visible()


async def _palette(page: Page) -> None:
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("dialog")).to_be_visible()


async def _failed(page: Page) -> None:
    await expect(page.get_by_role("button", name="Try again")).to_be_visible()


async def _wrong_token(page: Page) -> None:
    await page.get_by_role("textbox", name="Token").fill("fl_mistyped")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_text("not known here")).to_be_visible()


async def _offline(page: Page) -> None:
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    await page.context.set_offline(True)
    await expect(page.get_by_text("The connection to the server is lost")).to_be_visible()


_waiting: list[Route] = []


async def _later(route: Route) -> None:
    _waiting.append(route)


async def release() -> None:
    """Ends the requests that were left without an answer."""
    while _waiting:
        await _waiting.pop().abort()


async def _refuse(route: Route) -> None:
    problem = """{"type": "about:blank", "title": "Internal Server Error", "status": 500,
      "detail": "the projection could not be read", "request_id": "0f6f2ab1"}"""
    await route.fulfill(status=500, content_type="application/problem+json", body=problem)


# Requests that are answered otherwise, before a page is opened.
LATE = {"loading": "**/api/v1/stream*", "agents-loading": "**/api/v1/agents?*"}
REFUSED = {"agents-error": "**/api/v1/agents?*", "audit-error": f"**/circuits/{AGENT}/timeline*"}


async def intercept(page: Page, name: str) -> None:
    """Lets the requests of a page that shows how it waits, or fails, not come through."""
    if name in LATE:
        await page.route(LATE[name], _later)
    if name in REFUSED:
        await page.route(REFUSED[name], _refuse)


PAGES: dict[str, tuple[str, Step]] = {
    "circuits": ("/", _nothing),
    "circuits-by-tag": ("/?by=tag", _nothing),
    "circuits-none": ("/?q=nobody", _nothing),
    "loading": ("/", _nothing),
    "offline": ("/", _offline),
    "agents": ("/agents", _nothing),
    "agents-loading": ("/agents", _nothing),
    "agents-error": ("/agents", _failed),
    "agent-new": ("/agents/new", _nothing),
    "agent-wrong": ("/agents/new", _wrong),
    "agent": (f"/agents/{AGENT}", _nothing),
    "agent-gone": ("/agents/gone", _nothing),
    "control": (f"/agents/{AGENT}", _control),
    "force": (f"/agents/{AGENT}", _force),
    "timeline": (f"/agents/{OPEN}/timeline?span=120000", _nothing),
    "explanation": (f"/agents/{OPEN}/timeline?span=120000", _explain),
    "time-travel": (f"/agents/{OPEN}/timeline?span=120000", _travel),
    "timeline-empty": (f"/agents/{UNUSED}/timeline", _nothing),
    "settings": (f"/agents/{AGENT}/settings", _nothing),
    "diff": (f"/agents/{AGENT}/settings", _change),
    "conflict": (f"/agents/{UNUSED}/settings", _conflict),
    "remove": (f"/agents/{UNUSED}/settings", _remove),
    "what-if": (f"/agents/{AGENT}/what-if", _try),
    "proposals": (f"/agents/{OPEN}/what-if", _propose),
    "shadow": (f"/agents/{SHADOWED}/what-if", _nothing),
    "agent-alerts": (f"/agents/{AGENT}/alerts", _nothing),
    "audit": (f"/agents/{AGENT}/audit", _nothing),
    "audit-error": (f"/agents/{AGENT}/audit", _failed),
    "alerts": ("/alerts", _nothing),
    "rule": ("/alerts", _rule),
    "channel": ("/alerts", _channel),
    "tokens": ("/tokens", _nothing),
    "token": ("/tokens", _token),
    "token-once": ("/tokens", _token_once),
    "about": ("/about", _nothing),
    "palette": ("/", _palette),
    "login": ("/login", _nothing),
    "login-wrong": ("/login", _wrong_token),
    "not-found": ("/nowhere", _nothing),
}
EMPTY: dict[str, tuple[str, Step]] = {
    "empty-circuits": ("/", _nothing),
    "empty-agents": ("/agents", _nothing),
    "empty-alerts": ("/alerts", _nothing),
    "empty-tokens": ("/tokens", _nothing),
}
# What lies over a page covers the window, not the whole page.
OVER = {
    "force",
    "control",
    "conflict",
    "remove",
    "rule",
    "channel",
    "token",
    "token-once",
    "palette",
}
