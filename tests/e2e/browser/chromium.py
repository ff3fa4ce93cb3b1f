"""The Chromium of this machine, and the web UI as it is built here."""

import contextlib
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from filelock import FileLock
from playwright.async_api import Browser, Page, async_playwright

ROOT = Path(__file__).parents[3]
BUILT = ROOT / "fuseline" / "api" / "static" / "index.html"
NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_BUILD_SECONDS = 240


class MissingError(Exception):
    """What a browser test needs is not here; the message is a reason to skip."""


def find_chromium() -> str:
    """The path of a Chromium.

    Raises:
        MissingError: there is none on PATH.
    """
    for name in NAMES:
        if found := shutil.which(name):
            return found
    raise MissingError(f"no Chromium on PATH ({', '.join(NAMES)})")


def build_ui() -> None:
    """Builds the web UI unless it is there; only one process at a time does.

    Raises:
        MissingError: it is not built, and there is no Node.js that could.
    """
    if BUILT.exists():
        return
    lock = ROOT / "build" / "ui.lock"
    lock.parent.mkdir(exist_ok=True)
    with FileLock(lock):
        if BUILT.exists():
            return
        if shutil.which("npm") is None or shutil.which("make") is None:
            raise MissingError("the web UI is not built, and there is no Node.js to build it with")
        subprocess.run(["make", "ui"], cwd=ROOT, check=True, timeout=_BUILD_SECONDS)


@contextlib.asynccontextmanager
async def chromium(*flags: str) -> AsyncIterator[Browser]:
    """A headless browser.

    Raises:
        MissingError: there is none on PATH.
    """
    path = find_chromium()
    async with async_playwright() as driver:
        browser = await driver.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            await browser.close()


def complaints_of(page: Page) -> list[str]:
    """What goes wrong in a page from now on: errors of scripts, and what the console is told.

    Answers of 4xx and broken connections are on the console too; the tests that want them know.
    """
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))

    def said(message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            found.append(message.text)

    page.on("console", said)
    return found
