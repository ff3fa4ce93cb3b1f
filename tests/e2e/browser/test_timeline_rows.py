"""The rows of a timeline's list: none is drawn over another, however it came there or is read."""

from playwright.async_api import Locator, Page, expect

from tests.e2e.browser.conftest import Opens
from tests.e2e.browser.running_up import BAD, GOOD, Callers, Up
from tests.waiting import eventually

# Rows that begin above the end of the row before, and rows whose text needs more than they have.
WRONG = """() => {
  const rows = [...document.querySelectorAll("section[aria-label^='What happened'] li")]
    .map(row => [row.getBoundingClientRect(), row])
    .sort(([one], [other]) => one.top - other.top)
  const said = ([, row]) => `${row.ariaPosInSet}: ${row.innerText}`
  const over = rows.filter(([box], n) => n > 0 && box.top < rows[n - 1][0].bottom - 1)
  const cut = rows.filter(([box, row]) => [...row.firstElementChild.children].some(part => {
    const inner = part.getBoundingClientRect()
    return inner.top < box.top - 1 || inner.bottom > box.bottom + 1
  }))
  return { rows: rows.length, over: over.map(said), cut: cut.map(said) }
}"""
# Width of the page, and of the font one has chosen in the browser.
SIZES_PX = ((1280, 24), (390, 20), (390, 32))


def rows_of(page: Page) -> Locator:
    """The rows of the list."""
    return page.get_by_role("region", name="What happened").get_by_role("listitem")


async def stands(page: Page, rows: int) -> None:
    """Waits until so many rows are there, and each is at a place of its own."""
    want = {"rows": rows, "over": [], "cut": []}
    found = None

    async def clear() -> bool:
        nonlocal found
        found = await page.evaluate(WRONG)
        return bool(found == want)

    try:
        await eventually(clear, 20, 0.05)
    except AssertionError:
        raise AssertionError(f"{found} is not {want}") from None


async def opened_with_a_twin(up: Up, callers: Callers, name: str) -> int:
    """An agent whose transition has the id of a call; how many rows its list has with calls.

    Log and history count for themselves, and a transition is often written in the ms of the call
    that caused it. Where that was not so, another call is put there.
    """
    agent = await callers.agent()
    await up.register(name, agent)
    agent.manners = BAD
    await callers.call(name, 3)
    agent.manners = GOOD
    backend = callers.manager.backend
    keys = backend.keys.agent(name)

    async def transitions() -> list[str]:
        found = await up.ask("GET", f"/circuits/{name}/timeline?kinds=transition")
        return [item["id"] for item in found["items"]]

    (twin,) = await eventually(transitions, 30, 0.05)
    log = await backend.wire.call("XRANGE", keys.events, "-", "+")
    if twin.encode() not in [entry_id for entry_id, _ in log]:
        await backend.wire.call("XADD", keys.events, twin, *log[-1][1])
    found = await up.ask("GET", f"/circuits/{name}/timeline?limit=100")
    assert [item["id"] for item in found["items"]].count(twin) == 2
    return len(found["items"])


async def test_a_call_with_the_id_of_a_transition_has_a_row_of_its_own(
    visit: Opens, up: Up, callers: Callers
) -> None:
    rows = await opened_with_a_twin(up, callers, "twins")
    page = await visit("/agents/twins/timeline?span=3600000&list=all")
    await stands(page, rows)
    opening = rows_of(page).filter(has_text="failures in a row")
    await opening.get_by_role("button").click()
    await expect(page.get_by_text("Settings in force")).to_be_visible()
    # What is new comes above them while one is chosen; a row that is left behind would stay.
    word = {"mode": "forced_closed", "reason": "tried", "expires_in_seconds": 600}
    await up.ask("POST", "/circuits/twins/override", word)
    for more in (1, 2):
        assert await callers.call("twins", 1) == ["good"]
        await stands(page, rows + 1 + more)
    await expect(rows_of(page).filter(has=page.locator("[aria-pressed=true]"))).to_have_count(1)
    await expect(rows_of(page).first).to_contain_text("Success")
    for width in (800, 390, 1280):
        await page.set_viewport_size({"width": width, "height": 900})
        await stands(page, rows + 3)


async def test_rows_are_as_tall_as_their_text_in_a_large_font(
    visit: Opens, up: Up, callers: Callers
) -> None:
    rows = await opened_with_a_twin(up, callers, "large-print")
    for width, font in SIZES_PX:
        page = await visit("/about", viewport={"width": width, "height": 3000})
        session = await page.context.new_cdp_session(page)
        sizes = {"standard": font, "fixed": 13}
        await session.send("Page.setFontSizes", {"fontSizes": sizes})
        await page.goto("/agents/large-print/timeline?span=3600000&list=all")
        await stands(page, rows)
