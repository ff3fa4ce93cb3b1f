"""The nodes of a cluster: which of them is master of a slot, as this process knows it."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

import anyio
from redis.asyncio.connection import ConnectionPool
from redis.exceptions import ResponseError

from fuseline.core.errors import BackendError, BackendUnavailableError
from fuseline.events.address import Address, Host, connection_arguments
from fuseline.events.wire import Wire, translate

_MOST_SECONDS_EACH = 0.5


class Nodes:
    """The masters by slot; shared by all wires of a `Backend`.

    Attributes:
        version: grows with each answer about all slots.
        moves: grows whenever a slot that was known has another master than before.
        masters: all of them, in the order of their slots.
    """

    def __init__(self, address: Address, timeout_seconds: float) -> None:
        self._address = address
        self._timeout_seconds = timeout_seconds
        self._starts: list[int] = []
        self._ranges: list[tuple[int, int, Host]] = []
        self._moved: dict[int, Host] = {}  # single slots, as redirections tell
        self._replicas: list[Host] = []
        self._asking = anyio.Lock()
        self.masters: list[Host] = []
        self.version = 0
        self.moves = 0

    def pool(self, host: Host) -> ConnectionPool:
        """What makes connections to a node."""
        arguments = connection_arguments(self._address.server, self._timeout_seconds)
        return ConnectionPool(**arguments | {"host": host[0], "port": host[1]})

    def master_of(self, slot: int | None) -> Host:
        """The master of a slot; any master if there is none.

        Raises:
            BackendUnavailableError: no node serves the slot.
        """
        if slot is None:
            return self.masters[0]
        if slot in self._moved:
            return self._moved[slot]
        at = bisect_right(self._starts, slot) - 1
        if at < 0 or slot > self._ranges[at][1]:
            raise BackendUnavailableError(f"no node of the cluster serves slot {slot}")
        return self._ranges[at][2]

    def moved(self, slot: int, host: Host) -> None:
        """A node has said who is master of a slot now."""
        self._moved[slot] = host
        if host not in self.masters:
            self.masters.append(host)
        self.moves += 1

    async def refresh(self, version: int, suspect: Host | None = None) -> None:
        """Asks who is master of what, unless somebody has since `version`.

        Args:
            version: the caller's knowledge that turned out to be wrong.
            suspect: a node that did not answer; it is asked last.

        Raises:
            BackendUnavailableError: no node says.
        """
        async with self._asking:
            if self.version != version:
                return
            hosts = dict.fromkeys((*self.masters, *self._replicas, *self._address.hosts))
            error: BackendError = BackendUnavailableError("no node of the cluster is known")
            for host in sorted(hosts, key=lambda host: host == suspect):
                try:
                    self._learn(await self._ask(host), host)
                except BackendUnavailableError as silent:
                    error = silent
                else:
                    return
            names = ", ".join(f"{host}:{port}" for host, port in hosts)
            raise BackendUnavailableError(f"no node of {names} answers: {error}") from error

    async def _ask(self, host: Host) -> list[Any]:
        share = min(_MOST_SECONDS_EACH, self._timeout_seconds / 2)
        wire = Wire(self.pool(host), share)  # not kept: it is needed rarely, and never in haste
        try:
            (reply,) = await wire.call_many([("CLUSTER", "SLOTS")])
        finally:
            await wire.close()
        if isinstance(reply, ResponseError) and "cluster support disabled" in str(reply):
            raise BackendError(
                f"{host[0]}:{host[1]} is no node of a cluster; use redis:// or redis+sentinel://"
            )
        if isinstance(reply, Exception):
            raise translate(reply) from reply
        if not reply:
            raise BackendUnavailableError(f"{host[0]}:{host[1]} knows no node that serves a slot")
        return list(reply)

    def _learn(self, reply: list[Any], asked: Host) -> None:
        ranges = sorted((part[0], part[1], _host(part[2], asked)) for part in reply)
        before = [(*part[:2], self._moved.get(part[0], part[2])) for part in self._ranges]
        if before and (before != ranges or any(self._moved)):
            self.moves += 1
        self._ranges, self._moved = ranges, {}
        self._starts = [part[0] for part in ranges]
        self.masters = list(dict.fromkeys(part[2] for part in ranges))
        self._replicas = [_host(node, asked) for part in reply for node in part[3:]]
        self.version += 1


def _host(node: list[Any], asked: Host) -> Host:
    """A node's address; without one it is where the answer came from."""
    name = node[0].decode() if isinstance(node[0], bytes) else node[0]
    return (name if name and name != "?" else asked[0]), int(node[1])
