"""The site: its checks find what they are for, and the built site needs no network."""

import asyncio
import contextlib
import os
import re
from collections.abc import AsyncIterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.async_api import Browser, expect

from docs_tools import checking, site
from docs_tools.lists import for_builder
from docs_tools.site import ROOT, SITE, links
from tests.docs.pages import GENERATED, pages
from tests.e2e.browser.chromium import MissingError, chromium, complaints_of

PAGES = ("index.html", "concepts.html", "reference/configuration.html")
PATIENCE_MS = 60_000


@pytest.mark.parametrize(
    "page", [*pages(), *GENERATED], ids=lambda page: page.relative_to(ROOT).as_posix()
)
def test_links_between_files_are_whole_in_the_repository(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    broken = [
        f"line {number}: {target}"
        for number, target in links(text)
        if not (page.parent / target).exists()
    ]
    assert not broken


def test_a_link_to_a_file_of_the_repository_leads_to_a_page_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "STAGE", tmp_path / "docs")
    site.stage()
    security = (tmp_path / "docs" / "security.md").read_text(encoding="utf-8")
    assert "](files/deploy/redis/acl/README.md)" in security
    assert (tmp_path / "docs" / "files" / "deploy" / "redis" / "acl" / "README.md").is_file()
    variables = (tmp_path / "docs" / "reference" / "environment.md").read_text(encoding="utf-8")
    assert "](../files/env.example.md)" in variables
    listing = (tmp_path / "docs" / "files" / "env.example.md").read_text(encoding="utf-8")
    assert listing.startswith("# .env.example\n\n```ini\n")


def test_what_belongs_to_an_item_of_a_list_stays_with_it() -> None:
    page = (
        "1. One:\n\n   ```yaml\n   - not: a list\n     at: all\n   ```\n\n"
        "2. Two,\n   goes on\n   - inner\n     text\n\nText.\n\n```yaml\n- a: 1\n  b: 2\n```\n"
    )
    assert for_builder(page) == (
        "1. One:\n\n    ```yaml\n    - not: a list\n      at: all\n    ```\n\n"
        "2. Two,\n    goes on\n    - inner\n        text\n\nText.\n\n```yaml\n- a: 1\n  b: 2\n```\n"
    )
    assert for_builder("Text\nand text.\n\n- a\n- b\n") == "Text\nand text.\n\n- a\n- b\n"


def test_the_check_finds_what_is_wrong(tmp_path: Path) -> None:
    built, written = tmp_path / "site", tmp_path / "docs"
    built.mkdir()
    written.mkdir()
    for name in ("index", "other", "forgotten"):
        (written / f"{name}.md").write_text("# Page\n", encoding="utf-8")
    config = tmp_path / "mkdocs.yml"
    config.write_text("nav: [index.md, Part: [other.md, other.md], gone.md]\n", encoding="utf-8")
    (built / "other.html").write_text('<h1 id="here">Other</h1>', encoding="utf-8")
    (built / "index.html").write_text(
        '<a href="other.html#here">well</a> <a href="https://example.com">well</a>'
        '<a href="other.html#gone">no anchor</a> <a href="gone.html">no file</a>'
        '<img src="gone.svg"> <script src="https://cdn.example/x.js"></script>',
        encoding="utf-8",
    )
    assert sorted(checking.faults(built, config, written)) == [
        "docs/forgotten.md: not in the menu of mkdocs.yml",
        "index.html: gone.html leads nowhere",
        "index.html: gone.svg leads nowhere",
        "index.html: loads https://cdn.example/x.js from the network",
        "index.html: other.html#gone has no such heading",
        "mkdocs.yml: the menu names gone.md, which is not there",
        "mkdocs.yml: the menu names other.md twice",
        "mkdocs.yml: the menu names other.md twice",
    ]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@contextlib.asynccontextmanager
async def served() -> AsyncIterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=os.fspath(SITE)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        thread.join()


async def look(browser: Browser, url: str, width: int) -> None:
    context = await browser.new_context(viewport={"width": width, "height": 800})
    page = await context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    complaints = complaints_of(page)
    elsewhere: list[str] = []
    page.on(
        "request",
        lambda request: (
            None
            if request.url.startswith((url, "data:", "blob:"))
            else elsewhere.append(request.url)
        ),
    )
    for name in PAGES:
        await page.goto(f"{url}/{name}", wait_until="networkidle")
        drawn = "[...document.images].every(one => one.complete && one.naturalWidth > 0)"
        assert await page.evaluate(drawn), name
        fits = "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
        assert await page.evaluate(fits), f"{name} is wider than {width} px"
    assert not elsewhere
    assert not complaints
    await context.close()


async def test_it_loads_nothing_from_elsewhere_and_can_be_searched() -> None:
    if not (SITE / "index.html").exists():
        pytest.skip("the site is not built: make docs")
    try:
        async with served() as url, chromium() as browser:
            for width in (1280, 360):
                await look(browser, url, width)
            page = await browser.new_page()
            page.set_default_timeout(PATIENCE_MS)
            await page.goto(url, wait_until="networkidle")
            await page.get_by_role("button", name="Search").first.click()
            await page.get_by_role("combobox", name="Search").fill("half_open_max_calls")
            found = page.get_by_role("option", name="half_open_max_calls", exact=True)
            await expect(found.first).to_have_attribute(
                "href", re.compile("/reference/configuration.html"), timeout=PATIENCE_MS
            )
    except MissingError as missing:
        pytest.skip(str(missing))
