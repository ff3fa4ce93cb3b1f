"""What tests of every page share: the pages, and an agent with something to show on each."""

from playwright.async_api import Page, expect

from tests.e2e.browser.running_up import BAD, Callers, Up
from tests.waiting import eventually

AGENT = "axe-agent"
PAGES = {
    "circuits": "/?by=tag",
    "agents": "/agents",
    "new agent": "/agents/new",
    "overview": f"/agents/{AGENT}",
    "timeline": f"/agents/{AGENT}/timeline?span=3600000",
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


async def make_scene(up: Up, callers: Callers) -> None:
    """An agent with a history, open, one that an operator holds, and somebody who is told of it."""
    # The channel's secret is not there, so that its deliveries fail and say why.
    to = {"kind": "webhook", "url": "https://ops.example.com/hooks", "secret": "${env:NOT_THERE}"}
    await up.ask("POST", "/alerts/channels", {"name": "scene-ops", "to": to})
    rule = {"name": "scene-opened", "when": {"kind": "opened"}, "severity": "critical"}
    scope = {"agents": [AGENT], "channels": ["scene-ops"]}
    await up.ask("POST", "/alerts/rules", rule | scope)
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

    async def told() -> bool:
        return bool((await up.ask("GET", "/alerts/deliveries"))["items"])

    await eventually(told, 60, 0.1)


async def settled(page: Page) -> None:
    """Waits until a page shows what it is about."""
    await expect(page.get_by_role("heading").first).to_be_visible()
    await expect(page.locator("[aria-busy=true]")).to_have_count(0)
