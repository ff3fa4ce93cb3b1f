"""The lines of docs/stream.md, in a browser."""

from fuseline.api.access.roles import Role
from tests.docs.pages import DOCS, blocks
from tests.e2e.browser.conftest import Opens
from tests.e2e.browser.running_up import BAD, Callers, Up

AGENT = "streamed"
SHOWN = """agent => window.shown
  .flatMap(change => change.circuits)
  .find(circuit => circuit.agent === agent && circuit.state === "open")
"""


async def test_the_lines_of_the_guide_show_a_circuit_that_opens(
    visit: Opens, callers: Callers, up: Up
) -> None:
    (lines,) = (block.text for block in blocks(DOCS / "stream.md") if block.language == "js")
    agent = await callers.agent()
    await up.register(AGENT, agent)
    page = await visit("/about", Role.VIEWER)
    await page.evaluate(
        f"""() => new Promise(opened => {{
          window.shown = []
          const show = change => window.shown.push(change)
          {lines}
          stream.addEventListener("snapshot", () => opened(), {{ once: true }})
        }})"""
    )
    agent.manners = BAD
    assert await callers.call(AGENT, 4) == ["http_503"] * 3 + ["refused"]
    found = await page.wait_for_function(SHOWN, arg=AGENT)
    assert (await found.json_value())["cause"] == "consecutive_failures"
