"""Answers of A2A agents that come in parts."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from fuseline import Result
from fuseline.bridge.protocols.a2a import A2AProtocol
from fuseline.bridge.protocols.base import AgentCallError
from tests.bridge.a2a.agents import RemoteAgent, error, kind, task
from tests.waiting import eventually


async def parts_of(
    protocol: A2AProtocol, agent: RemoteAgent, payload: Any, **options: Any
) -> list[Any]:
    parts = protocol.stream(agent.client, agent.request(payload, **options))
    async with aclosing(parts):
        return [part async for part in parts]


async def breaking(
    protocol: A2AProtocol, agent: RemoteAgent, payload: Any, **options: Any
) -> tuple[list[Any], AgentCallError]:
    """What came before the error, and the error."""
    came: list[Any] = []
    with pytest.raises(AgentCallError) as caught:
        await _collect(came, protocol.stream(agent.client, agent.request(payload, **options)))
    return came, caught.value


async def _collect(into: list[Any], parts: AsyncGenerator[Any, None]) -> None:
    async with aclosing(parts):
        async for part in parts:
            into.append(part)  # noqa: PERF401 - what came before an error counts too


def event(**payload: Any) -> dict[str, Any]:
    """A JSON-RPC response in a stream."""
    return {"jsonrpc": "2.0", "id": 1, "result": payload}


def status(state: str, **more: Any) -> dict[str, Any]:
    made = {"taskId": "t-1", "contextId": "c-1", "status": {"state": f"TASK_STATE_{state}"} | more}
    return event(statusUpdate=made)


def piece(text: str) -> dict[str, Any]:
    return event(
        artifactUpdate={
            "taskId": "t-1",
            "contextId": "c-1",
            "artifact": {"artifactId": "a", "parts": [{"text": text}]},
        }
    )


@pytest.mark.parametrize("version", ["1.0", "0.3"])
async def test_parts_come_as_the_agent_makes_them(
    protocol: A2AProtocol, agent: RemoteAgent, version: str
) -> None:
    if version == "0.3":
        await agent.setup(card={"old": True})
    assert await parts_of(protocol, agent, "stream one two three") == ["one", "two", "three"]
    method = "SendStreamingMessage" if version == "1.0" else "message/stream"
    assert await agent.methods() == ["card", method]


async def test_the_first_part_comes_before_the_last_is_made(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    await agent.setup(answers=[{"events": [piece("first")], "silence": 30}])
    parts = protocol.stream(agent.client, agent.request("any"))
    async with aclosing(parts):
        assert await asyncio.wait_for(anext(parts), 5) == "first"


@pytest.mark.parametrize("payload", ["say hello", {"a": 1}])
async def test_messages_and_data_are_streamed_too(
    protocol: A2AProtocol, agent: RemoteAgent, payload: Any
) -> None:
    expected = ["hello"] if payload == "say hello" else [payload]
    assert await parts_of(protocol, agent, payload) == expected


async def test_progress_is_no_part_of_the_answer_unless_events_are_asked_for(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    assert await parts_of(protocol, agent, "make text") == ["made"]
    events = await parts_of(protocol, agent, "make text", stream_events=True)
    assert [next(iter(event)) for event in events] == [
        "task",
        "statusUpdate",
        "artifactUpdate",
        "statusUpdate",
    ]
    assert events[-1]["statusUpdate"]["status"]["state"] == "TASK_STATE_COMPLETED"


async def test_artifacts_that_a_task_tells_again_come_once(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    whole = task("COMPLETED", artifacts=[{"artifactId": "a", "parts": [{"text": "x"}]}])
    await agent.setup(answers=[{"events": [piece("x"), event(task=whole)]}])
    assert await parts_of(protocol, agent, "any") == ["x"]


async def test_a_question_ends_the_stream_without_failure(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    assert await parts_of(protocol, agent, "ask") == ["which order?"]
    assert await parts_of(protocol, agent, "authorize") == []


async def test_an_agent_that_cannot_stream_answers_in_one_part(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    await agent.setup(card={"changes": {"capabilities": {"streaming": False}}})
    assert await parts_of(protocol, agent, "make text") == ["made"]
    assert await agent.methods() == ["card", "SendMessage"]
    _, found = await breaking(protocol, agent, "fail")
    assert kind(found) == (Result.FAILURE, "a2a_failed")


# --- streams that go wrong ---


async def test_a_task_that_fails_in_the_middle_is_a_failure(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    came, found = await breaking(protocol, agent, "stream-and-fail")
    assert came == ["half"]
    assert kind(found) == (Result.FAILURE, "a2a_failed")
    assert "CancelTask" not in await agent.methods()


async def test_a_rejected_task_is_no_failure_of_the_agent(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    _, found = await breaking(protocol, agent, "reject")
    assert kind(found) == (Result.SUCCESS, "")


@pytest.mark.parametrize("cut", [False, True])
async def test_a_stream_that_ends_before_its_task_is_broken(
    protocol: A2AProtocol, agent: RemoteAgent, cut: bool
) -> None:
    begun = [status("WORKING"), piece("half")]
    await agent.setup(answers=[{"events": begun, "cut": cut}])
    came, found = await breaking(protocol, agent, "any")
    assert came == ["half"]
    assert kind(found) == (Result.FAILURE, "a2a_stream_broken")
    (canceled,) = await agent.asked("CancelTask")
    assert canceled["params"]["id"] == "t-1"


async def test_a_stream_of_nothing_is_broken(protocol: A2AProtocol, agent: RemoteAgent) -> None:
    await agent.setup(answers=[{"events": []}])
    _, found = await breaking(protocol, agent, "any")
    assert kind(found) == (Result.FAILURE, "a2a_stream_broken")


@pytest.mark.parametrize(
    ("events", "failure"),
    [
        (["garbage"], "malformed"),
        (["{}"], "malformed"),
        ([event(other={})], "malformed"),
        ([error(-32603)], "a2a_rpc_-32603"),
    ],
)
async def test_garbage_in_the_middle_is_a_failure(
    protocol: A2AProtocol, agent: RemoteAgent, events: list[Any], failure: str
) -> None:
    await agent.setup(answers=[{"events": [piece("half"), *events]}])
    came, found = await breaking(protocol, agent, "any")
    assert came == ["half"]
    assert kind(found) == (Result.FAILURE, failure)


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ({"body": error(-32602)}, Result.SUCCESS),
        ({"body": error(-32603)}, Result.FAILURE),
        ({"status": 503, "body": ""}, Result.FAILURE),
        ({"status": 400, "body": ""}, Result.SUCCESS),
    ],
)
async def test_an_error_instead_of_a_stream_counts_as_without_one(
    protocol: A2AProtocol, agent: RemoteAgent, answer: dict[str, Any], result: Result
) -> None:
    await agent.setup(answers=[answer])
    came, found = await breaking(protocol, agent, "any")
    assert came == []
    assert found.verdict.result is result


@pytest.mark.parametrize("pieces", [["x" * 3000] * 3, ["x" * 9000]])
async def test_a_stream_above_the_limit_is_cut(
    protocol: A2AProtocol, agent: RemoteAgent, pieces: list[str]
) -> None:
    await agent.setup(answers=[{"events": [piece(text) for text in pieces]}])
    came, found = await breaking(protocol, agent, "any", max_response_bytes=8000)
    assert len(came) < len(pieces)
    assert kind(found) == (Result.FAILURE, "too_large")


# --- callers that leave ---


async def test_a_caller_that_wants_no_more_cancels_the_task(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    parts = protocol.stream(agent.client, agent.request("work 60", stream_events=True))
    first = await anext(parts)
    await parts.aclose()
    assert first["task"]["id"] in await agent.canceled()


async def test_a_cancelled_caller_cancels_the_task(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    seen: list[Any] = []

    parts = protocol.stream(agent.client, agent.request("work 60", stream_events=True))
    reading = asyncio.create_task(_collect(seen, parts))
    await eventually(lambda: seen)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert seen[0]["task"]["id"] in await agent.canceled()


async def test_a_stream_that_is_read_to_its_end_leaves_nothing_behind(
    protocol: A2AProtocol, agent: RemoteAgent
) -> None:
    before = asyncio.all_tasks()
    await parts_of(protocol, agent, "stream one two")
    assert asyncio.all_tasks() == before
    assert "CancelTask" not in await agent.methods()
