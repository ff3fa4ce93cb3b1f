"""Agent cards: found once, kept for a while, found again, and not trusted with credentials."""

import asyncio
import json

import httpx2
import pytest

from fuseline import Result
from fuseline.bridge.protocols.a2a import A2AProtocol
from fuseline.bridge.protocols.a2a_card import lifetime_seconds
from fuseline.bridge.protocols.base import AgentCallError
from tests.bridge.a2a.agents import RemoteAgent, failing, kind
from tests.waiting import eventually


async def test_a_card_is_fetched_once_for_many_callers(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    await agent.setup(card={"delay": 0.2})
    calls = (protocol.send(agent.client, agent.request("say hello")) for _ in range(20))
    replies = await asyncio.gather(*calls)
    assert [reply.result for reply in replies] == ["hello"] * 20
    assert len(await agent.asked("card")) == 1


async def test_a_failed_fetch_fails_all_who_wait_for_it_and_is_made_once(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    await agent.setup(card={"raw": "", "status": 503, "delay": 0.2})
    found = await asyncio.gather(*(failing(protocol, agent, "any") for _ in range(10)))
    assert {kind(error) for error in found} == {(Result.FAILURE, "http_503")}
    assert not any(error.sent for error in found)
    assert len(set(map(id, found))) == 10
    assert len(await agent.asked("card")) == 1


async def test_a_caller_that_leaves_does_not_take_the_fetch_with_it(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    await agent.setup(card={"delay": 0.5})
    leaving = asyncio.create_task(protocol.send(agent.client, agent.request("say hello")))
    await eventually(lambda: agent.asked("card"))
    staying = asyncio.create_task(protocol.send(agent.client, agent.request("say hello")))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).result == "hello"
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert len(await agent.asked("card")) == 2


async def test_an_expired_card_is_only_asked_for_its_tag(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    for _ in range(3):
        await protocol.send(agent.client, agent.request("say hello", card_seconds=0))
    tags = [entry["headers"].get("if-none-match") for entry in await agent.asked("card")]
    assert tags == [None, f'"{agent.url}/rpc"', f'"{agent.url}/rpc"']


async def test_a_changed_card_is_followed(protocol: A2AProtocol, agent: RemoteAgent) -> None:
    await protocol.send(agent.client, agent.request("say hello", card_seconds=0))
    await agent.setup(card={"url": f"{agent.url}/moved"})
    await protocol.send(agent.client, agent.request("say hello", card_seconds=0))
    paths = [entry["path"] for entry in await agent.asked("SendMessage")]
    assert paths == [f"/{agent.name}/rpc", f"/{agent.name}/moved"]


@pytest.mark.parametrize(
    "gone", [{"status": 404, "body": ""}, {"body": '{"error": {"code": -32601, "message": "no"}}'}]
)
async def test_an_agent_that_has_moved_is_found_again_before_its_card_expires(
    protocol: A2AProtocol, agent: RemoteAgent, gone: dict[str, object]
) -> None:
    await protocol.send(agent.client, agent.request("say hello"))
    await agent.setup(card={"url": f"{agent.url}/moved"}, answers=[gone])
    await failing(protocol, agent, "say hello")
    assert (await protocol.send(agent.client, agent.request("say hello"))).result == "hello"
    assert (await agent.asked("SendMessage"))[-1]["path"] == f"/{agent.name}/moved"


@pytest.mark.parametrize(
    ("card", "failure"),
    [
        ({"raw": "", "status": 404}, "a2a_card_missing"),
        ({"raw": "<html>"}, "malformed"),
        ({"raw": "[]"}, "a2a_card_malformed"),
        ({"raw": '{"supportedInterfaces": 7}'}, "a2a_card_malformed"),
        ({"raw": '{"skills": [1]}'}, "a2a_card_malformed"),
        ({"raw": "{}"}, "a2a_card_interface"),
        ({"raw": "", "status": 502}, "http_502"),
        ({"raw": "", "status": 304}, "http_304"),
        ({"raw": "x" * 5000}, "too_large"),
        ({"url": "not a url"}, "a2a_card_url"),
        ({"url": "file:///etc/passwd"}, "a2a_card_url"),
    ],
)
async def test_a_card_that_cannot_be_used_is_a_failure_and_nothing_is_sent(
    protocol: A2AProtocol, agent: RemoteAgent, card: dict[str, object], failure: str
) -> None:
    await agent.setup(card=card)
    found = await failing(protocol, agent, "any", max_response_bytes=4096)
    assert kind(found) == (Result.FAILURE, failure)
    assert not found.sent
    assert set(await agent.methods()) == {"card"}


@pytest.mark.parametrize("version", ["0.2", "2.0", "x"])
async def test_a_version_that_is_not_spoken_is_refused(
    protocol: A2AProtocol, agent: RemoteAgent, version: str
) -> None:
    interfaces = [
        {"url": f"{agent.url}/rpc", "protocolBinding": "JSONRPC", "protocolVersion": version},
        {"url": f"{agent.url}/rpc", "protocolBinding": "GRPC", "protocolVersion": "1.0"},
    ]
    await agent.setup(card={"changes": {"supportedInterfaces": interfaces}})
    assert kind(await failing(protocol, agent, "any"))[1] == "a2a_card_interface"


async def test_of_several_interfaces_the_newest_version_is_used_with_its_tenant(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    old = {"url": f"{agent.url}/rpc", "protocolBinding": "JSONRPC", "protocolVersion": "0.3.0"}
    new = old | {"url": f"{agent.url}/moved", "protocolVersion": "1.0.2", "tenant": "acme"}
    await agent.setup(card={"changes": {"supportedInterfaces": [old, new]}})
    await protocol.send(agent.client, agent.request("say hello"))
    (sent,) = await agent.asked("SendMessage")
    assert sent["path"] == f"/{agent.name}/moved"
    assert sent["params"]["tenant"] == "acme"


async def test_a_card_cannot_send_credentials_elsewhere(
    protocol: A2AProtocol, agent: RemoteAgent, agents_url: str, client: httpx2.AsyncClient
) -> None:
    other = RemoteAgent(agents_url.replace("127.0.0.1", "localhost"), client)
    await agent.setup(card={"url": f"{other.url}/rpc?key=hidden"})
    found = await failing(protocol, agent, "say hello")
    assert kind(found) == (Result.FAILURE, "a2a_card_host")
    assert not found.sent
    assert "allow_card_host" in str(found)
    assert "hidden" not in str(found)
    assert await other.methods() == []
    request = agent.request("say hello", allow_card_host=True)
    assert (await protocol.send(client, request)).result == "hello"
    assert await other.methods() == ["SendMessage"]


async def test_a_card_may_stand_where_the_options_say(
    protocol: A2AProtocol, agent: RemoteAgent, client: httpx2.AsyncClient, agents_url: str
) -> None:
    other = RemoteAgent(agents_url, client)
    path = f"/{other.name}/.well-known/agent-card.json"
    assert (await protocol.send(client, agent.request("say hello", card_url=path))).result
    assert await other.methods() == ["card", "SendMessage"]
    elsewhere = f"{agents_url.replace('127.0.0.1', 'localhost')}{path}"
    found = await failing(protocol, agent, "say hello", card_url=elsewhere)
    assert kind(found) == (Result.FAILURE, "a2a_card_host")


async def test_agents_share_no_card(
    protocol: A2AProtocol, agent: RemoteAgent, client: httpx2.AsyncClient, agents_url: str
) -> None:
    other = RemoteAgent(agents_url, client)
    await other.setup(card={"raw": json.dumps({})})
    assert (await protocol.send(client, agent.request("say hello"))).result == "hello"
    with pytest.raises(AgentCallError):
        await protocol.send(client, other.request("say hello"))


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 300),
        ("public, max-age=60", 60),
        ("max-age=900", 300),
        ("no-store", 0),
        ("no-cache, max-age=9", 0),
        ("max-age=x", 300),
        ("private", 300),
    ],
)
def test_cache_control_can_only_shorten_the_life_of_a_card(header: str, seconds: float) -> None:
    assert lifetime_seconds(header, 300) == seconds
