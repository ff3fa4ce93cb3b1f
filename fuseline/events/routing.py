"""Which slot of a cluster a command goes to. Does no I/O."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from redis.crc import key_slot

from fuseline.events.wire import Command

# Commands without a key: any node answers them.
_KEYLESS = frozenset(
    {"ASKING", "CONFIG", "ECHO", "EXEC", "FUNCTION", "INFO", "MULTI", "PING", "ROLE", "TIME"}
)
_SECOND = frozenset({"MEMORY", "OBJECT", "XGROUP", "XINFO"})  # the key follows a subcommand


@lru_cache(maxsize=100_000)
def slot_of_key(key: str | bytes) -> int:
    """The slot of a key, by its hash tag if it has one."""
    return int(key_slot(key.encode() if isinstance(key, str) else key))


def slot_of(command: Command) -> int | None:
    """The slot of a command's first key; None: any node will do."""
    name = command[0]
    if name == "FCALL":
        return _slot(command[3]) if int(command[2]) else None
    if name == "XREAD":
        return _slot(command[command.index("STREAMS") + 1])
    at = 2 if name in _SECOND else 1
    if name in _KEYLESS or len(command) <= at:
        return None
    return _slot(command[at])


def slots_of(commands: Sequence[Command]) -> list[int | None]:
    """The slot of each command; a transaction goes where its keys are."""
    slots = [slot_of(command) for command in commands]
    if ("MULTI",) in commands:
        keyed = set(slots) - {None}
        assert len(keyed) == 1, "a transaction has the keys of one slot"
        slots = [*keyed] * len(slots)
    return slots


def split_read(command: Command) -> dict[int, Command]:
    """An XREAD of many streams as one of each slot: a cluster refuses it otherwise."""
    at = command.index("STREAMS") + 1
    half = (len(command) - at) // 2
    places: dict[int, list[int]] = {}
    for n in range(at, at + half):
        places.setdefault(_slot(command[n]), []).append(n)
    return {
        slot: (*command[:at], *(command[n] for n in own), *(command[n + half] for n in own))
        for slot, own in places.items()
    }


def _slot(key: str | bytes | float) -> int:
    assert isinstance(key, str | bytes)
    return slot_of_key(key)
