"""Dead letters: tasks that were given up, until somebody tries them again or drops them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import msgspec
from msgspec import Struct

from fuseline.bridge.tasks.model import decode_body
from fuseline.bridge.tasks.store import TaskStore
from fuseline.core.errors import ConfigError, TaskNotFoundError
from fuseline.events.codec import parse_id
from fuseline.events.wire import translate

_PAGE = 500


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A task that was given up.

    Attributes:
        entry: id of the dead letter.
        task: id of the task.
        reason: "attempts", "crashed" or "unreadable".
        error: what the last failed call said.
        payload: what was submitted; None if it cannot be read.
    """

    entry: str
    task: str
    agent: str
    reason: str
    error: str
    attempts: int
    crashes: int
    submitted_ms: int
    dead_ms: int
    payload: Any


async def dead_letters(store: TaskStore, agent: str | None = None) -> AsyncIterator[DeadLetter]:
    """All dead letters as they are now, the oldest first; of one agent if it is given."""
    start = "-"
    wire = store.backend.wire
    while page := await wire.call("XRANGE", store.keys.dead, start, "+", "COUNT", _PAGE):
        for raw_id, fields in page:
            letter = _read(raw_id, fields)
            if agent is None or letter.agent == agent:
                yield letter
        if len(page) < _PAGE:
            return
        start = f"({page[-1][0].decode()}"


async def retry(store: TaskStore, letters: list[DeadLetter]) -> int:
    """Makes tasks of dead letters again, without their deadlines; returns how many there were."""
    revived = 0
    for start in range(0, len(letters), _PAGE):
        calls = [store.call("revive", letter.entry) for letter in letters[start : start + _PAGE]]
        for reply in await store.backend.fcall_many(calls):
            if isinstance(reply, Exception):
                raise translate(reply) from reply
            revived += reply[0] == b"OK"
    return revived


async def drop(store: TaskStore, letters: list[DeadLetter]) -> int:
    """Removes dead letters; returns how many there were."""
    dropped = 0
    for start in range(0, len(letters), _PAGE):
        entries = [letter.entry for letter in letters[start : start + _PAGE]]
        dropped += await store.backend.wire.call("XDEL", store.keys.dead, *entries)
    return dropped


async def choose(
    store: TaskStore, ids: list[str], agent: str | None, *, every: bool
) -> list[DeadLetter]:
    """The dead letters of these tasks, of an agent, or all.

    Raises:
        ConfigError: none or more than one of the three is given.
        TaskNotFoundError: a task is no dead letter.
    """
    if bool(ids) + (agent is not None) + every != 1:
        raise ConfigError("ids", ids, "ids of tasks, or --agent, or --all: one of the three")
    found = [letter async for letter in dead_letters(store, agent)]
    if not ids:
        return found
    known = {letter.task for letter in found}
    for task_id in ids:
        if task_id not in known:
            raise TaskNotFoundError(task_id)
    return [letter for letter in found if letter.task in ids]


def _read(raw_id: bytes, fields: list[bytes]) -> DeadLetter:
    values = dict(zip(fields[::2], fields[1::2], strict=True))

    def text(name: bytes) -> str:
        return values.get(name, b"").decode(errors="replace")

    try:
        payload = msgspec.json.decode(decode_body(values[b"body"]).payload)
    except (msgspec.DecodeError, KeyError):
        payload = None
    return DeadLetter(
        entry=raw_id.decode(),
        task=text(b"task"),
        agent=text(b"agent"),
        reason=text(b"reason"),
        error=text(b"error"),
        attempts=int(text(b"attempts") or 0),
        crashes=int(text(b"crashes") or 0),
        submitted_ms=int(text(b"submitted") or 0),
        dead_ms=parse_id(raw_id)[0],
        payload=payload,
    )
