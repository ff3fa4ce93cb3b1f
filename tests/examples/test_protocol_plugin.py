"""The protocol of the example is built and installed as users do it, and spoken by a worker."""

import asyncio
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.bridge.agents import manners as m
from tests.bridge.agents.server import Request, agent_at
from tests.examples.support import EXAMPLES, ROOT, Stage

FUSELINE = (sys.executable, "-m", "fuseline")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the distribution is installed in."""
    source = tmp_path_factory.mktemp("source") / "plugin"
    shutil.copytree(EXAMPLES / "protocol_plugin", source)
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", "dist"]
    subprocess.run(build, cwd=source, check=True, capture_output=True)
    (wheel,) = (source / "dist").glob("*.whl")
    installed = tmp_path_factory.mktemp("site")
    zipfile.ZipFile(wheel).extractall(installed)
    return installed


async def shouts(request: Request, writer: asyncio.StreamWriter) -> None:
    """Plain text in capitals; an agent that is asked to fail does."""
    assert request.headers["content-type"] == "text/plain; charset=utf-8"
    status = 503 if request.body == b"fail" else 200
    writer.write(m.reply(request.body.upper(), status))


async def test_a_worker_speaks_it(stage: Stage, site: Path) -> None:
    stage.env |= {
        "PYTHONPATH": f"{ROOT}{os.pathsep}{site}",
        "FUSELINE_OUTBOUND_ALLOW": "127.0.0.1",
    }

    async def lines(*command: str) -> list[str]:
        return await asyncio.to_thread(stage.lines, *FUSELINE, *command)

    async with agent_at(shouts) as agent:
        settings = (f"url={agent.url}", "protocol=text", "failure_threshold=1")
        await lines("configure", "notes", "--register", *settings, "retry.max_attempts=1")
        stage.start(*FUSELINE, "worker")
        assert await lines("submit", "notes", '"two\\nlines"', "--wait") == ['"TWO\\nLINES"']

        failed = await asyncio.to_thread(
            stage.run, *FUSELINE, "submit", "notes", '"fail"', "--wait", "--json"
        )
        assert failed.returncode != 0
        status = await lines("status", "--json")
        assert any("open" in line and "notes" in line for line in status)
        assert [request.body for request in agent.requests] == [b"two\nlines", b"fail"]
