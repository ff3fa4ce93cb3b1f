"""A worker of the demonstration: calls the agents through their breakers, for as long as it runs.

`python -m fuseline.demo.caller`; FUSELINE_DEMO_AGENTS names the agents, without it they run in this
process too.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
from contextlib import suppress
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from fuseline.bridge.breaker import CircuitBreaker
from fuseline.bridge.classify import Verdict
from fuseline.bridge.manager import CircuitBreakerManager
from fuseline.core.errors import CallRefusedError
from fuseline.core.events import Result
from fuseline.demo.agent import start_agent
from fuseline.demo.http import HttpStatusError, post
from fuseline.demo.process import end_with_stdin, run_process
from fuseline.demo.scenario import CONFIG, Behaviour, agents_from_env
from fuseline.telemetry.providers import configured
from fuseline.telemetry.tracing import active_tracer

CALL_TIMEOUT_SECONDS = 0.5
TASKS_PER_AGENT = 2
_PAUSE_SECONDS = (0.05, 0.15)


async def ask(url: str) -> Any:
    """One call of an agent.

    Raises:
        TimeoutError: no answer within half a second.
        HttpStatusError, OSError: it failed.
    """
    async with asyncio.timeout(CALL_TIMEOUT_SECONDS):
        return await post(url, {"question": "how are you?"})


def classify(_result: Any, error: BaseException | None) -> Verdict | None:
    """Names failures by their status; everything else as the default does."""
    if isinstance(error, HttpStatusError):
        return Verdict(Result.FAILURE, f"http_{error.status}")
    return None


async def call_for_ever(breaker: CircuitBreaker, url: str) -> None:
    """Calls an agent again and again; what fails or is refused is no reason to stop."""
    tracer = trace.get_tracer("fuseline.demo")
    while True:
        with (
            tracer.start_as_current_span("ask"),
            suppress(CallRefusedError, HttpStatusError, OSError, TimeoutError),
        ):
            await breaker.call(ask, url)
        await asyncio.sleep(random.uniform(*_PAUSE_SECONDS))  # noqa: S311 - no secret


async def call_agents(worker: str | None, *, projector: bool) -> None:
    """Connects and calls until cancelled.

    Raises:
        ConfigError: FUSELINE_DEMO_AGENTS or another variable is not allowed.
        BackendError: the server cannot be used.
    """
    agents = agents_from_env()
    for behaviour in () if agents else Behaviour:
        agents[behaviour.value] = await start_agent(behaviour)
    manager = CircuitBreakerManager.connect(worker=worker, projector=projector)
    async with manager, asyncio.TaskGroup() as tasks:
        for name, url in agents.items():
            breaker = manager.get(name, CONFIG, classifier=classify)
            for _ in range(TASKS_PER_AGENT):
                tasks.create_task(call_for_ever(breaker, url))


def main() -> None:
    """Calls until stopped."""
    parser = argparse.ArgumentParser(description="Calls the agents of the demonstration.")
    parser.add_argument("--worker", help="name of this worker; by default host and process id")
    parser.add_argument("--no-projector", action="store_true", help="another process projects")
    parser.add_argument("--until-eof", action="store_true", help="end when stdin ends")
    arguments = parser.parse_args()
    if arguments.until_eof:
        end_with_stdin()
    with configured(os.environ, "fuseline-demo-worker"):
        if active_tracer() is None:
            # Nothing is exported, but the timeline shows the traces that there would be.
            trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
        run_process(lambda: call_agents(arguments.worker, projector=not arguments.no_projector))


if __name__ == "__main__":
    main()
