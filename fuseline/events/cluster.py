"""A wire to a cluster: each command goes to the master of its slot.

A connection of its own to each node, used as `Wire` uses it, because redis-py's cluster client has
the pools and the retries that `Wire` is there to do without.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
from typing import Any

import anyio
from redis.exceptions import AskError, ClusterDownError, MovedError, ReadOnlyError, TryAgainError

from fuseline.core.errors import BackendError, BackendUnavailableError
from fuseline.events.address import Host
from fuseline.events.nodes import Nodes
from fuseline.events.reads import ManyReads
from fuseline.events.routing import slots_of, split_read
from fuseline.events.wire import Command, Wire, translate

_MOST_ROUNDS = 16
_AGAIN_SECONDS = 0.02


class ClusterWire(Wire):
    """Connections to the nodes of a cluster, used as if they were one.

    Commands of one call to the same slot are carried out in their order; of commands to different
    slots nobody knows. `call_many` fails as a whole if one of the nodes does not answer, though
    the others have carried out theirs; `call_some` says which.
    """

    def __init__(self, nodes: Nodes, timeout_seconds: float, block_seconds: float = 0.0) -> None:
        self._nodes = nodes
        self._seconds = timeout_seconds
        self._block_seconds = block_seconds
        self._wires: dict[Host, Wire] = {}
        self._silent: Host | None = None  # the node that last did not answer
        self._reads: ManyReads | None = None
        self.commands_sent = 0

    async def call(self, *command: str | bytes | float) -> Any:
        """Sends one command; one that waits for streams in many slots waits in all of them."""
        if command[0] == "XREAD" and len(parts := split_read(command)) > 1:
            if self._reads is None:
                self._reads = ManyReads(self._make_reader, self._block_seconds)
            self.commands_sent += len(parts)
            return await self._reads.read(command, parts)
        return await super().call(*command)

    async def call_many(self, commands: Sequence[Command]) -> list[Any]:
        """Sends commands; error replies stand in the list as exceptions."""
        replies = await self.call_some(commands)
        for reply in replies:
            if isinstance(reply, BackendUnavailableError):
                raise reply
        return replies

    async def call_some(self, commands: Sequence[Command]) -> list[Any]:
        """Sends commands; those of a node that does not answer have BackendUnavailableError."""
        if not self._nodes.version:
            await self._nodes.refresh(0)
        self.commands_sent += len(commands)
        slots = slots_of(commands)
        is_transaction = ("MULTI",) in commands
        replies: list[Any] = [None] * len(commands)
        asked: dict[int, Host] = {}
        due = list(range(len(commands)))
        until = monotonic() + self._seconds
        for _ in range(_MOST_ROUNDS):
            version = self._nodes.version
            await self._round(commands, slots, due, asked, replies)
            asked = {}
            wait = 0.0
            again = []
            for n in due:
                match replies[n]:
                    case MovedError() as error:
                        slot = slots[n]
                        assert slot is not None
                        self._nodes.moved(slot, self._target(error, slot))
                        again.append(n)
                    case AskError() as error:
                        asked[n] = self._target(error, slots[n])
                        again.append(n)
                    case TryAgainError():
                        wait = _AGAIN_SECONDS
                        again.append(n)
                    case ClusterDownError() | ReadOnlyError() as error:
                        replies[n] = _unavailable(error)
            if any(isinstance(replies[n], BackendUnavailableError) for n in due):
                await self._relearn(version)
            if not again:
                break
            if monotonic() > until:
                for n in again:
                    replies[n] = _unavailable(replies[n])
                break
            # Half a transaction cannot be repeated; one that was redirected was not carried out.
            due = list(range(len(commands))) if is_transaction else again
            await anyio.sleep(wait)
        return replies

    async def _round(
        self,
        commands: Sequence[Command],
        slots: Sequence[int | None],
        due: Sequence[int],
        asked: dict[int, Host],
        replies: list[Any],
    ) -> None:
        """Sends what is due, to all nodes at once; the replies come to their places."""
        places: dict[Host, list[int]] = {}
        for n in due:
            try:
                host = asked.get(n) or self._nodes.master_of(slots[n])
            except BackendUnavailableError as error:
                replies[n] = error
            else:
                places.setdefault(host, []).append(n)

        async def send(host: Host, own: Sequence[int]) -> None:
            batch: list[Command] = []
            for n in own:
                batch += [("ASKING",), commands[n]] if n in asked else [commands[n]]
            try:
                found = iter(await self._wire(host).call_many(batch))
            except BackendError as error:
                self._silent = host
                for n in own:
                    replies[n] = error
                return
            for n in own:
                if n in asked:
                    next(found)
                replies[n] = next(found)

        if len(places) == 1:
            await send(*places.popitem())
        else:
            await asyncio.gather(*(send(host, own) for host, own in places.items()))

    async def _relearn(self, version: int) -> None:
        """A node failed: for the next call, finds out who has taken its place."""
        try:
            await self._nodes.refresh(version, self._silent)
        except BackendError:
            return  # the reply of the node that failed says enough

    def _target(self, error: AskError, slot: int | None) -> Host:
        # Without a host it is that of the node that has answered.
        return error.host or self._nodes.master_of(slot)[0], error.port

    def _wire(self, host: Host) -> Wire:
        wire = self._wires.get(host)
        if wire is None:
            seconds = self._seconds + self._block_seconds
            wire = Wire(self._nodes.pool(host), seconds, blocks=self._block_seconds > 0)
            self._wires[host] = wire
        return wire

    def _make_reader(self) -> Wire:
        return ClusterWire(self._nodes, self._seconds, self._block_seconds)

    async def each(self) -> list[Wire]:
        """A wire to each master."""
        if not self._nodes.version:
            await self._nodes.refresh(0)
        return [self._wire(host) for host in self._nodes.masters]

    async def close(self) -> None:
        """Closes the connections; a later call opens them again."""
        if self._reads is not None:
            await self._reads.close()
        for wire in self._wires.values():
            await wire.close()


def _unavailable(error: Exception) -> BackendUnavailableError:
    unavailable = BackendUnavailableError(f"the cluster is changing: {translate(error)}")
    unavailable.__cause__ = error
    return unavailable
