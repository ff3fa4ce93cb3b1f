"""`fuseline worker`, `submit`, `task` and `dead`, as users run them."""

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.cli.support import World, stop, until

APP = "tests.cli.task_app:handlers"


@pytest.fixture
def health_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = Path("/tmp") / f"fuseline-health-{tmp_path_factory.mktemp('h').parent.name}.sock"
    yield path
    path.unlink(missing_ok=True)


def start_worker(world: World, *arguments: str, **env: str) -> subprocess.Popen[str]:
    """Starts a worker; returns when it works."""
    process = world.start("worker", "--app", APP, "--json", *arguments, **env)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["event"] == "worker_started"
    until(lambda: world.run("submit", "echo", "0").code == 0)  # its functions are registered
    return process


def ask(path: Path, target: str, method: str = "GET") -> httpx2.Response:
    transport = httpx2.HTTPTransport(uds=str(path))
    with httpx2.Client(transport=transport, base_url="http://worker") as client:
        return client.request(method, target)


def test_a_submitted_task_is_done_and_shown(world: World) -> None:
    worker = start_worker(world)
    ended = world.run("submit", "echo", '{"n": 1}', "--wait")
    assert (ended.code, ended.document) == (0, {"echo": {"n": 1}})
    ended = world.run("submit", "echo", "2", "--id", "two", "--wait", "--json")
    assert (ended.document["status"], ended.document["result"]) == ("succeeded", {"echo": 2})
    shown = world.run("task", "two", "--json").document
    assert (shown["state"], shown["result"]["result"]) == ("done", {"echo": 2})
    assert world.run("submit", "echo", "3", "--id", "two", "--json").document["existed"] is True
    assert "done" in world.run("task", "two").out
    ended = stop(worker, signal.SIGTERM)
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["results"]["succeeded"] == 3
    assert "worker_stopped" in ended.err


def test_what_is_submitted_waits_for_a_worker(world: World) -> None:
    world.call("a", True)
    assert world.run("submit", "a", "1", "--priority", "high").code == 0
    assert world.run("task", "--json").document["in_queue"] == {"high": 1, "normal": 0, "low": 0}
    ended = world.run("submit", "a", "--wait", "--for", "100ms")
    assert ended.code == 1
    assert "no result of task" in ended.err


def test_dead_letters_are_listed_tried_again_and_dropped(world: World) -> None:
    worker = start_worker(world)
    for name in ("one", "two"):
        arguments = ("submit", "broken", "7", "--id", name, "--max-attempts", "1", "--wait")
        ended = world.run(*arguments)
        assert (ended.code, ended.out) == (1, "")
        assert "dead: out of order" in ended.err
    found = world.run("dead", "list", "--json").document["dead"]
    assert [(letter["task"], letter["payload"]) for letter in found] == [("one", 7), ("two", 7)]
    assert "out of order" in world.run("dead", "list").out
    assert world.run("dead", "retry", "one", "--json").document == {"retried": 1}
    until(lambda: len(world.run("dead", "list", "--json").document["dead"]) == 2)
    assert world.run("dead", "drop", "--agent", "nobody").out == "0 dropped\n"
    assert world.run("dead", "drop", "--all").out == "2 dropped\n"
    assert world.run("dead", "list").out == "no dead letters\n"
    assert stop(worker, signal.SIGINT).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("submit", "nobody"), 4, "nobody"),
        (("submit", "a", "{bad"), 2, "payload"),
        (("submit", "a", "--priority", "urgent"), 2, "priority"),
        (("submit", "a", "--deadline", "soon"), 2, "deadline"),
        (("submit", "a", "--max-attempts", "0"), 2, "max_attempts"),
        (("task", "never-was"), 1, "never-was"),
        (("dead", "retry"), 2, "ids"),
        (("dead", "drop", "never-was"), 1, "never-was"),
        (("worker", "--concurrency", "0"), 2, "concurrency"),
        (("worker", "--lease", "1ms"), 2, "lease_seconds"),
        (("worker", "--app", "no-colon"), 2, "module:attribute"),
        (("worker", "--app", "no_such_module:x"), 2, "ModuleNotFoundError"),
        (("worker", "--app", "tests.cli.task_app:nothing"), 2, "AttributeError"),
        (("worker", "--app", "tests.cli.task_app:something_else"), 2, "not a int"),
        (("worker", "--health-socket", "/nowhere/at/all"), 2, "health_socket"),
    ],
)
def test_bad_input_is_one_line_that_names_it(
    world: World, arguments: tuple[str, ...], code: int, named: str
) -> None:
    ended = world.run(*arguments)
    assert (ended.code, ended.out) == (code, ""), ended.err
    assert named in ended.err
    assert len(ended.err.splitlines()) == 1


def test_a_worker_says_whether_it_is_alive_and_ready(world: World, health_socket: Path) -> None:
    worker = start_worker(world, "--drain", "30s", "--health-socket", str(health_socket))
    assert ask(health_socket, "/livez").json() == {"alive": True}
    until(lambda: ask(health_socket, "/readyz").status_code == 200)
    version = ask(health_socket, "/version?x=1").json()
    assert version["server"].startswith("valkey")
    assert {"fuseline", "functions", "python", "worker"} <= version.keys()
    assert ask(health_socket, "/nothing").status_code == 404
    assert ask(health_socket, "/readyz", "POST").status_code == 405
    assert ask(health_socket, "/livez", "HEAD").content == b""
    with socket.socket(socket.AF_UNIX) as rude:
        rude.connect(str(health_socket))
        rude.sendall(b"\x00not http\r\n\r\n")
        assert rude.recv(100) == b""  # hung up on
    world.run("submit", "slow", "60")
    until(lambda: world.run("task", "--json").document["running"] == {"slow": 1})
    worker.send_signal(signal.SIGTERM)
    reply = until(lambda: r if (r := ask(health_socket, "/readyz")).status_code == 503 else None)
    assert reply.json()["reasons"][0].startswith("draining")
    assert ask(health_socket, "/livez").status_code == 200
    assert stop(worker, signal.SIGTERM).code == 0


def test_a_worker_without_projector_or_server_is_not_ready(fresh: World) -> None:
    port = _free_port()
    worker = fresh.start("worker", "--app", APP, "--no-projector", "--health-port", str(port))
    url = f"http://127.0.0.1:{port}/readyz"

    def reasons(word: str) -> Any:
        try:
            reply = httpx2.get(url)
        except httpx2.TransportError:
            return None
        return reply.status_code == 503 and any(word in r for r in reply.json()["reasons"])

    until(lambda: reasons("projector away"))
    fresh.server.kill()
    until(lambda: reasons("server away"))
    fresh.server.start()
    projector = fresh.start("projector")
    until(lambda: httpx2.get(url).status_code == 200)
    assert stop(worker, signal.SIGTERM).code == 0
    assert stop(projector, signal.SIGTERM).code == 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class FreshWorld(World):
    """A namespace on a server that may be killed."""

    def __init__(self, server: Any) -> None:
        super().__init__(server.url, "ns")
        self.server = server


@pytest.fixture
def fresh(fresh_server: Any) -> Iterator[FreshWorld]:
    made = FreshWorld(fresh_server)
    yield made
    made.close()


def test_sigusr1_shows_what_a_worker_knows(world: World) -> None:
    worker = start_worker(world, "--drain", "10ms", FUSELINE_LOG_FORMAT="json")
    world.run("submit", "slow", "60", "--id", "long")
    until(lambda: world.run("task", "long", "--json").document["state"] == "running")
    worker.send_signal(signal.SIGUSR1)
    ended = stop(worker, signal.SIGTERM)
    lines = [json.loads(line) for line in ended.err.splitlines()]
    (state,) = [line for line in lines if line["message"] == "worker_state"]
    (task,) = state["tasks"]
    assert (task["task"], task["agent"], task["called"]) == ("long", "slow", True)
    assert state["breakers"]["slow"]["in_flight"] == 1
    assert state["slots"] == {"taken": 1, "of": 32}
    assert ended.code == 0
