"""A worker in a process of its own: opens a circuit, is refused, and probes it closed again.

`python -m tests.telemetry.caller URL NAMESPACE AGENT_PORT`; says how each call ended.
"""

import asyncio
import os
import sys

from opentelemetry import trace

from fuseline import CircuitBreakerConfig, CircuitBreakerManager, CircuitBreakerOpenError
from fuseline.bridge.executor import ExternalAgentExecutor
from fuseline.bridge.outbound import OutboundPolicy
from fuseline.bridge.protocols.base import AgentCallError
from fuseline.core.endpoint import Endpoint
from fuseline.events.agents import register
from fuseline.telemetry.logs import LogLevel, configure_logging
from fuseline.telemetry.providers import configured

CONFIG = CircuitBreakerConfig(failure_threshold=3, timeout_seconds=0.6, half_open_max_calls=1)


async def main(url: str, namespace: str, port: str) -> None:
    tracer = trace.get_tracer("caller")
    connecting = CircuitBreakerManager.connect(
        url, namespace=namespace, shards=4, projector=False, budget_seconds=2.0
    )
    async with connecting as manager:
        endpoint = Endpoint(url=f"http://127.0.0.1:{port}", retry={"max_attempts": 1})
        await register(manager.backend, "billing", CONFIG, "test", endpoint=endpoint)
        outbound = OutboundPolicy(allow=["127.0.0.0/8"])

        async def ask(payload: str) -> None:
            with tracer.start_as_current_span("ask"):
                try:
                    await executor.call("billing", payload)
                    end = "success"
                except CircuitBreakerOpenError as refusal:
                    end = f"rejected {refusal.retry_after_seconds}"
                except AgentCallError as error:
                    end = error.verdict.failure_kind
            print(end, flush=True)

        async with ExternalAgentExecutor(manager, outbound=outbound) as executor:
            for payload in ("good", "good", "bad", "bad", "bad", "bad"):
                await ask(payload)
            await manager.flush()
            breaker = manager.get("billing")
            while breaker.state.value == "open" or breaker.local.suspect:
                await asyncio.sleep(0.005)
            await ask("good")
            while breaker.state.value != "closed":
                await asyncio.sleep(0.005)
            await ask("good")


if __name__ == "__main__":
    configure_logging(None, LogLevel.INFO)
    with configured(os.environ, "caller"):
        asyncio.run(main(*sys.argv[1:]))
