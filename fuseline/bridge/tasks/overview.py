"""Tasks as operators see them: how many are where, and what is known of one."""

from __future__ import annotations

from typing import Any

import msgspec

from fuseline.bridge.tasks.model import Priority, decode_body, decode_result
from fuseline.bridge.tasks.store import TaskStore
from fuseline.core.errors import TaskNotFoundError
from fuseline.events.wire import translate

_SHOWN = ("attempts", "crashes", "submitted", "deadline")


async def task_document(store: TaskStore, task_id: str) -> dict[str, Any]:
    """What is known of a task.

    Raises:
        ConfigError: no id of a task.
        TaskNotFoundError: nothing.
    """
    flat = await store.backend.wire.call("HGETALL", store.keys.task(task_id))
    values = {k.decode(): v for k, v in zip(flat[::2], flat[1::2], strict=True)}
    if not values:
        raise TaskNotFoundError(task_id)
    document: dict[str, Any] = {
        "task": task_id,
        "agent": values["agent"].decode(),
        "state": values["state"].decode(),
        "priority": Priority(int(values["priority"])).name.lower(),
    }
    document |= {
        f"{name}_ms" if name in ("submitted", "deadline") else name: int(values[name])
        for name in _SHOWN
    }
    document["error"] = values["error"].decode()
    if b"body" in flat[::2]:
        document["payload"] = msgspec.json.decode(decode_body(values["body"]).payload)
    if "result" in values:
        document["result"] = msgspec.to_builtins(decode_result(values["result"]))
    return document


async def counts(store: TaskStore) -> dict[str, Any]:
    """How many tasks wait and run, by where they are; what is held and deferred by agent."""
    keys = store.keys
    wire = store.backend.wire
    holding, deferring = [
        [name.decode() for name in await wire.call("SMEMBERS", key)]
        for key in (keys.holding, keys.deferring)
    ]
    replies = await wire.call_many(
        [
            *(("XLEN", queue) for queue in keys.queues),
            ("ZCARD", keys.parked),
            ("XLEN", keys.dead),
            ("HGETALL", keys.running),
            *(("ZCARD", keys.held_prefix + name) for name in holding),
            *(("ZCARD", keys.deferred_prefix + name) for name in deferring),
        ]
    )
    for reply in replies:
        if isinstance(reply, Exception):
            raise translate(reply) from reply
    high, normal, low, parked, dead, running, *rest = replies
    return {
        "in_queue": {"high": high, "normal": normal, "low": low},
        "running": {
            name.decode(): int(number)
            for name, number in zip(running[::2], running[1::2], strict=True)
        },
        "held": dict(zip(holding, rest, strict=False)),
        "deferred": dict(zip(deferring, rest[len(holding) :], strict=True)),
        "parked": parked,
        "dead": dead,
    }
