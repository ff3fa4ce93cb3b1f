# ruff: noqa: INP001 - a script, no package
"""A FastAPI service that asks an agent, and answers 503 at once while the agent's circuit is open.

    pip install fuseline fastapi
    python examples/flaky_agent.py &               # the agent
    python examples/fastapi_service.py             # the service, on 127.0.0.1:8000

    curl -i localhost:8000/orders/17               # 200
    curl -X POST localhost:9998/break
    curl -i localhost:8000/orders/17               # 502, three times: the agent fails
    curl -i localhost:8000/orders/17               # 503 with Retry-After: it is not asked any more
    curl -X POST localhost:9998/mend               # five seconds later it is asked again

Start it twice with one REDIS_URL (and another PORT), and both stop asking together.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import uvicorn
from fastapi import FastAPI, HTTPException, Request

from fuseline import CircuitBreakerConfig, CircuitBreakerManager
from fuseline.integrations.asgi import RefusedCallMiddleware
from fuseline.integrations.httpx2 import CircuitBreakerTransport

AGENT_URL = os.environ.get("AGENT_URL", "http://127.0.0.1:9998/")
PORT = int(os.environ.get("PORT", "8000"))

CONFIG = CircuitBreakerConfig(failure_threshold=3, timeout_seconds=5, half_open_max_calls=1)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keeps one manager and one client for all requests."""
    async with CircuitBreakerManager.connect() as manager:
        transport = CircuitBreakerTransport(manager, agent_of=lambda _: "orders", config=CONFIG)
        async with httpx2.AsyncClient(transport=transport, timeout=10) as client:
            app.state.client = client
            yield


app = FastAPI(lifespan=lifespan)
app.add_middleware(RefusedCallMiddleware)


@app.get("/orders/{number}")
async def order(number: int, request: Request) -> Any:
    """Asks the agent about an order."""
    answer = await request.app.state.client.post(AGENT_URL, json={"order": number})
    if answer.is_error:
        raise HTTPException(502, "the agent failed")
    return answer.json()


if __name__ == "__main__":
    uvicorn.run(app, host="127.0.0.1", port=PORT)
