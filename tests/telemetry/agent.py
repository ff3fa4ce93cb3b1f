"""An agent in a process of its own: fails, or not, as each request asks; makes a span of each."""

import asyncio
import json
import os
from typing import Any

from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind

from fuseline.demo.http import Headers, serve
from fuseline.demo.process import end_with_stdin, run_process
from fuseline.telemetry.providers import configured


async def main() -> None:
    tracer = trace.get_tracer("agent")

    async def handle(headers: Headers, body: bytes) -> tuple[int, dict[str, Any]]:
        with tracer.start_as_current_span("answer", propagate.extract(headers), SpanKind.SERVER):
            return (200 if json.loads(body) == "good" else 503), {}

    server = await serve(handle, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    end_with_stdin()
    with configured(os.environ, "agent"):
        run_process(main)
