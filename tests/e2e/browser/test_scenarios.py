"""What operators and integrators do, in a real browser on a real `fuseline up`."""

import re

from playwright.async_api import Locator, Page, expect

from fuseline.api.access.roles import Role
from tests.e2e.browser.conftest import Opens
from tests.e2e.browser.running_up import BAD, GOOD, WORKER, Callers, Up
from tests.waiting import eventually


def badge_of(page: Page) -> Locator:
    """What stands beside the name of the agent whose page this is."""
    return page.get_by_role("heading", level=1).locator("..")


async def tell(page: Page, action: str, reason: str) -> None:
    """Gives an operator's word over the agent whose page this is."""
    await page.get_by_role("button", name="Control", exact=True).click()
    await page.get_by_role("menuitem", name=action).click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("textbox", name="Reason").fill(reason)
    await dialog.get_by_role("button", name=action).click()
    await expect(dialog).to_be_hidden()


async def test_an_agent_from_the_form_opens_explains_itself_and_obeys(
    visit: Opens, callers: Callers
) -> None:
    agent = await callers.agent()
    page = await visit("/agents")
    await page.get_by_role("link", name="New agent").first.click()
    await page.get_by_role("textbox", name="Name").fill("billing")
    await page.get_by_role("textbox", name="Address").fill(agent.url)
    await page.get_by_role("textbox", name="Attempts").fill("1")
    breaker = page.get_by_role("region", name="Circuit Breaker")
    in_a_row = breaker.get_by_role("textbox", name="Failures in a row")
    await in_a_row.fill("0")
    await expect(page.get_by_text("1 field to correct")).to_be_visible()
    await in_a_row.fill("3")
    await expect(page.get_by_text("3 failures in a row").first).to_be_visible()
    await breaker.get_by_role("textbox", name="Open for", exact=True).fill("600")
    await breaker.get_by_role("textbox", name="Open for at most").fill("600")
    await page.get_by_role("textbox", name="Reason").fill("new supplier")
    await page.get_by_role("button", name="Create agent").click()

    # Its own page, which is there when its first calls fail.
    await expect(page).to_have_url(re.compile(r"/agents/billing$"))
    badge = badge_of(page)
    await expect(badge).to_contain_text("Closed")
    agent.manners = BAD
    assert await callers.call("billing", 4) == ["http_503"] * 3 + ["refused"]
    await expect(badge).to_contain_text("Open")
    state = page.get_by_role("region", name="State")
    await expect(state).to_contain_text("3 failures in a row (threshold 3); last failure http_503")
    await expect(state).to_contain_text(re.compile(r"Tries again in \d+:\d\d with 3\scalls"))
    await expect(state).to_contain_text("3 of 3")

    await page.get_by_role("link", name="Explain the last transition").click()
    why = page.get_by_role("region", name="Why this happened")
    await expect(why).to_contain_text("3 failures in a row (threshold 3)")
    await expect(why).to_contain_text(WORKER)
    await expect(why).to_contain_text(re.compile(r"Set by session:ann-admin.*new supplier"))
    await expect(why.get_by_text("http_503")).not_to_have_count(0)

    # An operator's word is done by workers, and what it was stands in the history.
    agent.manners = GOOD
    await tell(page, "Force closed", "tried by hand")
    await expect(badge).to_contain_text("Forced closed")
    await callers_see(callers, "good")
    await tell(page, "Back to auto", "the figures may decide again")
    await expect(badge).to_contain_text("Open")
    await callers_see(callers, "refused")
    await tell(page, "Reset", "it was repaired")
    await expect(badge).to_contain_text("Closed")
    await callers_see(callers, "good")

    await page.get_by_role("link", name="Audit").click()
    entries = page.get_by_role("main").get_by_role("listitem")
    await expect(entries).to_have_count(4)
    for text, entry in zip(
        ("It was repaired", "The figures may decide again", "Tried by hand", "Registered"),
        await entries.all(),
        strict=True,
    ):
        await expect(entry).to_contain_text(text)
        await expect(entry).to_contain_text("session:ann-admin")
    await page.get_by_role("link", name="Timeline").click()
    happened = page.get_by_role("region", name="What happened")
    await expect(happened.get_by_role("listitem")).not_to_have_count(0)
    await expect(happened).to_contain_text("tried by hand")


async def callers_see(callers: Callers, end: str) -> None:
    """Waits until a worker acts as the page says."""

    async def seen() -> bool:
        return await callers.call("billing") == [end]

    await eventually(seen)


async def test_circuits_are_found_and_grouped_by_tag(visit: Opens, up: Up) -> None:
    await up.register("invoices", None, tags=["ledger", "nordic"])
    await up.register("payouts", None, tags=["ledger"])
    page = await visit("/?by=tag")
    table = page.get_by_role("table", name="All circuits")
    await expect(table.get_by_role("row", name=re.compile("^ledger"))).to_contain_text(
        re.compile(r"2\scircuits")
    )
    await expect(table.get_by_role("link", name="invoices")).to_have_count(2)
    await table.get_by_role("button", name=re.compile("^nordic")).click()
    await expect(table.get_by_role("link", name="invoices")).to_have_count(1)
    # A tag that somebody gives elsewhere is there without loading the page again.
    await up.ask("PATCH", "/agents/payouts", {"tags": ["ledger", "weekly"]})
    await expect(table.get_by_role("row", name=re.compile("^weekly"))).to_be_visible()

    await page.get_by_role("switch", name="Group by tag").click()
    await page.get_by_role("combobox", name="Filter by tag").select_option("ledger")
    await expect(page).to_have_url(re.compile(r"\?tag=ledger$"))
    await expect(table.get_by_role("row")).to_have_count(3)  # with the head


async def test_two_editors_see_both_versions_and_choose(visit: Opens, up: Up) -> None:
    await up.register("search", None, description="finds")
    page = await visit("/agents/search/settings")
    await page.get_by_role("textbox", name="Failures in a row").fill("7")
    await page.get_by_role("textbox", name="Description").fill("finds and ranks")
    # Somebody else is faster.
    change = {"circuit_breaker_config": {"failure_threshold": 9, "minimum_calls": 44}}
    await up.ask("PATCH", "/agents/search?reason=too+noisy", change)
    await expect(page.get_by_text("Changed meanwhile")).to_be_visible()
    await page.get_by_role("button", name="Save changes").click()

    dialog = page.get_by_role("dialog", name="Somebody else changed this agent meanwhile")
    rows = dialog.get_by_role("row")
    await expect(rows.filter(has_text="Failures in a row")).to_contain_text(
        re.compile("both changed it; was 3.*7.*9")
    )
    await expect(rows.filter(has_text="Description")).to_contain_text("only you changed it")
    await expect(rows.filter(has_text="Minimum calls")).to_contain_text("only they changed it")
    await dialog.get_by_role("radio", name="Failures in a row: theirs").check()
    await dialog.get_by_role("button", name="Save as chosen").click()
    await expect(dialog).to_be_hidden()
    await expect(page.get_by_text("Nothing yet.")).to_be_visible()
    kept = await up.ask("GET", "/agents/search")
    settings = kept["circuit_breaker_config"]
    assert (settings["failure_threshold"], settings["minimum_calls"]) == (9, 44)
    assert kept["description"] == "finds and ranks"
    assert (kept["revision"], kept["updated_by"]) == (3, "session:ann-admin")


async def test_a_token_lets_in_and_a_viewer_may_only_look(
    visit: Opens, up: Up, callers: Callers
) -> None:
    agent = await callers.agent()
    agent.manners = BAD
    await up.register("mail", agent)
    await callers.call("mail", 3)
    page = await visit("/agents/mail", role=None)
    await expect(page).to_have_url(re.compile(r"/login\?from="))
    token = page.get_by_label("Token")
    await token.fill("fsl_this-is-none")
    await page.get_by_role("button", name="Log in").click()
    await expect(page.get_by_text("This token is not known here, or it is over")).to_be_visible()
    await token.fill((await callers.make_tokens())[Role.VIEWER])
    await page.get_by_role("button", name="Log in").click()

    # Back where the login was asked for.
    await expect(page).to_have_url(re.compile(r"/agents/mail$"))
    await expect(badge_of(page)).to_contain_text("Open")
    await expect(page.get_by_role("button", name="Control")).to_have_count(0)
    await page.get_by_role("link", name="Settings").click()
    await expect(page.get_by_text("only an admin changes settings")).to_be_visible()
    await expect(page.get_by_role("textbox", name="Failures in a row")).to_be_disabled()
    await expect(page.get_by_role("button", name="Save changes")).to_have_count(0)
    await page.get_by_role("link", name="Circuits", exact=True).click()
    await expect(page.get_by_role("article", name="mail")).to_be_visible()
    await expect(page.get_by_role("button", name=re.compile("^Control"))).to_have_count(0)
    await expect(page.get_by_role("link", name="Tokens")).to_have_count(0)
    await page.get_by_role("link", name="Agents", exact=True).click()
    await expect(page.get_by_role("heading", name="Agents", level=1)).to_be_visible()
    await expect(page.get_by_role("link", name="mail")).to_be_visible()
    await expect(page.get_by_role("link", name="New agent")).to_have_count(0)

    await page.get_by_role("button", name=re.compile("^You: ann-viewer")).click()
    await page.get_by_role("menuitem", name="Log out").click()
    await expect(page).to_have_url(re.compile(r"/login"))
    await page.goto("/agents/mail")
    await expect(page).to_have_url(re.compile(r"/login\?from="))


async def test_an_operator_forces_but_does_not_change_settings(visit: Opens, up: Up) -> None:
    await up.register("maps", None)
    page = await visit("/agents/maps", role=Role.OPERATOR)
    await tell(page, "Force open", "maintenance")
    await expect(badge_of(page)).to_contain_text("Forced open")
    await page.get_by_role("button", name="Undo").click()
    await expect(badge_of(page)).to_contain_text("Closed")
    await page.get_by_role("link", name="Settings").click()
    await expect(page.get_by_text("only an admin changes settings")).to_be_visible()


async def test_what_if_shows_no_state_before_an_agent_was_registered(
    visit: Opens, up: Up, callers: Callers
) -> None:
    await up.register("newcomer", await callers.agent())
    assert await callers.call("newcomer") == ["good"]
    page = await visit("/agents/newcomer/what-if")
    bands = page.get_by_role("img", name=re.compile("not registered before"))
    await expect(bands).to_have_count(2)
    for band in await bands.all():
        box = await band.bounding_box()
        nobody = await band.locator("[data-state=none]").bounding_box()
        assert box is not None
        assert nobody is not None
        assert nobody["width"] > box["width"] * 0.9
    await expect(page.get_by_text("not registered yet")).to_be_visible()
