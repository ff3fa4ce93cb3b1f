"""Agents of the task tests, as a user's `--app`: each call leaves a line in the journal."""

import asyncio
import os
import random
from typing import Any

from fuseline.bridge.tasks.calls import Handlers
from fuseline.bridge.tasks.model import Task
from fuseline.core.config import CircuitBreakerConfig

handlers = Handlers()
CONFIG = CircuitBreakerConfig(failure_threshold=None, failure_rate_threshold=None)


def note(word: str, task: Task) -> None:
    """One line in the journal; a kill never cuts it, because it is one write."""
    path = os.environ.get("TASK_JOURNAL")
    if path:
        with open(path, "ab", buffering=0) as file:
            file.write(f"{word} {task.id} {os.getpid()}\n".encode())


async def work(payload: Any, task: Task) -> Any:
    note("begin", task)
    await asyncio.sleep(random.random() * 0.02)
    note("end", task)
    return payload


for _n in range(3):
    handlers.agent(f"work-{_n}", config=CONFIG)(work)


@handlers.agent("slow", config=CONFIG)
async def slow(payload: Any, task: Task) -> Any:
    note("begin", task)
    await asyncio.sleep(payload)
    note("end", task)
    return payload


@handlers.agent("failing", config=CONFIG, idempotent=True)
async def failing(payload: Any) -> Any:
    raise ValueError("always")
