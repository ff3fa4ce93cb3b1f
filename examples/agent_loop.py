# ruff: noqa: INP001 - a script, no package
"""A loop of model and tools without a framework: each tool has a breaker, and the model reads it.

    python examples/agent_loop.py

The tool `search` is at an address where nobody listens. It fails twice, and then its circuit is
open: the third call asks nobody, the model reads why, and goes on with its notes. Run it again
within half a minute: the circuit is still open, so the first call is refused already.

`think` stands for a language model, so that the example needs no key: it gets the conversation and
names the next tool. Put a call of yours in its place, through a breaker too.
"""

import asyncio
from collections.abc import Awaitable, Callable

import httpx2

from fuseline import CircuitBreakerConfig, CircuitBreakerManager, CircuitBreakerOpenError

CONFIG = CircuitBreakerConfig(failure_threshold=2, timeout_seconds=30)

Message = dict[str, str]
Tool = Callable[[str], Awaitable[str]]


async def search(question: str) -> str:
    """A service that is down."""
    async with httpx2.AsyncClient(timeout=5, trust_env=False) as client:
        return (await client.post("http://127.0.0.1:9/search", json=question)).text


async def notes(question: str) -> str:
    """What is known already."""
    return f"an old note about {question}"


TOOLS: dict[str, Tool] = {"search": search, "notes": notes}


def think(conversation: list[Message]) -> tuple[str, str]:
    """The next step: a tool and what to ask it, or "answer" and the answer."""
    last = conversation[-1]["text"]
    if "not available" in last:
        return "notes", "circuit breakers"
    if conversation[-1]["from"] == "notes":
        return "answer", f"From my notes: {last}."
    return "search", "circuit breakers"


async def use(manager: CircuitBreakerManager, name: str, question: str) -> str:
    """Calls a tool through its breaker; what happened, in words for the model."""
    try:
        return await manager.get(name, CONFIG).call(TOOLS[name], question)
    except CircuitBreakerOpenError as refused:
        seconds = round(refused.retry_after_seconds)
        return f"{name} is not available, and was not called; try again in {seconds} seconds"
    except httpx2.HTTPError as error:
        return f"{name} failed: {type(error).__name__}"


async def main() -> None:
    """Runs until the model answers."""
    conversation: list[Message] = [{"from": "user", "text": "What are circuit breakers?"}]
    async with CircuitBreakerManager.connect() as manager:
        for _ in range(10):  # a loop needs an end that no model decides about
            tool, text = think(conversation)
            if tool == "answer":
                print("answer:", text)
                return
            said = await use(manager, tool, text)
            print(f"{tool}: {said}")
            conversation.append({"from": tool, "text": said})
    print("no answer after 10 steps")


if __name__ == "__main__":
    asyncio.run(main())
