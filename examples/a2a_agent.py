# ruff: noqa: INP001 - a script, no package
"""A small A2A agent: says every text back, in capitals.

    pip install "a2a-sdk[http-server]" uvicorn
    python examples/a2a_agent.py

Its card is at http://127.0.0.1:9999/.well-known/agent-card.json; an `Endpoint` for it is
`Endpoint(url="http://127.0.0.1:9999", protocol="a2a")`, as `a2a_call.py` has it. PORT chooses
another port.
"""

import os

import uvicorn
from a2a.helpers import new_text_message
from a2a.server.agent_execution import AgentExecutor, RequestContext
from a2a.server.events import EventQueue
from a2a.server.request_handlers import DefaultRequestHandler
from a2a.server.routes import create_agent_card_routes, create_jsonrpc_routes
from a2a.server.tasks import InMemoryTaskStore
from a2a.types import AgentCapabilities, AgentCard, AgentInterface, AgentSkill
from starlette.applications import Starlette

HOST, PORT = "127.0.0.1", int(os.environ.get("PORT", "9999"))


class Shouter(AgentExecutor):
    """Answers at once, with a message; longer work would make a task of it."""

    async def execute(self, context: RequestContext, event_queue: EventQueue) -> None:
        """Answers one message."""
        await event_queue.enqueue_event(new_text_message(context.get_user_input().upper()))

    async def cancel(self, context: RequestContext, event_queue: EventQueue) -> None:
        """There is never anything to cancel."""


CARD = AgentCard(
    name="shouter",
    description="Says every text back, in capitals.",
    version="1.0",
    supported_interfaces=[
        AgentInterface(
            url=f"http://{HOST}:{PORT}/rpc", protocol_binding="JSONRPC", protocol_version="1.0"
        )
    ],
    capabilities=AgentCapabilities(streaming=True),
    default_input_modes=["text/plain"],
    default_output_modes=["text/plain"],
    skills=[AgentSkill(id="shout", name="shout", description="in capitals", tags=["text"])],
)


def main() -> None:
    """Serves until stopped."""
    handler = DefaultRequestHandler(Shouter(), InMemoryTaskStore(), CARD)
    routes = [*create_agent_card_routes(CARD), *create_jsonrpc_routes(handler, "/rpc")]
    uvicorn.run(Starlette(routes=routes), host=HOST, port=PORT)


if __name__ == "__main__":
    main()
