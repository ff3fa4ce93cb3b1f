"""What docker-compose.yml starts, started as plain processes: one for each service.

Entry point, command, environment and health check are those of the two files. Put in place of what
Docker gives are only names of other containers, ports, and folders.
"""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Self

import yaml
from dockerfile_parse import DockerfileParser

from tests.cli.support import environment
from tests.deploy.settings_support import ROOT
from tests.servers import server_binary

_CONTAINER_PORT = re.compile(r"^(8080|9464|8787)$")


def health_check() -> list[str]:
    """The command of the Dockerfile's HEALTHCHECK."""
    parser = DockerfileParser(str(ROOT / "Dockerfile"))
    (check,) = [s["value"] for s in parser.structure if s["instruction"] == "HEALTHCHECK"]
    command = yaml.safe_load(check.partition("CMD")[2])
    assert command[0] == "python"
    return [sys.executable, *command[1:]]


class Container:
    """A service's process, with ports of its own."""

    def __init__(self, run: "ComposeRun", name: str, *, anywhere: bool = False) -> None:
        self._host = "0.0.0.0" if anywhere else "127.0.0.1"
        self.service: dict[str, Any] = run.services[name]
        self._ports: dict[str, str] = {}
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=run.folder))
        self.log = self.folder / "log"
        self._run = run
        given = self.service.get("environment", {})
        self.env = environment(
            **{key: self._here(str(value)) for key, value in given.items()},
            FUSELINE_DATA_DIR=str(self.folder),
            FUSELINE_API_PORT=self.port("8787"),
        )
        default_url = f"http://127.0.0.1:{self.port('8080')}/readyz"
        self.env.setdefault("HEALTH_URL", default_url)
        # Whoever calls agents of the demonstration finds them at this machine's ports.
        for key, value in run.addresses.items():
            if "FUSELINE_DEMO_AGENTS" in self.env:
                agents = self.env["FUSELINE_DEMO_AGENTS"]
                self.env["FUSELINE_DEMO_AGENTS"] = agents.replace(key, value)
        self.process: subprocess.Popen[bytes] | None = None

    def port(self, inside: str) -> str:
        """A free port that stands for one of the container's."""
        if inside not in self._ports:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                self._ports[inside] = str(probe.getsockname()[1])
        return self._ports[inside]

    def command(self, *instead: str) -> list[str]:
        """Entry point and command; the latter may be another, as with `docker compose run`."""
        entry = self.service.get("entrypoint", ["fuseline"])
        module = ["-m", "fuseline"] if entry == ["fuseline"] else entry[1:]
        words = [self._here(word) for word in instead or self.service["command"]]
        return [sys.executable, *module, *words]

    def start(self) -> Self:
        """Starts it; its output goes into a file."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self.env,
                start_new_session=True,
            )
        return self

    def run(self, *command: str) -> str:
        """Runs a command to its end, like `docker compose run`; returns its output."""
        ended = subprocess.run(
            self.command(*command), capture_output=True, text=True, env=self.env, check=False
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout

    def healthy(self) -> bool:
        """Whether the image's health check succeeds now."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        check = subprocess.run(health_check(), capture_output=True, env=self.env, check=False)
        return check.returncode == 0

    def _here(self, word: str) -> str:
        word = word.replace("@valkey:6379", f"@127.0.0.1:{self._run.valkey_port}")
        word = word.replace("/data", str(self.folder)).replace("0.0.0.0", self._host)
        if _CONTAINER_PORT.match(word):
            return self.port(word)
        return re.sub(r"(?<=http://127\.0\.0\.1:)\d+", lambda found: self.port(found[0]), word)


class ComposeRun:
    """All of it; a context manager that ends what it has started."""

    def __init__(self, services: dict[str, Any]) -> None:
        self.services = services
        self.folder = Path(tempfile.mkdtemp(prefix="compose-"))
        self.addresses: dict[str, str] = {}
        self.started: list[subprocess.Popen[bytes]] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.valkey_port = probe.getsockname()[1]

    def start_valkey(self) -> None:
        """The server as the file starts it, on another port and folder."""
        service = self.services["valkey"]
        script, (program, *arguments) = service["entrypoint"], service["command"]
        assert program == "valkey-server"
        data = self.folder / "valkey"
        data.mkdir(exist_ok=True)
        words = [str(data) if word == "/data" else word for word in arguments]
        place = ["--port", str(self.valkey_port), "--bind", "127.0.0.1"]
        shell = [script[0], script[1].replace("/acl", str(ROOT / "deploy/redis/acl"))]
        self._spawn(
            [*shell, str(server_binary("valkey9")), *words, *place],
            environment(**service["environment"]) | {"ACL_USERS_FILE": str(self.folder / "acl")},
            self.folder / "valkey.log",
        )

    def start(self, name: str, *, anywhere: bool = False) -> Container:
        """Starts one container of a service; on loopback, unless it may listen anywhere."""
        made = Container(self, name, anywhere=anywhere).start()
        assert made.process is not None
        self.started.append(made.process)
        if name.startswith("agent-"):
            self.addresses[f"{name}:8080"] = f"127.0.0.1:{made.port('8080')}"
        return made

    def ping(self) -> bytes:
        """What the server answers to the ping of a client without a user."""
        return self.send(b"PING\r\n")

    def send(self, line: bytes) -> bytes:
        """What the server answers to a line of a client without a user; b"" while there is none."""
        try:
            with socket.create_connection(("127.0.0.1", self.valkey_port), 5) as client:
                client.sendall(line)
                return client.recv(1000)
        except OSError:
            return b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        for process in reversed(self.started):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, 9)
            process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _spawn(self, command: list[str], env: dict[str, str], log: Path) -> None:
        with log.open("wb") as output:
            self.started.append(
                subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=env,
                    start_new_session=True,
                )
            )
