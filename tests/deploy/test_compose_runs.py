"""The services of docker-compose.yml work together, under their users, in the guide's order."""

import signal
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from tests.cli.support import until
from tests.deploy.compose_run import ComposeRun
from tests.deploy.compose_support import load

PATIENCE_SECONDS = 100.0


@pytest.fixture
def compose(passwords: dict[str, str]) -> Iterator[ComposeRun]:
    with ComposeRun(load(passwords)["services"]) as made:
        yield made


def test_what_it_starts_becomes_healthy_and_shows_the_demonstration(compose: ComposeRun) -> None:
    compose.start_valkey()
    until(lambda: compose.ping() == b"+PONG\r\n", PATIENCE_SECONDS)
    assert b"NOPERM" in compose.send(b"GET x\r\n")
    migrate = compose.start("migrate")
    assert migrate.process is not None
    assert migrate.process.wait(PATIENCE_SECONDS) == 0, migrate.log.read_text()
    first = [compose.start(name) for name in ("projector", "projector", "worker", "notifier")]

    # There is no token yet: it ends, and Docker starts it anew.
    api = compose.start("api", anywhere=True)
    assert api.process is not None
    assert api.process.wait(PATIENCE_SECONDS) == 2
    assert "fuseline tokens create" in api.log.read_text()
    token = api.run("tokens", "create", "ops", "--role", "admin").strip()
    api = compose.start("api")

    for agent in ("agent-steady", "agent-flaky", "agent-outage"):
        compose.start(agent)
    callers = [compose.start("caller"), compose.start("caller")]
    for container in (*first, api):
        until(container.healthy, PATIENCE_SECONDS)

    url = f"http://127.0.0.1:{api.port('8787')}"
    headers = {"Authorization": f"Bearer {token}"}
    with httpx2.Client(base_url=f"{url}/api/v1", headers=headers, trust_env=False) as client:
        look_at_the_demonstration(client)
    for container in (first[0], first[2], callers[0]):
        figures = httpx2.get(f"http://127.0.0.1:{container.port('9464')}/metrics", trust_env=False)
        assert "fuseline_" in figures.raise_for_status().text

    for container in (*callers, *first, api):
        assert container.process is not None
        container.process.send_signal(signal.SIGTERM)
    for container in (*callers, *first, api):
        assert container.process is not None
        assert container.process.wait(PATIENCE_SECONDS) == 0, container.log.read_text()


def look_at_the_demonstration(client: httpx2.Client) -> None:
    """Its agents are there, one of them opens, and Prometheus would see it."""

    def circuits() -> dict[str, Any]:
        items = client.get("/circuits").raise_for_status().json()["items"]
        return {circuit["agent"]: circuit for circuit in items}

    until(lambda: {"steady", "flaky", "outage"} <= set(circuits()), PATIENCE_SECONDS)
    until(lambda: circuits()["outage"]["state"] == "open", PATIENCE_SECONDS)
    assert client.get("/metrics").raise_for_status().text.count("fuseline_circuit_state{") >= 9
