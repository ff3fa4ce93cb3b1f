"""Transports for HTTP clients: what an open circuit raises, probes, and which breaker it is."""

import pickle

import pytest

from fuseline import (
    BulkheadFullError,
    CircuitBreakerConfig,
    CircuitBreakerManager,
    CircuitBreakerOpenError,
    CircuitState,
    Result,
)
from tests.bridge.agents import manners as m
from tests.bridge.agents.server import Manners, agent_at
from tests.integrations.clients import Open
from tests.integrations.support import ends, once_admitted, opening
from tests.logbook import outcomes_of
from tests.waiting import eventually


async def test_an_open_circuit_sends_nothing_and_raises_an_error_of_both_worlds(
    manager: CircuitBreakerManager, open_any: Open
) -> None:
    client = await open_any(config=opening(failures=2))
    async with agent_at(m.answers(1, 503)) as agent:
        assert [await client.status(agent.url) for _ in range(2)] == [503, 503]
        with pytest.raises(CircuitBreakerOpenError) as ours:
            await client.status(agent.url)
        with pytest.raises(client.library_error) as theirs:
            await client.status(agent.url)
        assert len(agent.requests) == 2
    for refused in (ours.value, theirs.value):
        assert isinstance(refused, client.integration.OpenCircuitError)
        assert refused.agent == "a"
        assert refused.state is CircuitState.OPEN
        assert refused.cause == "consecutive_failures"
        assert 0 < refused.retry_after_seconds <= 60
        assert str(refused).startswith("circuit of agent 'a' is open (consecutive_failures)")
        assert str(pickle.loads(pickle.dumps(refused))) == str(refused)
    assert await ends(manager, "a") == [("FAILURE", "http_503")] * 2


async def test_a_refusal_by_httpx_knows_its_request(
    manager: CircuitBreakerManager, open_any: Open
) -> None:
    client = await open_any(config=opening())
    async with agent_at(m.answers(1, 503)) as agent:
        await client.status(agent.url)
        with pytest.raises(CircuitBreakerOpenError) as refused:
            await client.status(agent.url)
        if hasattr(client, "library"):
            assert str(refused.value.request.url) == agent.url


async def test_retry_after_lengthens_the_open_time(
    manager: CircuitBreakerManager, open_client: Open
) -> None:
    client = await open_client(config=opening(seconds=1))
    async with agent_at(m.answers(1, 503, {"Retry-After": "300"})) as agent:
        await client.status(agent.url)
        with pytest.raises(CircuitBreakerOpenError) as refused:
            await client.status(agent.url)
    assert 200 < refused.value.retry_after_seconds <= 300


async def test_a_full_bulkhead(manager: CircuitBreakerManager, open_client: Open) -> None:
    client = await open_client(config=CircuitBreakerConfig(max_concurrent_calls=1))
    async with (
        agent_at(m.streams([b"1\n"], then=m.hangs)) as agent,
        client.head(agent.url) as body,
    ):
        await anext(body)
        with pytest.raises(client.library_error) as full:
            await client.status(agent.url)
    assert isinstance(full.value, BulkheadFullError)
    assert isinstance(full.value, client.integration.FullBulkheadError)
    assert full.value.max_concurrent_calls == 1


@pytest.mark.parametrize("manners", [m.hangs, m.streams([b"1\n"], then=m.hangs)])
async def test_a_probe_is_cut_off_at_the_end_of_its_lease(
    manager: CircuitBreakerManager, open_client: Open, manners: Manners
) -> None:
    config = CircuitBreakerConfig(
        failure_threshold=1,
        failure_rate_threshold=None,
        timeout_seconds=0.05,
        half_open_max_calls=1,
        probe_lease_seconds=1,
    )
    client = await open_client(config=config)
    async with agent_at(m.in_turn(m.answers(1, 500), manners)) as agent:
        await client.status(agent.url)
        with pytest.raises((client.library_error, TimeoutError)):
            await once_admitted(client.status, agent.url)
    await manager.flush()
    outcomes = await outcomes_of(manager.backend, "a")
    assert [outcome.result for outcome in outcomes] == [Result.FAILURE, Result.TIMEOUT]
    assert outcomes[1].permit is not None


async def test_a_probe_that_succeeds_closes_the_circuit(
    manager: CircuitBreakerManager, open_any: Open
) -> None:
    client = await open_any(config=opening(seconds=0.05))
    async with agent_at(m.in_turn(m.answers(1, 500), m.answers(1))) as agent:
        await client.status(agent.url)
        assert await once_admitted(client.status, agent.url) == 200
        await eventually(lambda: manager.get("a").state is CircuitState.CLOSED, 60)


async def test_by_default_each_host_has_its_breaker(
    manager: CircuitBreakerManager, open_any: Open
) -> None:
    client = await open_any(agent_of=None)
    async with agent_at(m.answers(1)) as one, agent_at(m.answers(1, 500)) as other:
        await client.status(one.url)
        await client.status(other.url)
    assert set(manager.breakers) == {f"127.0.0.1-{one.port}", f"127.0.0.1-{other.port}"}
    assert await ends(manager, f"127.0.0.1-{one.port}") == [("SUCCESS", "")]
    assert await ends(manager, f"127.0.0.1-{other.port}") == [("FAILURE", "http_500")]


async def test_none_leaves_a_request_alone(
    manager: CircuitBreakerManager, open_client: Open
) -> None:
    client = await open_client(agent_of=lambda _: None)
    async with agent_at(m.answers(1, 500)) as agent:
        assert await client.status(agent.url) == 500
    assert manager.breakers == {}


def test_agents_are_named_for_hosts() -> None:
    import httpx2

    from fuseline.integrations.http_calls import agent_of_url

    names = {
        "https://API.example.com/v1": "api.example.com",
        "https://api.example.com:443/": "api.example.com",
        "https://api.example.com:8443/": "api.example.com-8443",
        "http://[::1]:80/": "--1",
    }
    assert {url: agent_of_url(httpx2.URL(url)) for url in names} == names
