"""Programs of other languages by the HTTP API: an agent is called for them, or by themselves."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from fuseline import CircuitBreakerConfig
from fuseline.api.access.roles import Role
from fuseline.events.agents import register
from tests.api.running import RunningApi, running_api
from tests.bridge.agents.manners import answers, echoes
from tests.bridge.agents.server import agent_at
from tests.bridge.tasks_support import Agent, another, handlers_of
from tests.cli.support import environment
from tests.examples.support import EXAMPLES, missing
from tests.logbook import outcomes_of
from tests.waiting import eventually

NEEDS: dict[str, Sequence[str]] = {
    ".sh": ("bash", "curl", "jq"),
    ".mjs": ("node",),
    ".pl": ("perl",),
    ".java": ("java",),
}
SUBMITTING = ("submit_task.sh", "submit_task.mjs", "submit_task.pl", "SubmitTask.java")
CALLING = ("guarded_call.sh", "guarded_call.mjs", "guarded_call.pl", "GuardedCall.java")


@pytest.fixture
async def api(redis_url: str, namespace: str) -> AsyncIterator[RunningApi]:
    async with running_api(redis_url, namespace) as running:
        yield running


async def run(program: str, *arguments: str, api: RunningApi) -> tuple[int, str, str]:
    """Runs a program; its exit code, output and errors."""
    process = await asyncio.create_subprocess_exec(
        NEEDS[Path(program).suffix][0],
        str(EXAMPLES / "languages" / program),
        *arguments,
        env=environment(FUSELINE_API_URL=api.url, FUSELINE_API_TOKEN=api.tokens[Role.CALLER]),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 120)
    return process.returncode or 0, out.decode(), err.decode()


async def skip_without(program: str) -> None:
    if absent := missing(NEEDS[Path(program).suffix]):
        pytest.skip(f"not on PATH: {absent}")
    if program.endswith(".pl"):
        perl = await asyncio.create_subprocess_exec(
            "perl", "-MHTTP::Tiny", "-MJSON::PP", "-e1", stderr=asyncio.subprocess.DEVNULL
        )
        if await perl.wait():
            pytest.skip("this Perl has no HTTP::Tiny or JSON::PP")


@pytest.mark.parametrize("program", SUBMITTING)
async def test_a_task_is_done_and_an_open_circuit_is_told(
    redis_url: str, namespace: str, api: RunningApi, program: str
) -> None:
    await skip_without(program)
    agent = Agent()
    await register(api.backend, "billing", CircuitBreakerConfig(failure_threshold=1), "test")
    async with another(redis_url, namespace, handlers_of(billing=agent)):
        code, out, err = await run(program, "billing", '{"order": 17}', api=api)
        assert (code, err) == (0, "")
        found = json.loads(out)
        answer = found["result"]["result"] if program.endswith(".java") else found
        assert answer == {"echo": {"order": 17}}

        client = api.client()
        override = {"mode": "forced_open", "reason": "a test"}
        (await client.post("circuits/billing/override", json=override)).raise_for_status()

        async def told() -> bool:
            code, _, err = await run(program, "billing", "1", api=api)
            return code == 1 and err.startswith("rejected: ") and "circuit_open" in err

        await eventually(told, 60)

    code, out, err = await run(program, "nobody", "1", api=api)
    assert (code, out) == (1, "")
    assert "nobody" in err


@pytest.mark.parametrize("program", CALLING)
async def test_a_call_of_its_own_is_recorded_and_refused_while_the_circuit_is_open(
    api: RunningApi, program: str
) -> None:
    await skip_without(program)
    await register(api.backend, "billing", CircuitBreakerConfig(failure_threshold=1), "test")
    async with agent_at(echoes) as agent:
        code, out, err = await run(program, "billing", agent.url, '{"order": 17}', api=api)
        assert (code, err) == (0, "")
        assert "order" in out

        agent.manners = answers({"error": "broken"}, 503)
        code, out, err = await run(program, "billing", agent.url, "1", api=api)
        assert (code, out, err) == (1, "", "failed: http_503\n")
        good, bad = await outcomes_of(api.backend, "billing")
        assert (good.result.name, good.epoch) == ("SUCCESS", 0)
        assert (bad.result.name, bad.failure_kind, bad.epoch) == ("FAILURE", "http_503", 0)

        code, out, err = await run(program, "billing", agent.url, "1", api=api)
        assert (code, out) == (1, "")
        assert err.startswith("refused: consecutive_failures, ")
        assert len(agent.requests) == 2
    assert len(await outcomes_of(api.backend, "billing")) == 2

    code, out, err = await run(program, "nobody", agent.url, "1", api=api)
    assert (code, out) == (1, "")
    assert "nobody" in err
