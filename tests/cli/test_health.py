"""Projectors and notifiers say whether they are alive and ready, as workers do."""

import signal
import socket
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.cli.support import World, stop, until

COMMANDS = {"projector": ("projector",), "notifier": ("alerts", "run")}


class Asked:
    """The port on which a process is asked for its health."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = str(probe.getsockname()[1])

    def get(self, path: str) -> httpx2.Response | None:
        """The answer; None while nobody listens."""
        try:
            return httpx2.get(f"http://127.0.0.1:{self.port}{path}")
        except httpx2.TransportError:
            return None

    def ready(self) -> bool:
        answer = self.get("/readyz")
        return answer is not None and answer.json() == {"ready": True, "reasons": []}

    def not_ready(self, word: str) -> bool:
        answer = self.get("/readyz")
        if answer is None or answer.status_code != 503:
            return False
        return any(word in reason for reason in answer.json()["reasons"])


@pytest.fixture
def fresh(fresh_server: Any) -> Iterator[World]:
    """A namespace on a server that may be killed."""
    made = World(fresh_server.url, "ns")
    yield made
    made.close()


@pytest.mark.parametrize("role", COMMANDS)
def test_it_is_ready_while_its_server_answers(fresh: World, fresh_server: Any, role: str) -> None:
    asked = Asked()
    process = fresh.start(*COMMANDS[role], "--health-port", asked.port)
    until(asked.ready)
    version = asked.get("/version")
    assert version is not None
    assert version.json()["server"].startswith("valkey")
    assert version.json()[role]
    fresh_server.kill()
    until(lambda: asked.not_ready("server away"))
    live = asked.get("/livez")
    assert live is not None  # a restart would bring no server back
    assert live.json() == {"alive": True}
    fresh_server.start()
    until(asked.ready)
    assert stop(process, signal.SIGTERM).code == 0


@pytest.mark.parametrize("role", COMMANDS)
def test_one_that_stands_by_is_ready_too(world: World, role: str) -> None:
    first, second = Asked(), Asked()
    processes = []
    for asked in (first, second):
        processes.append(world.start(*COMMANDS[role], "--health-port", asked.port))
        until(asked.ready)
    for process in processes:
        assert stop(process, signal.SIGTERM).code == 0


def test_a_projector_whose_leases_are_refused_says_which(world: World) -> None:
    keys = world.with_backend(_keys)
    world.redis("SADD", keys.shards[3].lease, "no lease")  # a type that no lease has
    asked = Asked()
    process = world.start("projector", "--health-port", asked.port)
    until(lambda: asked.not_ready("leases refused: shards 3"))
    world.redis("DEL", keys.shards[3].lease)
    until(asked.ready)
    assert stop(process, signal.SIGTERM).code == 0


async def _keys(backend: Any) -> Any:
    return backend.keys


@pytest.mark.parametrize("role", COMMANDS)
def test_a_port_that_is_taken_is_one_line(world: World, role: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ended = world.run(
            *COMMANDS[role], "--log-level", "error", "--health-port", str(taken.getsockname()[1])
        )
    assert ended.code == 2
    assert "health_port" in ended.err
    assert len(ended.err.splitlines()) == 1
