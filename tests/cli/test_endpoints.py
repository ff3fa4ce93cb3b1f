"""`configure` with an endpoint: set, changed, taken away, and never shown with its secrets."""

import pytest

from fuseline.core.endpoint import Endpoint, RetryPolicy, WhenOpen
from fuseline.events.agents import AgentRecord, read_agent
from tests.cli.support import World

URL = "https://agent.example/ask"


def record_of(world: World, agent: str = "a") -> AgentRecord:
    found = world.with_backend(lambda backend: read_agent(backend, agent))
    assert found is not None
    return found


def test_an_agent_is_registered_with_its_endpoint(world: World) -> None:
    made = world.run("configure", "a", "--register", f"url={URL}", "failure_threshold=2", "--json")
    assert made.code == 0, made.err
    assert made.document["revision"] == 1
    assert made.document["endpoint"]["url"] == URL
    assert record_of(world).endpoint == Endpoint(url=URL)
    assert record_of(world).config.failure_threshold == 2
    again = world.run("configure", "a", "--register", f"url={URL}")
    assert again.code == 0, again.err
    assert record_of(world).revision == 1


def test_an_agent_is_not_registered_by_mistake(world: World) -> None:
    refused = world.run("configure", "a", f"url={URL}")
    assert refused.code == 4
    assert "not registered" in refused.err


def test_fields_of_the_endpoint_are_set_and_changed(world: World) -> None:
    made = world.run(
        "configure", "a", "--register", f"url={URL}", "protocol=a2a", "headers.X-Team=billing",
        "headers.Authorization=Bearer ${env:TOKEN}", "call_timeout_seconds=9", "timeout_seconds=7",
        "retry.max_attempts=5", "failure_statuses=5xx,404", "ignored_statuses=", "idempotent=yes",
        "when_open=defer", "options.depth=3", "options.card=/x",
    )  # fmt: skip
    assert made.code == 0, made.err
    record = record_of(world)
    assert record.endpoint == Endpoint(
        url=URL,
        protocol="a2a",
        headers={"X-Team": "billing", "Authorization": "Bearer ${env:TOKEN}"},
        timeout_seconds=9,
        retry=RetryPolicy(max_attempts=5),
        failure_statuses=("5xx", "404"),
        idempotent=True,
        when_open=WhenOpen.DEFER,
        options={"depth": 3, "card": "/x"},
    )
    assert record.config.timeout_seconds == 7
    changed = world.run("configure", "a", "headers.x-team=", "options.depth=", "protocol=http")
    assert changed.code == 0, changed.err
    endpoint = record_of(world).endpoint
    assert endpoint is not None
    assert (endpoint.protocol, set(endpoint.headers), endpoint.options) == (
        "http",
        {"Authorization"},
        {"card": "/x"},
    )
    assert record_of(world).revision == 2


def test_changes_of_the_breaker_keep_the_endpoint(world: World) -> None:
    world.run("configure", "a", "--register", f"url={URL}")
    assert world.run("configure", "a", "failure_threshold=9").code == 0
    assert record_of(world).endpoint == Endpoint(url=URL)


def test_an_empty_url_takes_the_endpoint_away(world: World) -> None:
    world.run("configure", "a", "--register", f"url={URL}")
    assert world.run("configure", "a", "url=").code == 0
    assert record_of(world).endpoint is None


def test_secrets_are_shown_masked(world: World) -> None:
    made = world.run(
        "configure", "a", "--register", f"url={URL}?key=hunter2", "headers.X-Key=hunter2",
        "headers.Authorization=Bearer ${env:TOKEN}",
    )  # fmt: skip
    assert made.code == 0, made.err
    for ended in (made, world.run("configure", "a"), world.run("configure", "a", "--json")):
        assert "hunter2" not in ended.out + ended.err
        assert "***" in ended.out
        assert "${env:TOKEN}" in ended.out


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ("url=ftp://x", "url"),
        ("url=http://user:hunter2@x/", "url"),
        ("headers.X=hunter2ü", "headers.X"),
        ("retry.max_attempts=0", "retry.max_attempts"),
        ("retry.attempts=1", "change"),
        ("call_timeout_seconds=0", "call_timeout_seconds"),
        ("adress=http://x", "change"),
        ("headers=x", "change"),
        ("failure_statuses=6xx", "failure_statuses"),
        ("headers.X", "change"),
    ],
)
def test_bad_values_are_refused_by_name(world: World, change: str, field: str) -> None:
    ended = (
        world.run("configure", "a", "--register", "protocol=http", f"url={URL}", change)
        if (not change.startswith("url"))
        else world.run("configure", "a", "--register", change)
    )
    assert ended.code == 2, ended.out
    assert f"fuseline: {field}: " in ended.err
    assert "hunter2" not in ended.err
