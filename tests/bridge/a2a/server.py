"""A2A agents made with the official SDK, in a process of their own.

Every first path segment is an agent of its own: `/NAME/rpc` is served by the SDK, unless answers
were scripted by `POST /NAME/setup`; `/NAME/log` tells what was asked. The agent does what the text
of the message says.
"""

import asyncio
import json
import socket
import sys
from collections import defaultdict, deque
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from a2a.helpers import new_data_part, new_task_from_user_message, new_text_message, new_text_part
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes.jsonrpc_dispatcher import JsonRpcDispatcher
from a2a.server.tasks import InMemoryTaskStore, TaskUpdater
from a2a.types import AgentCapabilities, AgentCard, AgentInterface
from google.protobuf.json_format import MessageToDict, ParseDict
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route


class Agent(AgentExecutor):
    """Does what the message says."""

    def __init__(self) -> None:
        self.canceled: set[str] = set()

    async def execute(  # noqa: C901 - one case a line of the message
        self, context: RequestContext, event_queue: EventQueue
    ) -> None:
        message = context.message
        assert message is not None
        text = context.get_user_input()
        if text == "say hello":
            await event_queue.enqueue_event(new_text_message("hello"))
            return
        if text == "crash":
            raise RuntimeError("the agent has a bug")
        task = context.current_task or new_task_from_user_message(message)
        await event_queue.enqueue_event(task)
        updater = TaskUpdater(event_queue, task.id, task.context_id)
        await updater.start_work(updater.new_agent_message([new_text_part("on it")]))
        match text.split():
            case ["make", "text"]:
                await updater.add_artifact([new_text_part("made")])
                await updater.complete()
            case ["make", "two"]:
                await updater.add_artifact([new_text_part("one")], name="first")
                await updater.add_artifact([new_data_part({"n": 2})], name="second")
                await updater.complete()
            case ["fail"]:
                await updater.failed(updater.new_agent_message([new_text_part("no money")]))
            case ["reject"]:
                await updater.reject(updater.new_agent_message([new_text_part("not mine")]))
            case ["cancel"]:
                await updater.cancel()
            case ["ask"]:
                await updater.requires_input(
                    updater.new_agent_message([new_text_part("which order?")])
                )
            case ["authorize"]:
                await updater.requires_auth()
            case ["work", seconds]:
                await asyncio.sleep(float(seconds))
                await updater.add_artifact([new_text_part("done at last")])
                await updater.complete()
            case ["stream", *words]:
                for number, word in enumerate(words):
                    await updater.add_artifact(
                        [new_text_part(word)],
                        artifact_id="a",
                        append=number > 0,
                        last_chunk=number == len(words) - 1,
                    )
                await updater.complete()
            case ["stream-and-fail"]:
                await updater.add_artifact([new_text_part("half")])
                await updater.failed()
            case _:  # data, or a text that says nothing: comes back as it is
                parts = list(message.parts)
                await updater.add_artifact(parts)
                await updater.complete()

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        assert context.task_id is not None
        assert context.context_id is not None
        self.canceled.add(context.task_id)
        await TaskUpdater(event_queue, context.task_id, context.context_id).cancel()


def card(url: str, **changes: Any) -> dict[str, Any]:
    """A card of version 1.0."""
    made = AgentCard(
        name="test",
        description="an agent of the tests",
        version="1",
        supported_interfaces=[
            AgentInterface(url=url, protocol_binding="JSONRPC", protocol_version="1.0")
        ],
        capabilities=AgentCapabilities(streaming=True),
        default_input_modes=["text/plain"],
        default_output_modes=["text/plain"],
    )
    return MessageToDict(made) | changes


def old_card(url: str) -> dict[str, Any]:
    """A card of version 0.3."""
    return {
        "name": "old",
        "description": "speaks 0.3",
        "version": "1",
        "url": url,
        "preferredTransport": "JSONRPC",
        "protocolVersion": "0.3.0",
        "capabilities": {"streaming": True},
        "defaultInputModes": ["text/plain"],
        "defaultOutputModes": ["text/plain"],
        "skills": [],
    }


class Server:
    """The agents, their scripts and their logs."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.agent = Agent()
        self.cards: dict[str, dict[str, Any]] = {}
        self.scripts: dict[str, deque[dict[str, Any]]] = defaultdict(deque)
        self.logs: dict[str, list[dict[str, Any]]] = defaultdict(list)
        handler = DefaultRequestHandler(
            agent_executor=self.agent,
            task_store=InMemoryTaskStore(),
            agent_card=ParseDict(card(f"{base}/any/rpc"), AgentCard()),
        )
        self.dispatcher = JsonRpcDispatcher(handler, enable_v0_3_compat=True)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/{name}/setup", self.setup, methods=["POST"]),
                Route("/{name}/log", self.log),
                Route("/{name}/.well-known/agent-card.json", self.card),
                Route("/{name}/rpc", self.rpc, methods=["POST"]),
                Route("/{name}/moved", self.rpc, methods=["POST"]),
            ]
        )

    async def setup(self, request: Request) -> Response:
        name, body = request.path_params["name"], await request.json()
        if "card" in body:
            self.cards[name] = body["card"]
        self.scripts[name].extend(body.get("answers", []))
        return JSONResponse({})

    async def log(self, request: Request) -> Response:
        name = request.path_params["name"]
        return JSONResponse({"asked": self.logs[name], "canceled": sorted(self.agent.canceled)})

    async def card(self, request: Request) -> Response:
        name = request.path_params["name"]
        self.logs[name].append({"method": "card", "headers": dict(request.headers)})
        given = self.cards.get(name, {})
        await asyncio.sleep(given.get("delay", 0))
        if "raw" in given:
            return Response(given["raw"], given.get("status", 200), given.get("headers"))
        if "old" in given:
            return JSONResponse(old_card(f"{self.base}/{name}/rpc"))
        url = given.get("url", f"{self.base}/{name}/rpc")
        etag = f'"{url}"'
        if request.headers.get("if-none-match") == etag:
            return Response(status_code=304, headers={"ETag": etag})
        headers = {"ETag": etag} | given.get("headers", {})
        return JSONResponse(card(url, **given.get("changes", {})), headers=headers)

    async def rpc(self, request: Request) -> Response:
        name, body = request.path_params["name"], await request.json()
        self.logs[name].append(
            {
                "method": body["method"],
                "params": body["params"],
                "path": request.url.path,
                "headers": dict(request.headers),
            }
        )
        script = self.scripts[name]
        answer = script.popleft() if script else {}
        if "events" in answer:
            return StreamingResponse(_events(answer), media_type="text/event-stream")
        if "body" in answer:
            return Response(answer["body"], answer.get("status", 200), answer.get("headers"))
        return await self.dispatcher.handle_requests(request)


async def _events(answer: dict[str, Any]) -> AsyncIterator[str]:
    for event in answer["events"]:
        yield f"data: {json.dumps(event) if isinstance(event, dict) else event}\n\n"
    if answer.get("cut"):
        raise ConnectionResetError("as the script says")
    await asyncio.sleep(answer.get("silence", 0))


def main() -> None:
    listener = socket.socket()
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # connections inherit it
    listener.bind(("127.0.0.1", 0))
    base = f"http://127.0.0.1:{listener.getsockname()[1]}"
    config = uvicorn.Config(Server(base).app(), log_level="critical", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)

    async def serve() -> None:
        loop = asyncio.get_running_loop()
        # The test ends this process by closing its input, also when the test itself is killed.
        loop.run_in_executor(None, sys.stdin.read).add_done_callback(
            lambda _: setattr(server, "should_exit", True)
        )
        print(base, flush=True)
        await server.serve(sockets=[listener])

    listener.listen()
    asyncio.run(serve())


if __name__ == "__main__":
    main()
