"""The processes of the demonstration: started, watched, and stopped together."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from contextlib import suppress
from typing import Self

import anyio

from fuseline.core.errors import FuselineError
from fuseline.demo.scenario import AGENTS_VARIABLE, Behaviour
from fuseline.events.backend import Backend
from fuseline.telemetry.logs import get_logger
from fuseline.telemetry.settings import PORT_VARIABLE, flush_seconds, port_from_env

WORKERS = ("worker-1", "worker-2")

_START_SECONDS = 20.0
_CALLERS_STOP_SECONDS = 1.5
_OTHERS_STOP_SECONDS = 0.8
# Beyond what a process gives its exporters: it ends by itself unless it hangs.
_EXPORT_SPARE_SECONDS = 2.0

_log = get_logger("demo")


class DemoError(FuselineError):
    """A process of the demonstration could not be started, or ended by itself."""


class Crew:
    """Agents, projector and callers in processes of their own.

    Each has its stdin held open by this process and ends when that ends, so none is left behind
    even when this process is killed. `async with` starts and stops them.

    Args:
        backend: the namespace they work in.
    """

    def __init__(self, backend: Backend) -> None:
        self._environment = os.environ | {
            "REDIS_URL": backend.url,
            "FUSELINE_NAMESPACE": backend.keys.namespace_name,
            "FUSELINE_SHARDS": str(len(backend.keys.shards)),
        }
        self._metrics_port = port_from_env(os.environ)
        flush = flush_seconds(os.environ)
        self._export_seconds = flush + _EXPORT_SPARE_SECONDS if flush else 0.0
        self._callers: dict[str, Process] = {}
        self._others: dict[str, Process] = {}
        self._readers: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        try:
            with anyio.fail_after(_START_SECONDS):
                await self._start()
        except BaseException as error:
            await self.stop()
            if isinstance(error, TimeoutError):
                raise DemoError(
                    "the agents of the demonstration do not start in time; try again when the "
                    "machine is less busy"
                ) from error
            raise
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.stop()

    async def watch(self) -> None:
        """Waits until a process ends by itself.

        Raises:
            DemoError: naming it; always.
        """
        processes = self._others | self._callers
        waits = {asyncio.ensure_future(process.wait()): name for name, process in processes.items()}
        try:
            done, _ = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        name = waits[done.pop()]
        raise DemoError(f"{name} of the demonstration ended by itself; see the lines above")

    async def stop(self) -> None:
        """Stops all: the callers first, while what they have to say is still heard.

        Who has not ended by itself in time is killed. The time is that for its work and, where
        telemetry is exported, that for handing over what is left.
        """
        with anyio.CancelScope(shield=True):
            await _stop(self._callers, _CALLERS_STOP_SECONDS + self._export_seconds)
            await _stop(self._others, _OTHERS_STOP_SECONDS + self._export_seconds)
            for reader in self._readers:
                reader.cancel()
            await asyncio.gather(*self._readers, return_exceptions=True)
            self._readers.clear()

    async def _start(self) -> None:
        name = "projector"
        arguments = ("fuseline", "projector", "--until-eof", "--log-level", "warning")
        self._others[name] = await self._spawn(name, *arguments)
        agents = {}
        for behaviour in Behaviour:
            name = f"agent {behaviour}"
            process = await self._spawn(
                name, "fuseline.demo.agent", "--behaviour", behaviour, "--until-eof"
            )
            self._others[name] = process
        for behaviour in Behaviour:
            output = self._others[f"agent {behaviour}"].stdout
            assert output is not None
            line = (await output.readline()).decode().strip()
            if not line:
                raise DemoError(
                    f"the agent {behaviour} of the demonstration does not start; see the lines "
                    "above"
                )
            agents[behaviour.value] = line
        self._environment[AGENTS_VARIABLE] = ",".join(f"{n}={u}" for n, u in agents.items())
        for name in WORKERS:
            worker = f"{name}-{os.getpid()}"
            self._callers[name] = await self._spawn(
                name, "fuseline.demo.caller", "--worker", worker, "--no-projector", "--until-eof"
            )

    async def _spawn(self, name: str, module: str, *arguments: str) -> Process:
        # Where Prometheus is answered, each process has the port after that of the one before.
        if self._metrics_port:
            self._metrics_port += 1
        port = {PORT_VARIABLE: str(self._metrics_port)}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", module, *arguments,
            stdin=PIPE, stdout=PIPE, stderr=PIPE, env=self._environment | port,
            # Ctrl-C is for the parent, which stops the others in order.
            start_new_session=True,
        )  # fmt: skip
        self._readers.append(asyncio.create_task(_pass_on(name, process)))
        return process


async def _pass_on(name: str, process: Process) -> None:
    """What a process says on stderr stands in our log."""
    assert process.stderr is not None
    async for line in process.stderr:
        _log.warning(
            "demo_process", name_of_process=name, line=line.decode(errors="replace").rstrip()
        )


async def _stop(processes: dict[str, Process], timeout_seconds: float) -> None:
    for process in processes.values():
        with suppress(ProcessLookupError):
            process.terminate()
    waits = asyncio.gather(*(process.wait() for process in processes.values()))
    try:
        await asyncio.wait_for(asyncio.shield(waits), timeout_seconds)
    except TimeoutError:
        for name, process in processes.items():
            if process.returncode is None:
                _log.warning("demo_process_killed", name_of_process=name)
                with suppress(ProcessLookupError):
                    process.kill()
        await waits
    processes.clear()
