"""A real `fuseline up` on an embedded server of its own, and agents that are really called."""

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2

from fuseline import CircuitBreakerManager
from fuseline.api.access.roles import Role
from fuseline.api.access.tokens import TokenStore
from fuseline.bridge.executor import ExternalAgentExecutor
from fuseline.bridge.protocols.base import AgentCallError
from fuseline.core.errors import CallRefusedError
from fuseline.events.embedded_paths import embedded_paths
from tests.bridge.agents import manners
from tests.bridge.agents.server import Agent, agent_at
from tests.bridge.executor_support import LOOPBACK
from tests.cli.support import environment, run
from tests.waiting import eventually

GOOD = manners.answers({"answer": "well"})
BAD = manners.answers({"error": "out of order"}, 503)
# Opens after three failures in a row, and stays open for longer than a test takes.
BREAKER = {"failure_threshold": 3, "timeout_seconds": 600, "timeout_max_seconds": 600}
WORKER = "worker-7"
_START_SECONDS = 30


class Up:
    """The process; it can be killed, and started again at the same address.

    Attributes:
        url: of the API and the UI, without a slash at the end.
        token: of an admin; None: the API asks nobody for one.
    """

    def __init__(self, folder: Path, *arguments: str, **environ: str) -> None:
        self.url = ""
        self.token: str | None = None
        self.server_url = embedded_paths(folder / "data").url
        self._env = environment(FUSELINE_DATA_DIR=str(folder / "data"), **environ)
        self._arguments = arguments
        self._output = folder / "up.out"
        self._port = 0
        self._process: subprocess.Popen[bytes] | None = None

    def make_token(self) -> None:
        """Makes an admin's token before there is an API, which then wants one."""
        ended = run("tokens", "create", "root", "--role", "admin", env=self._env)
        assert ended.code == 0, ended.err
        self.token = ended.out.strip()

    async def start(self) -> None:
        """Starts it, and waits until it answers."""
        self._launch()
        self.url = await eventually(self._address, _START_SECONDS, 0.02)
        self._port = int(self.url.rpartition(":")[2])
        async with httpx2.AsyncClient(trust_env=False) as client:
            await eventually(lambda: self._answers(client), _START_SECONDS, 0.02)

    def _launch(self) -> None:
        command = ["up", "--json", "--port", str(self._port), *self._arguments]
        # Not a pipe: nobody reads on, and a full one would stop it.
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "fuseline", *command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=self._env,
                start_new_session=True,
            )

    def _address(self) -> str | None:
        assert self._process is not None
        said = self._output.read_text()
        assert self._process.poll() is None, f"fuseline up ended: {said}"
        first, newline, _ = said.partition("\n")
        return json.loads(first)["notes"][0].split()[1].partition("/api/")[0] if newline else None

    async def _answers(self, client: httpx2.AsyncClient) -> bool:
        try:
            return (await client.get(f"{self.url}/api/v1/readyz")).status_code == 200
        except httpx2.TransportError:
            return False

    def kill(self) -> None:
        """Ends it as a crash does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(20)

    def stop(self) -> None:
        """Ends it in order, if it runs."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(15)
        except subprocess.TimeoutExpired:
            self.kill()

    async def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """Asks the API as an admin; the document it answers with."""
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        else:
            headers["Origin"] = self.url
        async with httpx2.AsyncClient(trust_env=False) as client:
            answer = await client.request(
                method, f"{self.url}/api/v1{path}", json=body, headers=headers
            )
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    async def register(self, name: str, agent: Agent | None, **fields: Any) -> None:
        """Registers an agent whose calls are not repeated."""
        reach = {} if agent is None else {"url": agent.url, "retry": {"max_attempts": 1}}
        document = {"name": name, "circuit_breaker_config": BREAKER} | reach | fields
        await self.ask("POST", "/agents", document)


class Callers:
    """Agents on loopback, and a worker that calls them through their breakers."""

    def __init__(self, manager: CircuitBreakerManager, executor: ExternalAgentExecutor) -> None:
        self.manager = manager
        self._executor = executor
        self._agents = contextlib.AsyncExitStack()

    async def agent(self) -> Agent:
        """A new agent; it answers well until told otherwise."""
        return await self._agents.enter_async_context(agent_at(GOOD))

    async def call(self, name: str, times: int = 1, *, away: bool = False) -> list[str]:
        """Calls an agent; how each call ended: "good", "refused", or the kind of its failure.

        They are in the log afterwards, unless the server is `away`.
        """
        ends = []
        for _ in range(times):
            try:
                await self._executor.call(name, {"question": "how are you?"})
                ends.append("good")
            except CallRefusedError:
                ends.append("refused")
            except AgentCallError as error:
                ends.append(error.verdict.failure_kind)
        if not away:
            await self.manager.flush()
        return ends

    async def make_tokens(self) -> dict[Role, str]:
        """A token of each role."""
        store = TokenStore(self.manager.backend)
        return {
            role: (await store.create(f"ann-{role}", role, life_ms=None, created_by="test")).text
            for role in Role
        }

    async def close(self) -> None:
        """Ends the agents."""
        await self._agents.aclose()


@contextlib.asynccontextmanager
async def running_up(
    folder: Path, *arguments: str, tokens: bool = False, **environ: str
) -> AsyncIterator[Up]:
    """Runs it.

    Args:
        folder: for its data.
        arguments: of `fuseline up`.
        tokens: whether the API asks for one.
        environ: what its environment has besides.
    """
    up = Up(folder, *arguments, **environ)
    try:
        if tokens:
            await asyncio.to_thread(up.make_token)
        await up.start()
        yield up
    finally:
        await asyncio.to_thread(up.stop)


@contextlib.asynccontextmanager
async def callers_of(up: Up) -> AsyncIterator[Callers]:
    """A worker on the same server; `up` projects."""
    manager = CircuitBreakerManager.connect(up.server_url, worker=WORKER, projector=False)
    async with manager, ExternalAgentExecutor(manager, outbound=LOOPBACK) as executor:
        callers = Callers(manager, executor)
        try:
            yield callers
        finally:
            await callers.close()
