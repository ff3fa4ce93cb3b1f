"""docs/api.md and examples/client.py: every command is run against a real API."""

import asyncio
import os
import re
import shlex
import shutil
import sys
from pathlib import Path

import httpx2
import pytest

from fuseline.api.access.roles import Role
from tests.api.running import RunningApi, running_api
from tests.bridge.tasks_support import Agent, another, handlers_of
from tests.waiting import eventually

ROOT = Path(__file__).parents[2]
GUIDE = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
URL = "http://127.0.0.1:8787"
MARK = "@@@ status"
TIME_IS_UP = "28"  # of curl; the stream has no end


def commands() -> list[tuple[str, str]]:
    """Commands of the guide in order, each with what it prints."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", GUIDE, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


async def run(script: str, **environ: str) -> str:
    """Runs a script in a shell that has the commands of this checkout."""
    preamble = f'fuseline() {{ {shlex.quote(sys.executable)} -m fuseline "$@"; }}\n'
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        preamble + script,
        cwd=ROOT,
        env=os.environ | environ,
        stdout=asyncio.subprocess.PIPE,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 60)
    return output.decode()


async def work_once_registered(api: RunningApi, redis_url: str, namespace: str) -> None:
    """A worker as it would be there; it registers agents of its own, which the guide does."""
    client = api.client()
    await eventually(lambda: registered(client), 30)
    async with another(redis_url, namespace, handlers_of(billing=Agent())):
        await asyncio.Event().wait()


async def registered(client: httpx2.AsyncClient) -> bool:
    return (await client.get("agents/billing")).is_success


def matches(shown: str, output: str) -> bool:
    parts = [re.escape(part) for part in shown.strip().split("…")]
    return re.fullmatch(".*".join(parts), output.strip(), re.DOTALL) is not None


@pytest.mark.skipif(shutil.which("curl") is None, reason="the guide uses curl")
async def test_every_command_of_the_guide_prints_what_it_shows(
    redis_url: str, namespace: str
) -> None:
    script = "".join(
        f"{command.replace(URL, '$TEST_URL')}\nstatus=$?; echo; echo '{MARK}' $status\n"
        for command, _ in commands()
    )
    async with running_api(redis_url, namespace) as api:
        worker = asyncio.create_task(work_once_registered(api, redis_url, namespace))
        output = await run(
            script,
            TEST_URL=api.url,
            REDIS_URL=redis_url,
            FUSELINE_NAMESPACE=namespace,
            FUSELINE_SHARDS="4",
        )
        worker.cancel()
        await asyncio.wait([worker])
    answers = re.findall(rf"(.*?)\n{MARK} (\d+)\n", output, re.DOTALL)
    assert len(answers) == len(commands()) > 20
    wrong = [
        f"{command}\nshows\n{shown}\nends with {status} and prints\n{printed}"
        for (command, shown), (printed, status) in zip(commands(), answers, strict=True)
        if status != (TIME_IS_UP if " -m 1 " in command else "0") or not matches(shown, printed)
    ]
    assert not wrong, "\n\n".join(wrong)


def test_the_comparison_can_fail() -> None:
    assert matches('{"a":1,…}\n', '{"a":1,"b":2}')
    assert not matches('{"a":1}', '{"a":1,"b":2}')
    assert not matches('{"a":2,…}', '{"a":1,"b":2}')


async def test_the_example_runs(api: RunningApi) -> None:
    output = await run(
        "python examples/client.py",
        PATH=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        FUSELINE_API_URL=api.url,
        FUSELINE_API_TOKEN=api.tokens[Role.ADMIN],
        PYTHONPATH=str(ROOT),
    )
    lines = output.splitlines()
    assert lines[0] == "here I am token:admin-of-test"
    assert lines[1].startswith("refused: circuit_breaker_config.failure_threshold: ")
    assert lines[2] == "changed meanwhile; now revision 2"
    assert "now example-agent is forced_open" in lines
    assert lines[-1].startswith("config - ")
