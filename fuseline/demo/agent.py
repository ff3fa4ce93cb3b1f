"""An agent of the demonstration: `python -m fuseline.demo.agent --behaviour outage --port 8080`."""

from __future__ import annotations

import argparse
import asyncio
import os
from time import monotonic
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, StatusCode

from fuseline.demo.http import Headers, serve
from fuseline.demo.process import end_with_stdin, run_process
from fuseline.demo.scenario import HANG_SECONDS, Answer, Behaviour, Script
from fuseline.telemetry.providers import configured


async def start_agent(behaviour: Behaviour, host: str = "127.0.0.1", port: int = 0) -> str:
    """Starts an agent in this process; returns its URL."""
    script = Script(behaviour)
    started = monotonic()
    tracer = trace.get_tracer("fuseline.demo")

    async def handle(headers: Headers, body: bytes) -> tuple[int, dict[str, Any]]:
        with tracer.start_as_current_span(
            f"POST {behaviour}", propagate.extract(headers), kind=SpanKind.SERVER
        ) as span:
            status, document = await reply(body)
            span.set_attribute("http.response.status_code", status)
            if status >= 500:
                span.set_status(StatusCode.ERROR)
            return status, document

    async def reply(body: bytes) -> tuple[int, dict[str, Any]]:
        answer = script.answer(monotonic() - started)
        if answer is Answer.FAIL:
            return 503, {"error": "the agent is out of order"}
        if answer is Answer.HANG:
            await asyncio.sleep(HANG_SECONDS)
        await asyncio.sleep(script.delay_seconds())
        return 200, {"agent": behaviour.value, "received_bytes": len(body)}

    server = await serve(handle, host, port)
    bound = server.sockets[0].getsockname()[1]
    return f"http://{host}:{bound}"


def main() -> None:
    """Serves until stopped; the first line on stdout is the URL."""
    parser = argparse.ArgumentParser(description="An HTTP agent that behaves as told.")
    parser.add_argument("--behaviour", type=Behaviour, choices=list(Behaviour), required=True)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--until-eof", action="store_true", help="end when stdin ends")
    arguments = parser.parse_args()
    if arguments.until_eof:
        end_with_stdin()

    async def agent() -> None:
        print(await start_agent(arguments.behaviour, arguments.host, arguments.port), flush=True)
        await asyncio.get_running_loop().create_future()

    with configured(os.environ, f"fuseline-demo-agent-{arguments.behaviour}"):
        run_process(agent)


if __name__ == "__main__":
    main()
