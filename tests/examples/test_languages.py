"""Programs of other languages have an agent called through its breaker, by the HTTP API."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence

import pytest

from fuseline import CircuitBreakerConfig
from fuseline.api.access.roles import Role
from fuseline.events.agents import register
from tests.api.running import RunningApi, running_api
from tests.bridge.tasks_support import Agent, another, handlers_of
from tests.cli.support import environment
from tests.examples.support import EXAMPLES, missing
from tests.waiting import eventually

PROGRAMS: dict[str, Sequence[str]] = {
    "submit_task.sh": ("bash", "curl", "jq"),
    "submit_task.mjs": ("node",),
    "submit_task.pl": ("perl",),
    "SubmitTask.java": ("java",),
}


@pytest.fixture
async def api(redis_url: str, namespace: str) -> AsyncIterator[RunningApi]:
    async with running_api(redis_url, namespace) as running:
        yield running


async def run(program: str, agent: str, payload: str, api: RunningApi) -> tuple[int, str, str]:
    """Runs a program; its exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        PROGRAMS[program][0],
        str(EXAMPLES / "languages" / program),
        agent,
        payload,
        env=environment(FUSELINE_API_URL=api.url, FUSELINE_API_TOKEN=api.tokens[Role.OPERATOR]),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, out.decode(), err.decode()


async def skip_without(program: str) -> None:
    if absent := missing(PROGRAMS[program]):
        pytest.skip(f"not on PATH: {absent}")
    if program.endswith(".pl"):
        perl = await asyncio.create_subprocess_exec(
            "perl", "-MHTTP::Tiny", "-MJSON::PP", "-e1", stderr=asyncio.subprocess.DEVNULL
        )
        if await perl.wait():
            pytest.skip("this Perl has no HTTP::Tiny or JSON::PP")


@pytest.mark.parametrize("program", PROGRAMS)
async def test_a_task_is_done_and_an_open_circuit_is_told(
    redis_url: str, namespace: str, api: RunningApi, program: str
) -> None:
    await skip_without(program)
    agent = Agent()
    await register(api.backend, "billing", CircuitBreakerConfig(failure_threshold=1), "test")
    async with another(redis_url, namespace, handlers_of(billing=agent)):
        code, out, err = await run(program, "billing", '{"order": 17}', api)
        assert (code, err) == (0, "")
        found = json.loads(out)
        answer = found["result"]["result"] if program.endswith(".java") else found
        assert answer == {"echo": {"order": 17}}

        client = api.client()
        override = {"mode": "forced_open", "reason": "a test"}
        (await client.post("circuits/billing/override", json=override)).raise_for_status()

        async def told() -> bool:
            code, _, err = await run(program, "billing", "1", api)
            return code == 1 and err.startswith("rejected: ") and "circuit_open" in err

        await eventually(told, 60)

    code, out, err = await run(program, "nobody", "1", api)
    assert (code, out) == (1, "")
    assert "nobody" in err
