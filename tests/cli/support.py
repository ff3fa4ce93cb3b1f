"""Running the `fuseline` command as users do: in a process of its own."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from fuseline import CircuitBreakerConfig, CircuitBreakerManager
from fuseline.events.backend import Backend
from fuseline.events.settings import BackendSettings

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
CONFIG = CircuitBreakerConfig(
    failure_threshold=3, timeout_seconds=3600, timeout_max_seconds=3600, window_size_seconds=60
)


@dataclass(frozen=True)
class Ended:
    """What a command left behind."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def document(self) -> Any:
        return json.loads(self.out)

    @property
    def error(self) -> Any:
        return json.loads(self.err)["error"]


def environment(**changes: str) -> dict[str, str]:
    """An environment without settings of ours, but for those given."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FUSELINE_", "CIRCUIT_BREAKER_", "REDIS_"))
    }
    # Compiling every module again for each command would take most of the tests' time.
    kept.pop("PYTHONDONTWRITEBYTECODE", None)
    fixed = {"PYTHONPATH": str(ROOT), "TZ": "UTC"}
    return kept | fixed | changes


def start(arguments: Sequence[str], env: dict[str, str]) -> subprocess.Popen[str]:
    """Starts a command; its output is text."""
    return subprocess.Popen(
        [sys.executable, "-m", "fuseline", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=env,
        start_new_session=True,
    )


def finish(process: subprocess.Popen[str], within_seconds: float = 60.0) -> Ended:
    """Waits for the end of a command."""
    began = time.monotonic()
    try:
        out, err = process.communicate(timeout=within_seconds)
    except BaseException:
        process.kill()
        process.communicate()
        raise
    return Ended(process.returncode, out, err, time.monotonic() - began)


def run(*arguments: str, env: dict[str, str]) -> Ended:
    """Runs a command to its end."""
    began = time.monotonic()
    ended = finish(start(arguments, env))
    return Ended(ended.code, ended.out, ended.err, time.monotonic() - began)


def discard(process: subprocess.Popen[str]) -> None:
    """Ends a command and closes its pipes, in whatever state it is."""
    process.kill()
    process.wait(20)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()


def stop(process: subprocess.Popen[str], sent: signal.Signals) -> Ended:
    """Sends a signal and waits for the end."""
    process.send_signal(sent)
    return finish(process)


def until(found: Callable[[], T], within_seconds: float = 30.0) -> T:
    """Waits for a condition and returns its value."""
    deadline = time.monotonic() + within_seconds
    while not (value := found()):
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.01)
    return value


class World:
    """A namespace on a server, and the library at work in it."""

    def __init__(self, url: str, namespace: str) -> None:
        self.url = url
        self.namespace = namespace
        self._started: list[subprocess.Popen[str]] = []
        self.env = environment(REDIS_URL=url, FUSELINE_NAMESPACE=namespace)

    def run(self, *arguments: str) -> Ended:
        return run(*arguments, env=self.env)

    def start(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Starts a command; `close` ends it if the test does not."""
        process = start(arguments, self.env | env)
        self._started.append(process)
        return process

    def close(self) -> None:
        """Ends what a failed test has left running."""
        for process in self._started:
            discard(process)

    def call(self, agent: str, *results: bool, config: CircuitBreakerConfig = CONFIG) -> None:
        """Makes calls that end well (True) or fail (False), and waits until they are folded."""

        async def work() -> None:
            manager = CircuitBreakerManager.connect(
                self.url, namespace=self.namespace, worker=f"test-{agent}"
            )
            async with manager:
                breaker = manager.get(agent, config)
                for good in results:
                    with contextlib.suppress(ValueError):
                        await breaker.call(_good if good else _bad)
                await manager.flush()
                last = "{}-{}".format(*breaker.last_event_id)
                key = breaker.keys.circuit
                async with asyncio.timeout(20):
                    while (
                        await manager.backend.wire.call("HGET", key, "checkpoint") != last.encode()
                    ):
                        await asyncio.sleep(0.005)

        asyncio.run(work())

    def redis(self, *command: str | bytes | int) -> Any:
        """One command to the server."""

        async def send(backend: Backend) -> Any:
            return await backend.wire.call(*command)

        return self.with_backend(send)

    def with_backend(self, work: Callable[[Backend], Awaitable[T]]) -> T:
        """Runs something in the namespace."""

        async def main() -> T:
            backend = await Backend.open(BackendSettings(url=self.url, namespace=self.namespace))
            try:
                return await work(backend)
            finally:
                await backend.close()

        return asyncio.run(main())

    def key(self, kind: str, agent: str) -> str:
        async def name(backend: Backend) -> str:
            return str(getattr(backend.keys.agent(agent), kind))

        return self.with_backend(name)


async def _good() -> str:
    return "good"


async def _bad() -> None:
    raise ValueError("bad")
