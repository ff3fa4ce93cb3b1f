"""Running the examples as users do: each in a process of its own."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import httpx2

from tests.cli.support import World, discard, until

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


class Stage:
    """Where examples run: a namespace, and what has been started in it."""

    def __init__(self, world: World) -> None:
        self.world = world
        # Commands of this checkout come first, and what is on PATH after them.
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.env = world.env | {"PATH": path, "FUSELINE_SHARDS": "4", "PYTHONUNBUFFERED": "1"}
        self._started: list[subprocess.Popen[str]] = []
        self._serving: dict[str, subprocess.Popen[str]] = {}

    def start(self, *command: str, **env: str) -> subprocess.Popen[str]:
        """Starts a command; its output is kept, errors among it."""
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._started.append(process)
        return process

    def run(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Runs a command to its end."""
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self.env | env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def lines(self, *command: str, **env: str) -> list[str]:
        """What a command prints; it must end well."""
        ended = self.run(*command, **env)
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.splitlines()

    def serve(self, script: str, path: str = "/", **env: str) -> str:
        """Starts an example that serves; its URL, once it answers."""
        port = free_port()
        process = self.start(sys.executable, f"examples/{script}", PORT=str(port), **env)
        url = f"http://127.0.0.1:{port}"

        def answers() -> bool:
            assert process.poll() is None, process.communicate()[0]
            try:
                httpx2.get(url + path, timeout=5, trust_env=False)
            except httpx2.TransportError:
                return False
            return True

        until(answers, 60)
        self._serving[url] = process
        return url

    def end(self, url: str) -> None:
        """Ends what `serve` has started there."""
        discard(self._serving.pop(url))

    def close(self) -> None:
        for process in self._started:
            if process.stdout is not None and not process.stdout.closed:
                discard(process)


def missing(commands: Sequence[str]) -> str:
    """Says which of these commands is not there; "" if all are."""
    return ", ".join(command for command in commands if shutil.which(command) is None)
