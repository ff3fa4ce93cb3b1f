"""A2A agents, made with the official SDK, in a process of their own: whole answers."""

import asyncio
import gc
import json
import socket
import subprocess
import sys
from typing import Any

import httpx2
import pytest

from fuseline import Result
from fuseline.bridge.protocols.a2a import A2AProtocol
from tests.bridge.a2a.agents import RemoteAgent, answer, error, failing, kind, task
from tests.bridge.a2a.server import card
from tests.waiting import eventually

# --- what is sent, and what comes back ---


async def test_a_message_is_the_answer(protocol: A2AProtocol, agent: RemoteAgent) -> None:
    reply = await protocol.send(agent.client, agent.request("say hello"))
    assert reply.result == "hello"
    assert reply.details["state"] == ""


async def test_a_completed_task_answers_with_its_artifact(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    reply = await protocol.send(agent.client, agent.request("make text"))
    assert reply.result == "made"
    assert reply.details["state"] == "completed"
    assert reply.details["task_id"]
    assert reply.details["context_id"]
    assert await agent.methods() == ["card", "SendMessage"]


async def test_several_artifacts_are_given_whole(protocol: A2AProtocol, agent: RemoteAgent) -> None:
    reply = await protocol.send(agent.client, agent.request("make two"))
    assert [artifact["name"] for artifact in reply.result] == ["first", "second"]
    assert reply.result[1]["parts"] == [{"data": {"n": 2}}]


@pytest.mark.parametrize("payload", ["text", {"a": [1, None, {"b": 0.5}]}, [1, "x"], 7, True, None])
@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_payloads_arrive_as_they_were(
    protocol: A2AProtocol, agent: RemoteAgent, payload: Any, version: str
) -> None:
    if version == "0.3":
        await agent.setup(card={"old": True})
    reply = await protocol.send(agent.client, agent.request(payload))
    assert reply.result == payload
    assert type(reply.result) is type(payload)
    assert reply.details["state"] == "completed"
    (sent,) = await agent.asked("SendMessage" if version == "1.0" else "message/send")
    assert sent["headers"]["a2a-version"] == version


async def test_a_request_in_the_form_of_a2a_is_sent_as_it_is(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    message = {
        "messageId": "m-1",
        "role": "ROLE_USER",
        "parts": [{"text": "one"}, {"text": "two", "metadata": {"k": "v"}}],
    }
    reply = await protocol.send(agent.client, agent.request({"message": message}))
    assert reply.result == "one\ntwo"
    assert (await agent.asked("SendMessage"))[0]["params"]["message"] == message


async def test_a_request_that_is_none_is_not_sent(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    found = await failing(protocol, agent, {"message": {"parts": "none"}})
    assert kind(found) == (Result.NOT_SENT, "bad_payload")
    assert not found.sent
    assert await agent.methods() == []


async def test_the_idempotency_key_is_the_id_of_the_message(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    request = agent.request("say hello", headers={"Idempotency-Key": "k-1", "X-Own": "mine"})
    await protocol.send(agent.client, request)
    (sent,) = await agent.asked("SendMessage")
    assert sent["params"]["message"]["messageId"] == "k-1"
    assert sent["headers"]["x-own"] == "mine"
    assert (await agent.asked("card"))[0]["headers"]["x-own"] == "mine"


# --- states of the task ---


@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_a_failed_task_is_a_failure(
    protocol: A2AProtocol, agent: RemoteAgent, version: str
) -> None:
    if version == "0.3":
        await agent.setup(card={"old": True})
    found = await failing(protocol, agent, "fail")
    assert kind(found) == (Result.FAILURE, "a2a_failed")
    assert "no money" in str(found)


@pytest.mark.parametrize("payload", ["reject", "cancel"])
@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_a_task_that_the_agent_did_not_want_is_no_failure_of_the_agent(
    protocol: A2AProtocol, agent: RemoteAgent, payload: str, version: str
) -> None:
    if version == "0.3":
        await agent.setup(card={"old": True})
    found = await failing(protocol, agent, payload)
    assert kind(found) == (Result.SUCCESS, "")


@pytest.mark.parametrize(
    ("payload", "state", "result"),
    [("ask", "input-required", "which order?"), ("authorize", "auth-required", None)],
)
@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_an_agent_that_asks_for_something_has_answered(
    protocol: A2AProtocol, agent: RemoteAgent, payload: str, state: str, result: Any, version: str
) -> None:
    if version == "0.3":
        await agent.setup(card={"old": True})
    reply = await protocol.send(agent.client, agent.request(payload))
    assert reply.details["state"] == state
    assert reply.result == result


async def test_an_agent_that_crashes_fails(protocol: A2AProtocol, agent: RemoteAgent) -> None:
    found = await failing(protocol, agent, "crash")
    assert found.verdict.result is Result.FAILURE


# --- long tasks ---


@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_a_running_task_is_looked_at_until_it_ends(
    protocol: A2AProtocol, agent: RemoteAgent, version: str
) -> None:
    if version == "0.3":
        await agent.setup(card={"old": True})
    reply = await protocol.send(agent.client, agent.request("work 0.5", return_immediately=True))
    assert reply.result == "done at last"
    assert reply.details["state"] == "completed"
    looks = await agent.asked("GetTask" if version == "1.0" else "tasks/get")
    assert 2 <= len(looks) <= 6


async def test_looks_that_fail_are_forgiven_a_few_times(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    down = {"status": 503, "body": ""}
    await agent.setup(answers=[{"body": answer({"task": task("WORKING")})}, down, down])
    await agent.setup(answers=[{"body": answer(task("COMPLETED"))}])
    reply = await protocol.send(agent.client, agent.request("any"))
    assert reply.details == {"task_id": "t-1", "context_id": "c-1", "state": "completed"}

    await agent.setup(answers=[{"body": answer({"task": task("SUBMITTED")})}, down, down, down])
    found = await failing(protocol, agent, "any")
    assert kind(found) == (Result.FAILURE, "http_503")


async def test_an_agent_that_forgets_its_own_task_fails(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    await agent.setup(answers=[{"body": answer({"task": task("WORKING")})}])
    found = await failing(protocol, agent, "any")  # the SDK's server does not know t-1
    assert kind(found) == (Result.FAILURE, "a2a_task_lost")
    assert "CancelTask" not in await agent.methods()


@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_a_call_that_is_cut_off_cancels_the_task_at_the_agent(
    protocol: A2AProtocol, agent: RemoteAgent, version: str
) -> None:
    if version == "0.3":
        await agent.setup(card={"old": True})
    get = "GetTask" if version == "1.0" else "tasks/get"
    call = asyncio.create_task(
        protocol.send(agent.client, agent.request("work 60", return_immediately=True))
    )
    looked = await eventually(lambda: agent.asked(get))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    assert looked[0]["params"]["id"] in await agent.canceled()


async def test_an_agent_that_does_not_hear_a_cancellation_holds_nobody_up(
    protocol: A2AProtocol, agent: RemoteAgent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fuseline.bridge.protocols.a2a_client.CANCEL_SECONDS", 0.05)
    silent = {"events": [], "silence": 5}
    await agent.setup(answers=[{"body": answer({"task": task("WORKING")})}, silent, silent])
    call = asyncio.create_task(protocol.send(agent.client, agent.request("any")))
    await eventually(lambda: agent.asked("GetTask"))
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(call, 2)
    assert await agent.asked("CancelTask")


# --- answers that are none ---


@pytest.mark.parametrize(
    ("code", "result", "failure"),
    [
        (-32600, Result.SUCCESS, ""),
        (-32601, Result.SUCCESS, ""),
        (-32602, Result.SUCCESS, ""),
        (-32001, Result.SUCCESS, ""),
        (-32005, Result.SUCCESS, ""),
        (-32009, Result.SUCCESS, ""),
        (-32006, Result.FAILURE, "a2a_rpc_-32006"),
        (-32603, Result.FAILURE, "a2a_rpc_-32603"),
        (-32000, Result.FAILURE, "a2a_rpc_-32000"),
        (-32700, Result.FAILURE, "a2a_rpc_-32700"),
        (17, Result.FAILURE, "a2a_rpc_17"),
        ("x", Result.FAILURE, "malformed"),
    ],
)
async def test_errors_of_json_rpc_say_whose_fault_it_is(
    protocol: A2AProtocol, agent: RemoteAgent, code: Any, result: Result, failure: str
) -> None:
    await agent.setup(answers=[{"body": error(code, "so it is")}])
    found = await failing(protocol, agent, "any")
    assert kind(found) == (result, failure)
    assert found.status == 200
    assert found.sent


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<html>",
        "[]",
        "{}",
        '"text"',
        "[" * 100_000,
        '{"error": "text"}',
        answer(None),
        answer("text"),
        answer({}),
        answer({"task": []}),
        answer({"task": {"id": "t", "status": {}}}),
        answer({"task": {"id": "t", "status": {"state": "TASK_STATE_NEW"}}}),
        answer({"task": {"status": {"state": "TASK_STATE_WORKING"}}}),
        answer({"message": {"parts": 1}}),
        answer({"artifactUpdate": {"taskId": "t", "artifact": {"parts": [{"text": "x"}]}}}),
    ],
)
@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_garbage_is_a_malformed_answer(
    protocol: A2AProtocol, agent: RemoteAgent, body: str, version: str
) -> None:
    if version == "0.3":
        await agent.setup(card={"old": True})
    await agent.setup(answers=[{"body": body}])
    found = await failing(protocol, agent, "any")
    assert kind(found) == (Result.FAILURE, "malformed")


@pytest.mark.parametrize(
    ("status", "result", "failure"),
    [
        (503, Result.FAILURE, "http_503"),
        (429, Result.FAILURE, "http_429"),
        (403, Result.SUCCESS, ""),
    ],
)
async def test_statuses_count_as_they_do_for_every_agent(
    protocol: A2AProtocol, agent: RemoteAgent, status: int, result: Result, failure: str
) -> None:
    await agent.setup(answers=[{"status": status, "body": "no"}])
    found = await failing(protocol, agent, "any")
    assert kind(found) == (result, failure)
    assert found.status == status


async def test_an_answer_above_the_limit_is_refused(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    await agent.setup(answers=[{"body": answer({"message": {"parts": [{"text": "x" * 5000}]}})}])
    found = await failing(protocol, agent, "any", max_response_bytes=4096)
    assert found.verdict.result is Result.FAILURE
    assert "max_response_bytes" in str(found)


async def test_an_agent_that_is_not_there_was_sent_nothing(
    protocol: A2AProtocol, client: httpx2.AsyncClient
) -> None:
    with socket.socket() as taken:  # bound and not listening: connections are refused
        taken.bind(("127.0.0.1", 0))
        agent = RemoteAgent(f"http://127.0.0.1:{taken.getsockname()[1]}", client)
        found = await failing(protocol, agent, "any")
    assert found.verdict.result is Result.FAILURE
    assert not found.sent


async def test_an_agent_that_vanishes_at_work_was_sent_the_message(
    protocol: A2AProtocol, client: httpx2.AsyncClient
) -> None:
    bodies = [json.dumps(card("URL/rpc")), answer({"task": task("WORKING")})]

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if head.startswith(b"POST"):
            listening.close()
            await reader.readuntil(b"}}")
        body = bodies.pop(0).replace("URL", url).encode()
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n")
        writer.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    listening = await asyncio.start_server(once, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    found = await failing(protocol, RemoteAgent(url, client), "any")
    assert not bodies
    assert kind(found)[0] is Result.FAILURE
    assert found.sent  # so that a call that is not safe to repeat is not repeated


# --- settings ---


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"card_second": 1}, "options.card_second"),
        ({"card_seconds": -1}, "options.card_seconds"),
        ({"allow_card_host": "yes"}, "options.allow_card_host"),
    ],
)
async def test_wrong_options_are_named(
    protocol: A2AProtocol, agent: RemoteAgent, options: dict[str, Any], field: str
) -> None:
    found = await failing(protocol, agent, "any", **options)
    assert kind(found) == (Result.NOT_SENT, "bad_options")
    assert f"{field}: " in str(found)
    assert await agent.methods() == []


_WITHOUT_SDK = """
import sys

class Absent:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == "a2a":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from fuseline import ConfigError
from fuseline.bridge.protocols.a2a import A2AProtocol
try:
    A2AProtocol()
except ConfigError as error:
    print(error)
"""


def test_without_the_sdk_the_extra_is_named() -> None:
    ran = subprocess.run([sys.executable, "-c", _WITHOUT_SDK], capture_output=True, text=True)
    assert ran.stderr == ""
    assert ran.stdout.startswith("protocol: 'a2a' ")
    assert "install fuseline[a2a]" in ran.stdout


async def test_nothing_is_left_open(protocol: A2AProtocol, agent: RemoteAgent) -> None:
    before = asyncio.all_tasks()
    for payload in ("say hello", "make text"):
        await protocol.send(agent.client, agent.request(payload))
    gc.collect()
    assert asyncio.all_tasks() == before
