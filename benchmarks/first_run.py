"""How long a newcomer waits: `python -m benchmarks.first_run`.

In an empty folder, with an empty HOME and an environment that has PATH and LANG only, the two
commands of a newcomer: a clone of this checkout (what is committed), then `make up`; until a
browser shows circuits on the dashboard. Once with the caches of pip and npm empty, then again, with
a new clone, as the first time has left them. A stage ends when what it makes is there. In the end
everything that was started has to be gone.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import psutil
from playwright.async_api import Browser

from benchmarks.report import Target, machine, table, targets, write_json
from tests.e2e.browser.chromium import ROOT, MissingError, chromium
from tests.waiting import eventually

AGENT = "outage"
WANTED_SECONDS = 180.0
MADE = {  # in the clone, in this order
    "environment": ".venv/bin/pip",
    "Python packages": ".venv/.runtime",
    "packages of the UI": "ui/node_modules/.package-lock.json",
    "web UI built": "fuseline/api/static/index.html",
}
_PATIENCE_SECONDS = 1200
_LOOK_SECONDS = 0.05
_END_SECONDS = 60
_ADDRESS = re.compile(r"web UI (http://\S+)")


class UnfinishedError(Exception):
    """`make up` ended, or left something behind."""


async def measure(browser: Browser, home: Path, folder: Path) -> dict[str, float]:
    """Seconds of each stage, and of all.

    Args:
        browser: that shows the dashboard.
        home: of the newcomer, with their caches.
        folder: an empty one.
    """
    env = {"HOME": str(home), "PATH": os.environ["PATH"], "LANG": "C.UTF-8"}
    clone, said = folder / "fuseline", folder / "make.out"
    stages: dict[str, float] = {}
    began = last = time.monotonic()
    spent = processor_seconds()

    def ended(stage: str) -> None:
        nonlocal last
        stages[stage] = time.monotonic() - last
        last = time.monotonic()
        print(f"  {stage}: {stages[stage]:.1f} s", flush=True)

    await asyncio.to_thread(
        subprocess.run, ["git", "clone", "--quiet", str(ROOT), str(clone)], check=True, env=env
    )
    ended("clone")
    async with making(clone, said, env) as process:

        def reached(condition: Callable[[], Any]) -> Callable[[], Any]:
            def look() -> Any:
                if process.returncode is not None:
                    raise UnfinishedError(f"make up ended: {said.read_text()}")
                return condition()

            return look

        for stage, made in MADE.items():
            await eventually(reached((clone / made).exists), _PATIENCE_SECONDS, _LOOK_SECONDS)
            ended(stage)
        address = await eventually(
            reached(lambda: _ADDRESS.search(said.read_text())), _PATIENCE_SECONDS, _LOOK_SECONDS
        )
        ended("server and API")
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(address[1])
        row = page.get_by_role("link", name=AGENT, exact=True).first
        await row.wait_for(timeout=_PATIENCE_SECONDS * 1000)
        ended("circuits on the dashboard")
        await context.close()
        whole = last - began
    ended("everything ended")
    return stages | {"to the circuits": whole, "processor time": processor_seconds() - spent}


def processor_seconds() -> float:
    """What all processes that were started and have ended took of the processors."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextlib.asynccontextmanager
async def making(
    clone: Path, said: Path, env: dict[str, str]
) -> AsyncIterator[asyncio.subprocess.Process]:
    """`make up`; afterwards it is stopped as Ctrl-C does, and nothing of it may be left."""
    with said.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *("make", "up"),
            cwd=clone,
            env=env,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGINT)
        try:
            await asyncio.wait_for(process.wait(), _END_SECONDS)
            await eventually(lambda: not left_of(env["HOME"]), _END_SECONDS, _LOOK_SECONDS)
        except (TimeoutError, AssertionError):
            left = left_of(env["HOME"])
            names = [" ".join(one.info["cmdline"] or ()) for one in left]
            for one in left:
                one.kill()
            raise UnfinishedError(f"left behind, and killed: {names}") from None


def left_of(home: str) -> list[psutil.Process]:
    """Processes that run with the newcomer's HOME."""
    running = psutil.process_iter(["environ", "cmdline"])
    return [one for one in running if (one.info["environ"] or {}).get("HOME") == home]


async def run(home: Path) -> dict[str, dict[str, float]]:
    """Both rounds, printed; their figures."""
    figures: dict[str, dict[str, float]] = {}
    async with chromium() as browser:
        for caches in ("empty", "filled"):
            busy = os.getloadavg()[0]
            print(f"caches {caches}, load {busy:.1f} on {os.cpu_count()} cores", flush=True)
            with tempfile.TemporaryDirectory(prefix="fuseline-first-") as folder:
                figures[f"caches {caches}"] = await measure(browser, home, Path(folder))
            shutil.rmtree(home / ".local", ignore_errors=True)  # the record of the demonstration
    stages = list(next(iter(figures.values())))
    rows = [[stage, *(f"{one[stage]:.1f} s" for one in figures.values())] for stage in stages]
    print(table(["", *figures], rows))
    took = figures["caches filled"]["to the circuits"]
    what = "from nothing to the dashboard, caches filled"
    wanted = f"under {WANTED_SECONDS:.0f} s"
    print(targets([Target(what, f"{took:.0f} s", wanted, took < WANTED_SECONDS)]))
    return figures


def main() -> None:
    """Measures it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.first_run", description=__doc__)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the figures here")
    chosen = parser.parse_args()
    print("; ".join(f"{key}: {value}" for key, value in machine().items()))
    try:
        with tempfile.TemporaryDirectory(prefix="fuseline-home-") as home:
            figures = asyncio.run(run(Path(home)))
    except (MissingError, UnfinishedError) as error:
        sys.exit(str(error))
    if chosen.json:
        write_json(chosen.json, {"first-run": figures})


if __name__ == "__main__":
    main()
