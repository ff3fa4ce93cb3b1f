"""What `--app` names in the tests of the command line."""

import asyncio
from typing import Any

from fuseline.bridge.tasks.calls import Handlers

handlers = Handlers()
something_else = 5


@handlers.agent("echo")
async def echo(payload: Any) -> Any:
    return {"echo": payload}


@handlers.agent("slow")
async def slow(payload: Any) -> Any:
    await asyncio.sleep(payload)
    return payload


@handlers.agent("broken", idempotent=True)
async def broken(payload: Any) -> Any:
    raise ValueError("out of order")
