"""The main jobs by the keyboard alone: no pointer is ever moved here."""

import re

from playwright.async_api import Locator, Page, expect

from tests.e2e.browser.conftest import Opens
from tests.e2e.browser.running_up import BAD, Callers, Up
from tests.waiting import eventually

_MOST_TABS = 60


async def tab_to(page: Page, wanted: Locator) -> None:
    """Goes on by Tab until something has the focus, which then is to be seen."""
    for _ in range(_MOST_TABS):
        if await wanted.count() and await wanted.evaluate("one => one === document.activeElement"):
            style = (
                "one => { const s = getComputedStyle(one); return s.outlineStyle + s.boxShadow }"
            )
            ring = await wanted.evaluate(style)
            border = await wanted.evaluate("one => getComputedStyle(one).borderColor")
            assert ring != "nonenone" or border, "the focus is not to be seen"
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"not reached by Tab: {wanted}")


async def command(page: Page, text: str) -> None:
    """Chooses what the palette finds first."""
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("textbox", name="Agent, page or action")).to_be_focused()
    await page.keyboard.type(text)
    await expect(page.get_by_role("dialog").get_by_text(text).first).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("textbox", name="Agent, page or action")).to_be_hidden()


async def tell(page: Page, action: str, reason: str) -> None:
    """Gives an operator's word: the arrows choose, Enter does it."""
    await tab_to(page, page.get_by_role("button", name="Control", exact=True))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("menu").locator(":focus")).to_be_attached()
    item = page.get_by_role("menuitem", name=action)
    for _ in range(4):
        await page.keyboard.press("ArrowDown")
        if await item.evaluate("one => one === document.activeElement"):
            break
    await expect(item).to_be_focused()
    await page.keyboard.press("Enter")
    field = page.get_by_role("dialog").get_by_role("textbox", name="Reason")
    await expect(field).to_be_focused()
    await page.keyboard.type(reason)
    await tab_to(page, page.get_by_role("dialog").get_by_role("button", name=action))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_hidden()


async def test_palette_to_an_agent_forced_open_and_back(visit: Opens, up: Up) -> None:
    await up.register("keys-agent", None)
    page = await visit("/about")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await expect(page.get_by_text("Live", exact=True)).to_be_visible()
    await command(page, "keys-agent")
    await expect(page).to_have_url(re.compile(r"/agents/keys-agent$"))
    badge = page.get_by_role("heading", level=1).locator("..")
    await expect(badge).to_contain_text("Closed")
    await tell(page, "Force open", "by keys")
    await expect(badge).to_contain_text("Forced open")
    await tell(page, "Back to auto", "by keys too")
    await expect(badge).to_contain_text("Closed")
    said = page.get_by_role("status").filter(has_text="keys-agent is now")
    await expect(said).to_be_attached()  # and whoever does not see is told


async def test_an_agent_is_created(visit: Opens, up: Up) -> None:
    page = await visit("/")
    await expect(page.get_by_role("heading", level=1)).to_be_visible()
    await command(page, "New agent")
    for name, text in (
        ("Name", "keyed"),
        ("Address", "http://127.0.0.1:9/ask"),
        ("Failures in a row", "0"),
    ):
        await tab_to(page, page.get_by_role("textbox", name=name, exact=True))
        await page.keyboard.type(text)
    await tab_to(page, page.get_by_role("button", name="Create agent"))
    await page.keyboard.press("Enter")
    # What is wrong has the focus.
    wrong = page.get_by_role("textbox", name="Failures in a row")
    await expect(wrong).to_be_focused()
    await page.keyboard.press("Control+a")
    await page.keyboard.type("4")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/agents/keyed$"))
    kept = await up.ask("GET", "/agents/keyed")
    assert kept["circuit_breaker_config"] == {"failure_threshold": 4}


async def test_the_timeline_is_zoomed_and_explains(visit: Opens, up: Up, callers: Callers) -> None:
    agent = await callers.agent()
    await up.register("keys-timeline", agent)
    await callers.call("keys-timeline", 2)
    agent.manners = BAD
    await callers.call("keys-timeline", 3)
    page = await visit("/agents/keys-timeline/timeline")
    await expect(page.get_by_text("3 failures in a row").first).to_be_visible()
    lanes = page.get_by_role("application", name="Timeline of keys-timeline")
    await tab_to(page, lanes)
    shown = page.get_by_role("combobox", name="How much is shown")
    before = await shown.input_value()
    await page.keyboard.press("+")
    await expect(shown).not_to_have_value(before)
    await page.keyboard.press("-")
    await expect(shown).to_have_value(before)
    await page.keyboard.press("p")
    await page.keyboard.press("Enter")
    why = page.get_by_role("region", name="Why this happened")
    await expect(why).to_contain_text("3 failures in a row (threshold 3)")
    await expect(why.get_by_role("heading", name="Why this happened")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(why).to_be_hidden()
    await expect(lanes).to_be_focused()
    await page.keyboard.press("Home")
    await expect(page.get_by_role("button", name="Go live")).to_be_visible()
    await page.keyboard.press("End")
    await expect(page.get_by_role("button", name="Live", exact=True)).to_be_visible()


async def test_an_alert_rule_is_made_and_removed(visit: Opens, up: Up) -> None:
    page = await visit("/alerts")
    await expect(page.get_by_role("heading", name="Rules", exact=True)).to_be_visible()
    await tab_to(page, page.get_by_role("button", name="New rule"))
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("textbox", name="Name")).to_be_focused()
    await page.keyboard.type("keys-rule")
    when = dialog.get_by_role("combobox", name="When")
    await tab_to(page, when)
    # Not its name: letters that come slowly each begin a new one.
    await page.keyboard.press("ArrowDown")
    await expect(when).to_have_value("open_longer")
    await tab_to(page, dialog.get_by_role("textbox", name="For this long"))
    await page.keyboard.press("Control+a")
    await page.keyboard.type("90")
    await tab_to(page, dialog.get_by_role("button", name="Save the rule"))
    await page.keyboard.press("Enter")
    await expect(dialog).to_be_hidden()
    rules = page.get_by_role("region", name="Rules", exact=True)
    row = rules.get_by_role("row").filter(has_text="keys-rule")
    await expect(row).to_contain_text("not closed for 1 min 30 s")
    kept = await up.ask("GET", "/alerts/rules/keys-rule")
    assert kept["rule"]["when"] == {"kind": "open_longer", "for_seconds": 90}
    await tab_to(page, page.get_by_role("button", name="Remove keys-rule"))
    await page.keyboard.press("Enter")
    await expect(row).to_have_count(0)


async def test_other_settings_are_tried_proposed_and_run_as_a_shadow(
    visit: Opens, up: Up, callers: Callers
) -> None:
    agent = await callers.agent()
    await up.register("keys-what-if", agent)
    agent.manners = BAD
    await callers.call("keys-what-if", 2)

    async def folded() -> bool:
        return (await up.ask("GET", "/circuits/keys-what-if"))["circuit"]["calls"] == 2

    await eventually(folded, 60, 0.1)
    page = await visit("/agents/keys-what-if/what-if")
    openings = page.get_by_role("row", name="Openings").first.get_by_role("cell")
    await expect(openings).to_have_text(["0", "0"])
    await tab_to(page, page.get_by_role("textbox", name="Failures in a row", exact=True))
    await page.keyboard.type("2")
    await expect(openings).to_have_text(["0", "1"])
    shadow = page.get_by_role("region", name="Shadow")
    await tab_to(page, shadow.get_by_role("textbox", name="Reason"))
    await page.keyboard.type("by keys")
    await tab_to(page, shadow.get_by_role("button", name="Run as shadow"))
    await page.keyboard.press("Enter")
    await expect(shadow).to_contain_text(": by keys")
    found = await up.ask("GET", "/circuits/keys-what-if/shadow")
    assert found["shadow"]["settings"] == {"failure_threshold": 2}
    await tab_to(page, page.get_by_role("button", name="Find settings"))
    await page.keyboard.press("Enter")
    proposals = page.get_by_role("region", name="Proposals")
    await expect(proposals.get_by_role("row", name="As recorded")).to_be_visible()
