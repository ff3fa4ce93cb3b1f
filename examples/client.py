# ruff: noqa: INP001 - a script, no package
"""Uses the HTTP API: registers an agent, follows it, overrides it, asks why, removes it.

    fuseline up                     # in another terminal; alone on a machine it needs no token
    python examples/client.py

Elsewhere, FUSELINE_API_URL and FUSELINE_API_TOKEN (of an admin) say where and who.
"""

import asyncio

from fuseline.client import FuselineClient, InvalidInput, PreconditionFailed
from fuseline.schemas.stream import StreamChanges, StreamSnapshot

AGENT = "example-agent"


async def main() -> None:
    """Runs from the first to the last line."""
    async with FuselineClient() as client:
        print("here I am", (await client.me()).actor)

        try:
            await client.agents.create(
                {"name": AGENT, "circuit_breaker_config": {"failure_threshold": 0}}
            )
        except InvalidInput as refused:
            print("refused:", *(f"{one.field}: {one.allowed}" for one in refused.errors))
        agent = await client.agents.create(
            {"name": AGENT, "circuit_breaker_config": {"failure_threshold": 3}},
            reason="an example",
        )

        try:
            # Somebody else changes it between our reading and our writing.
            await client.agents.change(AGENT, {"description": "theirs"})
            await client.agents.change(AGENT, {"description": "ours"}, revision=agent.revision)
        except PreconditionFailed:
            print("changed meanwhile; now revision", (await client.agents.get(AGENT)).revision)

        async with client.stream(agents=[AGENT], kinds=["changes"]) as stream:
            async for event in stream:
                match event:
                    case StreamSnapshot():
                        await client.circuits.force_open(AGENT, "maintenance")
                    case StreamChanges(circuits=[circuit]):
                        print("now", circuit.agent, "is", circuit.mode.value)
                        break

        async for item in client.circuits.items(AGENT, kinds=["changes"], newest_first=True):
            print(item.kind.value, "-", item.why)

        await client.agents.delete(AGENT, reason="the example is over")


if __name__ == "__main__":
    asyncio.run(main())
