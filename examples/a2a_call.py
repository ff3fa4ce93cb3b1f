# ruff: noqa: INP001 - a script, no package
"""Calls an A2A agent of the registry through its breaker: whole answers, and one in parts.

    pip install "fuseline[a2a]"
    python examples/a2a_agent.py &
    fuseline configure shouter --register url=http://127.0.0.1:9999 protocol=a2a failure_threshold=3
    python examples/a2a_call.py

Stop the agent and run it again: after three failures the circuit is open, and nobody is asked.
"""

import asyncio

from fuseline import (
    AgentCallError,
    CircuitBreakerManager,
    CircuitBreakerOpenError,
    ExternalAgentExecutor,
    OutboundPolicy,
)


async def main() -> None:
    """Asks five times, and once for an answer in parts; ends at the first refusal."""
    # The executor calls no address of this machine or of a private network unless told to.
    here = OutboundPolicy(allow=["127.0.0.1"])
    async with (
        CircuitBreakerManager.connect() as manager,
        ExternalAgentExecutor(manager, outbound=here) as executor,
    ):
        for number in range(5):
            try:
                reply = await executor.call("shouter", f"hello {number}")
            except CircuitBreakerOpenError as refused:
                print("refused:", refused)
                return
            except AgentCallError as failed:
                print("failed:", failed.verdict.failure_kind)
            else:
                print("said:", reply.result)
        async for part in executor.stream("shouter", "and in parts"):
            print("part:", part)


if __name__ == "__main__":
    asyncio.run(main())
