"""Waiting for streams in many slots of a cluster, which takes a connection for each slot."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from time import monotonic
from typing import Any

from fuseline.core.errors import BackendError
from fuseline.events.wire import Command, Wire


class ManyReads:
    """Reads that block, one of each slot; those without an answer go on waiting between calls.

    Args:
        make_wire: makes the wire of a slot.
        block_seconds: how long each of them blocks.
    """

    def __init__(self, make_wire: Callable[[], Wire], block_seconds: float) -> None:
        self._make_wire = make_wire
        self._block_ms = round(block_seconds * 1000)
        self._wires: dict[int, Wire] = {}
        self._waiting: dict[int, tuple[Command, asyncio.Task[Any]]] = {}

    async def read(self, command: Command, parts: Mapping[int, Command]) -> list[Any] | None:
        """What `command` would bring from one server.

        Args:
            command: an XREAD, with BLOCK.
            parts: the same for each slot.

        Raises:
            BackendError: a slot cannot be read, and no other has brought anything.
        """
        until = monotonic() + float(command[command.index("BLOCK") + 1]) / 1000
        wanted = {slot: self._own_block(part) for slot, part in parts.items()}
        for slot, (sent, task) in list(self._waiting.items()):
            if wanted.get(slot) != sent:
                _give_up(task)
                del self._waiting[slot]
        while True:
            for slot, part in wanted.items():
                if slot not in self._waiting:
                    self._waiting[slot] = part, asyncio.create_task(self._wire(slot).call(*part))
            tasks = {task: slot for slot, (_, task) in self._waiting.items()}
            done, _ = await asyncio.wait(
                tasks, timeout=max(0.0, until - monotonic()), return_when=asyncio.FIRST_COMPLETED
            )
            found: list[Any] = []
            failed: BackendError | None = None
            for task in done:
                del self._waiting[tasks[task]]
                try:
                    found += task.result() or ()
                except BackendError as error:
                    failed = error
            if found:
                return found
            if failed is not None:
                raise failed
            if not done:
                return None

    def _own_block(self, part: Command) -> Command:
        """All block for the same time, whatever is left, so that the next call finds them again."""
        at = part.index("BLOCK") + 1
        return (*part[:at], self._block_ms, *part[at + 1 :])

    def _wire(self, slot: int) -> Wire:
        if slot not in self._wires:
            self._wires[slot] = self._make_wire()
        return self._wires[slot]

    async def close(self) -> None:
        """Ends what waits, and closes the connections."""
        waiting, self._waiting = self._waiting, {}
        for _, task in waiting.values():
            _give_up(task)
        if waiting:
            await asyncio.wait([task for _, task in waiting.values()])
        for wire in self._wires.values():
            await wire.close()


def _give_up(task: asyncio.Task[Any]) -> None:
    """Ends a read; its connection is closed with it, so its answer goes to nobody."""
    if not task.cancel() and not task.cancelled():
        task.exception()  # nobody else will ask
